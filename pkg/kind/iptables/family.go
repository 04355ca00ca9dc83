// Package iptables implements rules of iptables and ip6tables, and the policies of the filter table's chains. linkd's rules are in
// chains of its own. Each is named LINKD- and the built-in chain from which one jump leads to it. Everything outside those chains
// belongs to other programs.
//
// Each chain has first the entries of rules, then those of forward, publish and masquerade, each in the order of its list. So rules
// can make exceptions from the other keys, and forward from publish. An entry of forward that matches everything comes last: it is
// for the remaining packets.
package iptables

import (
	goiptables "github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/sysctl"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind and Kind6 are the kinds iptables and ip6tables. The nft backend announces its changes; the legacy one does not. linkd also
// listens to events about addresses, because these determine which hosts are in the subnet of a published target.
var (
	Kind  = register(ipv4, legacySamples)
	Kind6 = register(ipv6, nil)
)

// register registers the kind of a family. Both kinds share the samples of one.
func register(f family, samples *observe.Sampling) reconcile.Registered {
	k := kind{f}
	return reconcile.Register[Resource](f.name, k, reconcile.Capabilities[Resource]{
		Ownership: reconcile.Ownership[Resource]{Leftover: holdsPast},
		Topics:    []observe.Topic{observe.RulesetTopic, observe.AddressTopic},
		Follows:   []observe.Topic{observe.NetconfTopic},
		Programs:  true,
		Recurs:    true,
		Samples:   samples,
		Silent:    func(have Resource) bool { return !have.announced() },
		FromID:    k.FromID,
		Settings:  k,
		Show:      k.Show,
		Contents:  contents,
		Health: func(want, have Resource) reconcile.Condition {
			return reconcile.Condition{Verdict: reconcile.Verdict{State: reconcile.OK, Reason: want.remark(have)}}
		},
	})
}

// family is one of the two families. Both have the same schema, and each its programs and tables.
type family struct {
	// name is the name of the key, the kind and the program.
	name string
	// spoken is the name of the packets in messages.
	spoken string
	// bits is the length of an address.
	bits int
	// born is the file below /proc/net that lists the existing tables of the legacy backend.
	born string
	// shape is the layout of the legacy backend's rules.
	shape entryShape
	// inet is the family's number (address_families(7)), and protocol its number in go-iptables.
	inet     int
	protocol goiptables.Protocol
	// protocolName is the family's directory below /proc/sys/net.
	protocolName string
	// forwarding is the setting that makes a namespace forward packets.
	forwarding string
	loopback   string
	// unreachable is the default answer of REJECT.
	unreachable string
}

var (
	ipv4 = family{
		name: "iptables", spoken: "IPv4", bits: 32, born: "ip_tables_names", inet: unix.AF_INET, protocol: goiptables.ProtocolIPv4,
		protocolName: "ipv4", shape: entryShape{next: 90, counters: 96}, forwarding: "net/ipv4/ip_forward",
		loopback: "127.0.0.0/8", unreachable: "icmp-port-unreachable",
	}
	ipv6 = family{
		name: "ip6tables", spoken: "IPv6", bits: 128, born: "ip6_tables_names", inet: unix.AF_INET6, protocol: goiptables.ProtocolIPv6,
		protocolName: "ipv6", shape: entryShape{next: 142, counters: 152}, forwarding: "net/ipv6/conf/all/forwarding",
		loopback: "::1/128", unreachable: "icmp6-port-unreachable",
	}
)

func familyNamed(name string) family {
	if name == ipv6.name {
		return ipv6
	}
	return ipv4
}

// config is the value of a namespace's key. Each field has a file, and compiles to resources.
type config struct {
	Policies   policies     `yaml:"policies" doc:"the policies of the chains in the table filter, for packets that no rule accepts or drops"`
	Masquerade []masquerade `yaml:"masquerade" also:"snat nat" doc:"replace the source of packets by the address of the interface through which they leave (NAT)"`
	Forward    []forward    `yaml:"forward" doc:"which packets the namespace forwards, and which it drops"`
	Publish    []publish    `yaml:"publish" also:"ports dnat portmappings" doc:"ports that the namespace forwards to another machine"`
	Rules      []verbatim   `yaml:"rules" doc:"any other rules"`
}

// Keys returns the keys iptables and ip6tables of a namespace.
func Keys() []spec.Key { return []spec.Key{ipv4.key(), ipv6.key()} }

func (f family) key() spec.Key {
	doc := "policies, and rules in chains of linkd's own, for " + f.spoken
	return spec.NewKey(f.name, doc, func(c *spec.Context, value config) {
		c.Later(func() {
			chains := value.compile(c, f)
			chains.declare(c, f)
			value.Policies.declare(c, f, chains.inFilter())
			sysctl.ForwardAfter(c.All(), c.NS, f.protocolName, f.forwardFilter(c))
		})
	})
}

// forwardFilter returns the declared resources of a namespace that decide which packets it forwards: the policy of FORWARD, and the
// rules.
func (f family) forwardFilter(c *spec.Context) (ids []spec.ID) {
	for _, key := range []string{policyPrefix + "FORWARD", filter + "/" + ownPrefix + "FORWARD"} {
		if id := (spec.ID{NS: c.NS, Kind: f.name, Key: key}); c.Declared(id) != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// compile returns the rules of all keys, in their order in a chain.
func (v config) compile(c *spec.Context, f family) chains {
	chains := chains{}
	for _, r := range v.Rules {
		r.compile(c, f, chains)
	}
	last := forwards(c, f, v.Forward, chains)
	publishes(c, f, v.Publish, chains)
	for _, r := range last {
		chains.add(filter, "FORWARD", r)
	}
	for _, m := range v.Masquerade {
		m.compile(c, f, chains)
	}
	if chain := chains[chainName{"nat", "POSTROUTING"}]; chain != nil {
		chain.unforwarded = len(v.Masquerade) > 0 && len(v.Forward) == 0 && v.Policies.Forward == nil
	}
	return chains
}

// path returns the path of a namespace's key in the files, for marks.
func (f family) path(c *spec.Context, key string) string { return c.NS + "/" + f.name + "/" + key }
