// Package job is the work that every contestant of the benchmark is given: N named namespaces, each wired
// by one veth into one bridge that is there already and up.
package job

import (
	"fmt"
	"net/netip"
)

// Bridge, with the address Gateway, stands in the namespace that the contestants run in.
const (
	Bridge = "br0"
	Inside = "eth0"
	NetNS  = "/run/netns"
	Max    = 1023 // a bridge takes no more ports; the next one is EXFULL
)

// Gateway is the bridge's address and the default route of every namespace.
var Gateway = netip.MustParsePrefix("10.0.0.1/16")

// Wire is one namespace's share of the job.
type Wire struct {
	Namespace string       // a name under NetNS
	Host      string       // the veth end that becomes a port of Bridge
	Address   netip.Prefix // on Inside, the veth end in Namespace
}

// Wires lists the first n of them, always the same ones.
func Wires(n int) []Wire {
	wires := make([]Wire, n)
	for i := range wires {
		wires[i] = Wire{
			Namespace: fmt.Sprintf("n%04d", i+1),
			Host:      fmt.Sprintf("v%04d", i+1),
			Address:   netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(1 + i/250), byte(1 + i%250)}), Gateway.Bits()),
		}
	}
	return wires
}
