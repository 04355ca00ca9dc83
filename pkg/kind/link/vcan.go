package link

var vcan = &Type{
	Name:  "vcan",
	Doc:   "a virtual CAN bus within one namespace (ip-link(8), vcan)",
	NoMAC: true,
	// CANFD_MTU and CANXL_MAX_MTU in linux/can.h, set by vcan_setup and vcan_change_mtu in drivers/net/can/vcan.c.
	MTU: 72, MaxMTU: 2060, MTUWhenDown: true,
}
