package dhcp

import (
	"net/netip"
	"time"

	"linkd/pkg/spec"
)

// version is a version of DHCP: what a client and servers say in it.
type version interface {
	// name is that of the protocol in messages.
	name() string
	// renewsAlone reports whether a renewal goes to the server alone.
	renewsAlone() bool
	// message returns the message of the machine's state.
	message(m *machine, now time.Time) []byte
	// giveBack returns the message that gives a lease back. declines: because another host has its address.
	giveBack(m *machine, l *Lease, declines bool) []byte
	// read reads a message. ok is false if it is no answer to this client.
	read(m *machine, message []byte, from netip.Addr, now time.Time) (a answer, ok bool)
}

// answerKind says what a server answers.
type answerKind int

const (
	// offered: it would give a lease, given: it gives one.
	offered answerKind = iota
	given
	// confirmed: the lease holds.
	confirmed
	// refused: the client must not use the address.
	refused
	// unknown: the server does not know the lease, and may give it anew (RFC 8415, 18.2.10.1).
	unknown
)

// urgent is the preference of a server whose offer the client takes at once (RFC 8415, 21.8).
const urgent = 255

// answer is what a server answers. lease has the server at least; err says why linkd cannot take what it gives.
type answer struct {
	kind       answerKind
	lease      Lease
	preference int
	why        string
	err        error
}

// versionOf returns the version for a client.
func versionOf(client spec.LeaseClient) version {
	if client.IPv6 {
		return newV6(client.NS + "/" + client.Device)
	}
	return v4{}
}
