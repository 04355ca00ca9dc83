package link

var macvtap = &Type{
	Name:   "macvtap",
	Doc:    "a macvlan that a virtual machine opens as /dev/tapINDEX (ip-link(8), macvtap)",
	OwnMAC: true,
	Parent: NeedsParent,
	// TUN_READQ_SIZE in linux/if_tap.h.
	TxQueueLen:   500,
	SharesParent: true,
	New:          func() Options { return &macvlanOptions{} },
}
