package link

var ifb = &Type{
	Name:   "ifb",
	Doc:    "an interface to which others redirect what comes in, so that it can be queued and shaped (ip-link(8), tc-mirred(8))",
	OwnMAC: true,
	// ifb_netdev_ops in drivers/net/ifb.c has no ndo_set_mac_address.
	FixedMAC: true,
	// TX_Q_LIMIT in drivers/net/ifb.c, which sets no limit for the MTU.
	TxQueueLen: 32, MaxMTU: noMaxMTU,
}
