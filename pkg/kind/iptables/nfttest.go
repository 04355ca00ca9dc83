package iptables

// nftTest compares a field of a packet, masked with mask, with a value, or with those from value to last.
type nftTest struct {
	field nftField
	mask  []byte
	not   bool
	value []byte
	// last is nil for one value.
	last []byte
}

// nftField is a field of a packet in a test.
type nftField int

const (
	fieldOther nftField = iota
	fieldIn
	fieldOut
	fieldInIndex
	fieldOutIndex
	fieldFamily
	fieldProtocol
	fieldPort
	fieldState
	fieldStatus
	fieldDestination4
	fieldDestination6
	fieldSource4
	fieldSource6
	fieldDestinationType
	// fieldConstant is a value in the rule itself.
	fieldConstant
)
