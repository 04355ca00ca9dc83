package link

var vxcan = &Type{
	Name:   "vxcan",
	Doc:    "a virtual CAN bus with two ends, in any two namespaces (ip-link(8), vxcan)",
	Paired: true,
	NoMAC:  true,
	// As of a vcan.
	MTU: 72, MaxMTU: 2060, MTUWhenDown: true,
	// VXCAN_INFO_PEER in linux/can/vxcan.h.
	Attach: attachPeer(1, false),
}
