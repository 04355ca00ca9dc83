package address

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"linkd/pkg/spec"
)

// The index finds the same as a search through all addresses, for both families, and for addresses with a peer or without a route.
func TestTheIndexFindsWhatALookAtAllFinds(t *testing.T) {
	ips := []string{"10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.1", "fd00::1", "fd00::2", "fd00:0:0:1::1"}
	ip := rapid.Custom(func(t *rapid.T) netip.Addr { return netip.MustParseAddr(rapid.SampledFrom(ips).Draw(t, "ip")) })
	dev := rapid.SampledFrom([]string{"eth0", "eth1", "eth2"})
	rapid.Check(t, func(t *rapid.T) {
		all := &spec.Set{}
		for range rapid.IntRange(0, 12).Draw(t, "addresses") {
			a := &Address{NS: rapid.SampledFrom([]string{"lab", "other"}).Draw(t, "ns"), Dev: dev.Draw(t, "dev")}
			at := ip.Draw(t, "address")
			lengths := []int{8, 24, 31, 32}
			if at.Is6() {
				lengths = append(lengths, 64, 128)
			}
			a.Prefix = netip.PrefixFrom(at, rapid.SampledFrom(lengths).Draw(t, "length"))
			if peer := ip.Draw(t, "peer"); rapid.Bool().Draw(t, "with peer") && peer.Is4() == at.Is4() {
				a.Peer = &peer
			}
			if rapid.Bool().Draw(t, "no route") {
				yes := true
				a.NoPrefixRoute = &yes
			}
			all.Add(a)
			wanted := ip.Draw(t, "wanted")
			if got, want := Beside(all, "lab", wanted), besideByLook(all, wanted); got != want {
				t.Fatalf("beside %s: %q, want %q", wanted, got, want)
			}
			devices := map[string]bool{dev.Draw(t, "one device"): true, dev.Draw(t, "another"): true}
			if got, want := Holder(all, "lab", wanted, devices), holderByLook(all, wanted, devices); got != want {
				t.Fatalf("holder of %s on %v: %v, want %v", wanted, devices, got, want)
			}
		}
	})
}

func besideByLook(all *spec.Set, ip netip.Addr) string {
	dev, length := "", -1
	for _, r := range all.In("lab", kindName) {
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

func holderByLook(all *spec.Set, ip netip.Addr, devices map[string]bool) (first *Address) {
	for _, r := range all.In("lab", kindName) {
		a := r.(*Address)
		if a.Prefix.Addr() == ip && devices[a.Dev] {
			return a
		}
		if a.Prefix.Addr() == ip && first == nil {
			first = a
		}
	}
	return first
}
