package iptables

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// nftFilter has the rules with which other programs filter and translate in nf_tables besides iptables: firewalld, ufw, or an
// administrator's /etc/nftables.conf. Each filtering base chain of a hook must accept a packet: if one drops it, no rule of
// iptables can accept it. Of the translating ones, the first that translates the packet decides.
type nftFilter struct {
	// bases has the base chains, and chains the rules of all chains of their tables.
	bases  []nftBase
	chains map[nftChain][]nftRule
	// count is the number of rules that were read, and sets the number of sets of states.
	count, sets int
}

// nftChain identifies a chain, with the family as in nft(8).
type nftChain struct{ family, table, name string }

func (c nftChain) String() string {
	return fmt.Sprintf("the chain %s of the nftables table %s %s", c.name, c.family, c.table)
}

type nftBase struct {
	nftChain
	// hook is the built-in chain of iptables at the same hook.
	hook  string
	drops bool
	// priority orders the base chains of the hook: the kernel calls lower ones first.
	priority int32
}

// mostNftRules is how many rules of all tables linkd reads. Root in the namespace can create any number: if there are more, linkd
// reports nothing.
const mostNftRules = 10_000

// mostSets is how many sets and maps of all tables linkd reads. It cannot follow a rule with a further set.
const mostSets = 32

// nftHooks has the hooks that linkd follows, by chain type (enum nf_inet_hooks in linux/netfilter.h).
var nftHooks = map[string]map[uint32]string{
	filter: {0: "PREROUTING", 1: "INPUT", 2: "FORWARD", 3: "OUTPUT", 4: "POSTROUTING"},
	nat:    {0: "PREROUTING", 1: "INPUT", 3: "OUTPUT", 4: "POSTROUTING"},
}

const (
	// protoInet is NFPROTO_INET in linux/netfilter.h, the family of tables for both IPv4 and IPv6.
	protoInet = 1
	// dormant is NFT_TABLE_F_DORMANT: the kernel does not call the chains of such a table.
	dormant = 1
)

// nftFilter reads the foreign rules in the thread's namespace.
func (f family) nftFilter() (*nftFilter, error) {
	found := &nftFilter{chains: map[nftChain][]nftRule{}}
	if observe.Unloaded("nf_tables") {
		// A request would load the module.
		return found, nil
	}
	names := map[int]string{protoInet: "inet", unix.AF_INET: "ip", unix.AF_INET6: "ip6"}
	for _, proto := range []int{protoInet, f.inet} {
		asleep := map[string]bool{}
		err := eachNft(unix.NFT_MSG_GETTABLE, proto, func(attrs map[uint16][]byte) bool {
			if bigEndian(attrs[unix.NFTA_TABLE_FLAGS])&dormant != 0 {
				asleep[unix.ByteSliceToString(attrs[unix.NFTA_TABLE_NAME])] = true
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		tables := map[string]bool{}
		err = eachNft(unix.NFT_MSG_GETCHAIN, proto, func(attrs map[uint16][]byte) bool {
			base, is := parseNftBase(names[proto], attrs)
			if is && !asleep[base.table] && !(proto != protoInet && slices.Contains(hooks[base.table], base.name)) {
				found.bases = append(found.bases, base)
				tables[base.table] = true
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		for _, table := range slices.Sorted(maps.Keys(tables)) {
			if err := found.readRules(proto, names[proto], table); err != nil || found.count > mostNftRules {
				return found, err
			}
		}
	}
	return found, nil
}

// parseNftBase parses a chain; is is false if linkd does not follow chains of its hook or type.
func parseNftBase(family string, attrs map[uint16][]byte) (b nftBase, is bool) {
	const accept = 1 // NF_ACCEPT in linux/netfilter.h
	hook, err := observe.Attrs(attrs[unix.NFTA_CHAIN_HOOK])
	if err != nil || attrs[unix.NFTA_CHAIN_HOOK] == nil {
		return b, false
	}
	b.nftChain = nftChain{family, unix.ByteSliceToString(attrs[unix.NFTA_CHAIN_TABLE]), unix.ByteSliceToString(attrs[unix.NFTA_CHAIN_NAME])}
	b.hook = nftHooks[unix.ByteSliceToString(attrs[unix.NFTA_CHAIN_TYPE])][bigEndian(hook[unix.NFTA_HOOK_HOOKNUM])]
	b.priority = int32(bigEndian(hook[unix.NFTA_HOOK_PRIORITY]))
	b.drops = bigEndian(attrs[unix.NFTA_CHAIN_POLICY]) != accept
	return b, b.hook != ""
}

// readRules reads the rules of a table. A table that does not exist any more has none.
func (n *nftFilter) readRules(proto int, family, table string) error {
	err := eachNft(unix.NFT_MSG_GETRULE, proto, func(attrs map[uint16][]byte) bool {
		if n.count++; n.count > mostNftRules {
			return false
		}
		if unix.ByteSliceToString(attrs[unix.NFTA_RULE_TABLE]) == table {
			at := nftChain{family, table, unix.ByteSliceToString(attrs[unix.NFTA_RULE_CHAIN])}
			n.chains[at] = append(n.chains[at], parseNftRule(attrs))
		}
		return true
	}, textAttr(unix.NFTA_RULE_TABLE, table))
	if n.count > mostNftRules {
		n.bases, n.chains = nil, nil
		return nil
	}
	if errors.Is(err, unix.ENOENT) {
		n.bases = slices.DeleteFunc(n.bases, func(b nftBase) bool { return b.family == family && b.table == table })
		return nil
	}
	for at, rules := range n.chains {
		for i := range rules {
			if at.family != family || at.table != table || rules[i].states == "" {
				continue
			}
			if n.sets++; n.sets > mostSets {
				rules[i].tests, rules[i].does = append(rules[i].tests, nftTest{field: fieldOther}), nftUnknown
				continue
			}
			rules[i].resolveStates(proto, table)
		}
	}
	n.expandLookups(proto, family, table)
	return err
}

// expandLookups replaces the rules of a table that look something up in a set or a map.
func (n *nftFilter) expandLookups(proto int, family, table string) {
	for at, rules := range n.chains {
		if at.family != family || at.table != table || !slices.ContainsFunc(rules, func(r nftRule) bool { return r.lookup != nil }) {
			continue
		}
		var all []nftRule
		for _, r := range rules {
			if r.lookup == nil {
				all = append(all, r)
				continue
			}
			var elements []nftElement
			known := false
			if n.sets++; n.sets <= mostSets && n.count <= mostNftRules {
				elements, known = readElements(proto, table, r.lookup.set)
				n.count += len(elements)
			}
			all = append(all, r.expand(elements, known)...)
		}
		n.chains[at] = all
	}
}
