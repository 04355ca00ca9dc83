// Package iptables is what linkd says to iptables and ip6tables: the policies of the filter table's own chains, and
// rules. linkd's rules stand in chains of its own, named LINKD- and the built-in chain that each is reached from, by
// one jump. All that is outside those chains belongs to others.
package iptables

import (
	goiptables "github.com/coreos/go-iptables/iptables"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind and Kind6 are the kinds iptables and ip6tables. The nft backend announces its changes; the legacy one does not.
var (
	Kind  = register(ipv4)
	Kind6 = register(ipv6)
)

func register(f family) reconcile.Registered {
	return reconcile.Register[Resource](f.name, kind{f}, observe.RulesetTopic).MaybeSilent()
}

// family is one of the two: one schema, and one set of programs and tables each.
type family struct {
	// name is the name of the key, of the kind, and of the program.
	name string
	// spoken is what the packets are called.
	spoken   string
	protocol goiptables.Protocol
	// bits is the length of an address.
	bits int
	// born lists the tables of the legacy backend that are there, below /proc/net.
	born string
}

var (
	ipv4 = family{name: "iptables", spoken: "IPv4", protocol: goiptables.ProtocolIPv4, bits: 32, born: "ip_tables_names"}
	ipv6 = family{name: "ip6tables", spoken: "IPv6", protocol: goiptables.ProtocolIPv6, bits: 128, born: "ip6_tables_names"}
)

// config is the value of a namespace's key. Each of its fields has a file, and compiles to resources.
type config struct {
	Policies   policies     `yaml:"policies" doc:"what becomes of a packet that no rule of a chain of the filter table has decided on"`
	Masquerade []masquerade `yaml:"masquerade" doc:"what leaves takes the address of the interface that it leaves by"`
}

// Keys are the keys iptables and ip6tables of a namespace.
func Keys() []spec.Key { return []spec.Key{ipv4.key(), ipv6.key()} }

func (f family) key() spec.Key {
	doc := "policies, and rules in chains of linkd's own, for " + f.spoken
	return spec.NewKey(f.name, doc, func(c *spec.Context, value config) {
		value.Policies.declare(c, f)
		rules := chains{}
		for _, m := range value.Masquerade {
			m.compile(c, f, rules)
		}
		rules.declare(c, f)
	})
}
