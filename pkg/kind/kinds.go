// Package kind is the one list of the kinds of resource.
package kind

import (
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/fdb"
	"linkd/pkg/kind/iptables"
	"linkd/pkg/kind/link"
	"linkd/pkg/kind/neighbour"
	"linkd/pkg/kind/netns"
	"linkd/pkg/kind/port"
	"linkd/pkg/kind/route"
	"linkd/pkg/kind/rule"
	"linkd/pkg/kind/sysctl"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// All is every kind, in the order in which a plan prefers them. Ports come after links, for a frame that floods a bridge
// costs by the number of its ports, and interfaces that come up flood (neighbour discovery, multicast listener reports);
// and before addresses, for who gets one begins to send, and a first question that meets no port yet is asked again after
// a second (retrans_time_ms in arp(7)).
func All() []reconcile.Registered {
	return []reconcile.Registered{
		netns.Kind,
		link.Kind,
		sysctl.Kind,
		iptables.Kind,
		iptables.Kind6,
		port.Kind,
		address.Kind,
		route.Kind,
		rule.Kind,
		neighbour.Kind,
		fdb.Kind,
	}
}

// Language is all that can be written in a file, in the order in which it is best read.
func Language() spec.Language {
	return spec.Language{
		Namespace: slices.Concat(netns.Keys(), []spec.Key{sysctl.NamespaceKey()}, iptables.Keys(), []spec.Key{route.NamespaceKey(), rule.Key()}),
		Link:      link.Decoder(slices.Concat(port.Keys(), []spec.Key{address.Key(), route.EndKey(), neighbour.Key(), fdb.Key(), sysctl.EndKey()})),
	}
}
