package link

var ifb = &Type{
	Name:   "ifb",
	Doc:    "an interface to which filters redirect received packets, so that a qdisc can shape them (ip-link(8), tc-mirred(8))",
	OwnMAC: true,
	// ifb_netdev_ops in drivers/net/ifb.c has no ndo_set_mac_address.
	FixedMAC: true,
	// TX_Q_LIMIT in drivers/net/ifb.c, which sets no limit for the MTU.
	TxQueueLen: 32, MaxMTU: noMaxMTU,
}
