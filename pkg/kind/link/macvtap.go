package link

var macvtap = &Type{
	Name:   "macvtap",
	Doc:    "as macvlan, for a virtual machine that opens it as /dev/tapINDEX (ip-link(8), macvtap)",
	OwnMAC: true,
	Parent: NeedsParent,
	// TUN_READQ_SIZE in linux/if_tap.h.
	TxQueueLen:   500,
	SharesParent: true,
	New:          func() Options { return &macvlanOptions{} },
}
