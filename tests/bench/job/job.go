// Package job is the work that every contestant of the benchmark is given: N named namespaces, each connected by one
// veth to a bridge that exists and is up. There is one bridge for each thousand namespaces.
package job

import (
	"fmt"
	"net/netip"
)

const (
	// Inside is the name of the veth end in each namespace.
	Inside = "eth0"
	// NetNS is the directory of the namespaces' names.
	NetNS = "/run/netns"
	// Max is the largest N.
	Max = 20_000
	// perBridge is the number of ports of a bridge. The kernel allows 1023 (BR_MAX_PORTS).
	perBridge = 1000
)

// Bridge is one bridge of the namespace that the contestants run in. Its address is the gateway of its ports.
type Bridge struct {
	Name    string
	Gateway netip.Prefix
}

// Bridges returns the bridges that n wires need.
func Bridges(n int) []Bridge {
	var all []Bridge
	for i := 0; i < n; i += perBridge {
		all = append(all, bridgeOf(i))
	}
	return all
}

func bridgeOf(i int) Bridge {
	b := i / perBridge
	return Bridge{fmt.Sprintf("br%d", b), netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(b), 0, 1}), 16)}
}

// Wire is one namespace's share of the job.
type Wire struct {
	Namespace string       // a name under NetNS
	Bridge    Bridge       // its gateway is the namespace's default route
	Host      string       // the veth end that becomes a port of Bridge
	Address   netip.Prefix // on Inside, the veth end in Namespace
}

// Wires lists the first n of them, always the same ones.
func Wires(n int) []Wire {
	wires := make([]Wire, n)
	for i := range wires {
		bridge, port := bridgeOf(i), i%perBridge
		wires[i] = Wire{
			Namespace: fmt.Sprintf("n%04d", i+1),
			Bridge:    bridge,
			Host:      fmt.Sprintf("v%04d", i+1),
			Address:   netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / perBridge), byte(1 + port/250), byte(1 + port%250)}), bridge.Gateway.Bits()),
		}
	}
	return wires
}
