package address

import (
	"net/netip"
	"slices"

	"linkd/pkg/spec"
)

// index finds declared addresses of a namespace.
type index struct {
	// first has, for each IP, the first address in ID order, and on the first on each device.
	first map[netip.Addr]*Address
	on    map[onDevice]*Address
	// subnets has the device of each subnet; "" if several devices have it. lengths has the prefix lengths of the subnets, the
	// longest first.
	subnets map[netip.Prefix]string
	lengths []int
	// onLink has the subnets of each device, and families the address families of each device.
	onLink   map[deviceSubnet]bool
	families map[deviceFamily]bool
	// six has the first IPv6 address of each device.
	six map[string]*Address
}

type deviceSubnet struct {
	dev    string
	subnet netip.Prefix
}

type deviceFamily struct {
	dev string
	is6 bool
}

type onDevice struct {
	ip  netip.Addr
	dev string
}

func indexOf(all *spec.Set, ns string) *index {
	return spec.IndexOf(all, ns, kindName, func(addresses []spec.Resource) *index {
		x := &index{first: map[netip.Addr]*Address{}, on: map[onDevice]*Address{}, subnets: map[netip.Prefix]string{},
			onLink: map[deviceSubnet]bool{}, families: map[deviceFamily]bool{}, six: map[string]*Address{}}
		for _, r := range addresses {
			if a := r.(*Address); a.Prefix.IsValid() {
				x.add(a)
			}
		}
		return x
	})
}

func (x *index) add(a *Address) {
	ip := a.Prefix.Addr()
	if x.first[ip] == nil {
		x.first[ip] = a
	}
	if at := (onDevice{ip, a.Dev}); x.on[at] == nil {
		x.on[at] = a
	}
	if ip.Is6() && x.six[a.Dev] == nil {
		x.six[a.Dev] = a
	}
	subnet, err := spec.ValueOr(a.Peer, ip).Prefix(a.Prefix.Bits())
	if err == nil && !(ip.Is6() && ip.IsLinkLocalUnicast()) {
		x.families[deviceFamily{a.Dev, ip.Is6()}] = true
		x.onLink[deviceSubnet{a.Dev, subnet}] = true
		x.noteLength(subnet)
	}
	if err != nil || spec.ValueOr(a.NoPrefixRoute, false) {
		return
	}
	if dev, known := x.subnets[subnet]; !known {
		x.subnets[subnet] = a.Dev
	} else if dev != a.Dev {
		x.subnets[subnet] = ""
	}
	x.noteLength(subnet)
}

func (x *index) noteLength(subnet netip.Prefix) {
	if i, known := slices.BinarySearchFunc(x.lengths, subnet.Bits(), func(has, wanted int) int { return wanted - has }); !known {
		x.lengths = slices.Insert(x.lengths, i, subnet.Bits())
	}
}

// Holder returns the declared address of a namespace with an IP: on one of the devices if there is one, otherwise on any device. It
// returns nil if the files declare none.
func Holder(all *spec.Set, ns string, ip netip.Addr, devices map[string]bool) (holder *Address) {
	x := indexOf(all, ns)
	for dev := range devices {
		if a := x.on[onDevice{ip, dev}]; a != nil && (holder == nil || a.ID().Compare(holder.ID()) < 0) {
			holder = a
		}
	}
	if holder == nil {
		holder = x.first[ip]
	}
	return holder
}

// Beside returns the device with a declared address whose subnet contains ip, the smallest such subnet; "" if there is none, or if
// several devices have it.
func Beside(all *spec.Set, ns string, ip netip.Addr) string {
	x := indexOf(all, ns)
	for _, length := range x.lengths {
		// A length that this address family does not have belongs to the other family.
		if subnet, err := ip.Prefix(length); err == nil {
			if dev, known := x.subnets[subnet]; known {
				return dev
			}
		}
	}
	return ""
}

// ways returns the declared resources through which neighbours reach an interface: the interface, its other end, its parent, and
// the ports that these are.
func ways(all *spec.Set, dev spec.ID) (through []spec.ID) {
	links := []spec.ID{dev}
	for i := 0; i < len(links); i++ {
		at := links[i]
		link, is := all.Get(at).(interface{ ConnectedTo() []spec.ID })
		if !is {
			continue
		}
		through = append(through, at)
		if port := (spec.ID{NS: at.NS, Kind: "port", Key: at.Key}); all.Get(port) != nil {
			through = append(through, port)
		}
		for _, other := range link.ConnectedTo() {
			if !slices.Contains(links, other) {
				links = append(links, other)
			}
		}
	}
	return through
}

// Membership returns the port that linkd must configure before it adds anything to a device. The kernel sets an interface that
// joins a VRF down and up (cycle_netdev in drivers/net/vrf.c), and so removes its routes and IPv6 addresses.
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
