package address

import (
	"net/netip"

	"linkd/pkg/spec"
)

// Holders are the declared addresses of a namespace that are ip, on whatever device.
func Holders(all *spec.Set, ns string, ip netip.Addr) (holders []*Address) {
	for _, r := range all.In(ns, kindName) {
		if a := r.(*Address); a.Prefix.Addr() == ip {
			holders = append(holders, a)
		}
	}
	return holders
}

// Beside is the device on which a declared address of the namespace has ip in its subnet, the smallest if there are
// several; "" where there is none, or more than one device would do.
func Beside(all *spec.Set, ns string, ip netip.Addr) string {
	dev, length := "", -1
	for _, r := range all.In(ns, kindName) {
		a := r.(*Address)
		subnet := netip.PrefixFrom(spec.ValueOr(a.Peer, a.Prefix.Addr()), a.Prefix.Bits())
		switch {
		case !subnet.Contains(ip) || subnet.Bits() < length || spec.ValueOr(a.NoPrefixRoute, false):
		case subnet.Bits() > length:
			dev, length = a.Dev, subnet.Bits()
		case dev != a.Dev:
			dev = ""
		}
	}
	return dev
}

// Membership is the port of a device that has to be one before the device has anything: the kernel sets an interface
// down and up that it puts into a VRF (cycle_netdev in drivers/net/vrf.c), and what goes with that are its routes and its
// IPv6 addresses.
func Membership(all *spec.Set, ns, dev string) []spec.ID {
	id := spec.ID{NS: ns, Kind: "port", Key: dev}
	port, is := all.Get(id).(interface{ MasterID() spec.ID })
	if !is {
		return nil
	}
	if master, is := all.Get(port.MasterID()).(interface{ ResetsPorts() bool }); is && master.ResetsPorts() {
		return []spec.ID{id}
	}
	return nil
}
