package rule

import (
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Lacking returns the rules of the kernel that a namespace lacks because somebody deleted them, and to whose tables no other rule
// leads (fib_default_rules_init in net/ipv4/fib_rules.c, fib6_rules_net_init in net/ipv6/fib6_rules.c). The rule of the table default
// does not count: that table is empty.
func Lacking(ns *observe.NS, inet6 bool) (lacking []*Rule, err error) {
	family := uint8(unix.AF_INET)
	if inet6 {
		family = unix.AF_INET6
	}
	found, err := list(ns, family)
	if err != nil {
		return nil, err
	}
	for _, own := range []struct {
		priority uint32
		table    spec.Table
	}{{0, unix.RT_TABLE_LOCAL}, {32766, unix.RT_TABLE_MAIN}} {
		leads := func(r *Rule) bool { return r.Table == own.table && r.Suppress == (Limit{}) }
		if !slices.ContainsFunc(found, leads) {
			lacking = append(lacking, &Rule{NS: ns.Name, Inet6: inet6, Priority: own.priority, Table: own.table, Action: unix.FR_ACT_TO_TBL})
		}
	}
	return lacking, nil
}
