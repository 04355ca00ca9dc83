package address

import (
	"net/netip"

	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show writes the observed addresses as files would declare them, in the kernel's order: the first IPv4 address of a subnet is the
// primary one.
func (kind) Show(doc *spec.Document, found []*Address, kept reconcile.JournalLookup) {
	for _, a := range found {
		_, ours := kept(a.ID())
		e := a.entry()
		if _, replaces := kept(spec.ReplacedID(a.NS, kindName+" "+a.Prefix.String())); replaces && a.Proto == Mark {
			e.Adopt = &replaces
		}
		wrong := spec.Unwritable(a.NS, a.Dev, e)
		client := spec.LeaseClient{NS: a.NS, Device: a.Dev, IPv6: a.Prefix.Addr().Is6()}
		switch {
		case a.byItself():
		case a.Proto == Mark && doc.Leases[client].Prefix == a.Prefix:
			doc.End(a.NS, a.Dev).Set(spec.LeaseKey(client.IPv6), true)
		case a.Proto != Mark && !ours && spec.ValueOr(a.ValidLft, Forever) != Forever:
			doc.LeaveOut(a.NS, a.Dev, "address", "that runs out: somebody keeps it alive, by DHCP or by router advertisements")
		case wrong != nil:
			doc.LeaveOut(a.NS, a.Dev, "address", "that cannot be written: "+wrong.Error())
		default:
			spec.Append(doc.End(a.NS, a.Dev), keyName, e)
		}
	}
}

// byItself reports whether the kernel adds the address when the device comes up. Kernels before 5.18 do not report that.
func (a *Address) byItself() bool {
	if a.byKernel() {
		return true
	}
	ip := a.Prefix.Addr()
	own := a.Prefix == netip.MustParsePrefix("127.0.0.1/8") || a.Prefix == netip.MustParsePrefix("::1/128")
	return (a.Dev == "lo" && own) || (!observe.KernelIs(5, 18) && ip.Is6() && ip.IsLinkLocalUnicast() && a.Prefix.Bits() == 64)
}

// entry returns the keys of an observed address that differ from their defaults.
func (a *Address) entry() entry {
	e := entry{Address: prefix{Prefix: a.Prefix}}
	if a.Peer != nil {
		e.Peer = &prefix{Prefix: netip.PrefixFrom(*a.Peer, a.Prefix.Bits())}
	}
	if a.Label != nil && *a.Label != a.Dev {
		e.Label = a.Label
	}
	if scope := Scope(0); a.Scope != nil {
		if a.Prefix.Addr().IsLoopback() {
			scope = scopeHost
		}
		if *a.Scope != scope {
			e.Scope = a.Scope
		}
	}
	if a.Broadcast != nil {
		text := broadcastText(a.Broadcast.String())
		e.Broadcast = &text
	}
	e.NoDAD, e.NoPrefixRoute, e.Metric = unlessZero(a.NoDAD), unlessZero(a.NoPrefixRoute), unlessZero(a.Metric)
	if spec.ValueOr(a.ValidLft, Forever) != Forever {
		e.ValidLft = a.ValidLft
	}
	if spec.ValueOr(a.PreferredLft, Forever) != Forever {
		e.PreferredLft = a.PreferredLft
	}
	return e
}

func unlessZero[T comparable](p *T) *T {
	var zero T
	if p != nil && *p == zero {
		return nil
	}
	return p
}

// EncodeNode encodes the address alone, if it has no other keys.
func (e entry) EncodeNode() *yaml.Node {
	n := spec.EncodeMapping(e)
	if len(n.Content) == 2 {
		return n.Content[1]
	}
	return n
}
