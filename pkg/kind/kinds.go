// Package kind lists all kinds of resource.
package kind

import (
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/altname"
	"linkd/pkg/kind/device"
	"linkd/pkg/kind/dhcp"
	"linkd/pkg/kind/etcfile"
	"linkd/pkg/kind/fdb"
	"linkd/pkg/kind/iptables"
	"linkd/pkg/kind/link"
	"linkd/pkg/kind/neighbour"
	"linkd/pkg/kind/netns"
	"linkd/pkg/kind/port"
	"linkd/pkg/kind/replaced"
	"linkd/pkg/kind/route"
	"linkd/pkg/kind/rule"
	"linkd/pkg/kind/shape"
	"linkd/pkg/kind/sysctl"
	"linkd/pkg/kind/wireguard"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// All returns every kind, in the order in which a plan prefers them. Ports come after links, because the cost of a
// frame that floods a bridge depends on the number of its ports, and interfaces that come up flood (neighbour
// discovery, multicast listener reports). Ports come before addresses, because an interface with an address begins to
// send, and a first request without a port is repeated only after a second (retrans_time_ms in arp(7)).
func All() []reconcile.Registered {
	return []reconcile.Registered{
		netns.Kind,
		etcfile.Kind,
		link.Kind,
		altname.Kind,
		device.Kind,
		sysctl.Kind,
		iptables.Kind,
		iptables.Kind6,
		port.Kind,
		replaced.Kind,
		address.Kind,
		route.Kind,
		rule.Kind,
		neighbour.Kind,
		fdb.Kind,
		shape.Egresses,
		shape.Clsacts,
		shape.Ingresses,
		wireguard.Kind,
		wireguard.PeerKind,
	}
}

// Language returns all keys of a file, in the order in which they are easiest to read.
func Language() spec.Language {
	return spec.Language{
		Namespace: slices.Concat(netns.Keys(), etcfile.Keys(), []spec.Key{sysctl.NamespaceKey()}, iptables.Keys(), []spec.Key{replaced.Watch(route.NamespaceKey()), rule.Key()}),
		Link:      link.Decoder(slices.Concat(port.Keys(), []spec.Key{replaced.Watch(address.Key())}, dhcp.Keys(), []spec.Key{replaced.Watch(route.EndKey()), neighbour.Key(), fdb.Key(), sysctl.EndKey(), altname.Key()}, device.Keys(), shape.Keys())),
	}
}
