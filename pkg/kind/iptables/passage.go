package iptables

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"

	"linkd/pkg/observe"
)

// LookToFollow reads the rules that Follow needs in a namespace, for one of the two kinds, by its name. It writes nothing, creates
// no table and loads no module. If the programs are not installed, it reads the rules of nftables only.
func LookToFollow(ctx context.Context, ns *observe.NS, kindName string) (*Firewall, error) {
	s := &Firewall{family: familyNamed(kindName)}
	var err error
	if s.view, err = (kind{s.family}).look(ctx, ns, nil); errors.Is(err, exec.ErrNotFound) {
		s.view, err = &view{}, nil
	}
	if err != nil {
		return nil, err
	}
	err = ns.Do(func() (err error) {
		s.filtered, err = s.family.nftFilter()
		return err
	})
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("look at the tables of nftables: %w", err)
	}
	return s, nil
}

// Decision is what a table does with a packet at a hook. A table in which no rule or policy decides makes no Decision.
type Decision struct {
	Verdict Verdict
	// Table and Chain identify the place of the rule that decides. Rule is the rule as iptables prints it, or the policy, or, for a
	// foreign rule in nftables, a sentence about it.
	Table, Chain, Rule string
	// Masquerades: the packet gets the address of the interface by which it leaves. To is the new source or destination of another
	// translation. Its port is 0 if the port stays; it is invalid if linkd does not know the end.
	Masquerades, IsSource bool
	To                    netip.AddrPort
	// Doubtful has rules that may decide otherwise: linkd cannot tell whether the packet matches them.
	Doubtful []string
}

// tablesAt has the tables of each hook, in the kernel's order (enum nf_ip_hook_priorities in linux/netfilter_ipv4.h).
var tablesAt = map[string][]string{
	"PREROUTING":  {"raw", "mangle", nat},
	"INPUT":       {"mangle", filter, "security", nat},
	"FORWARD":     {"mangle", filter, "security"},
	"OUTPUT":      {"raw", "mangle", nat, filter, "security"},
	"POSTROUTING": {"mangle", nat},
}

// Follow follows a packet through the rules of the built-in chain hook in all tables. The kernel applies a table nat only to the
// first packet of a connection (net/netfilter/nf_nat_core.c). Only the last Decision can drop the packet.
func (s *Firewall) Follow(hook string, p Packet) (decisions []Decision) {
	for _, name := range tablesAt[hook] {
		if name == nat && p.Reply {
			continue
		}
		for _, t := range []*table{s.table(name), s.others[name]} {
			if t == nil || t.unreadable != nil {
				continue
			}
			d, some := t.follow(hook, p)
			if some {
				decisions = append(decisions, d)
			}
			switch d.Verdict {
			case Dropped:
				return decisions
			case Translated:
				if !d.IsSource && d.To.IsValid() {
					p.Destination, p.Answer.Source = d.To, d.To
				}
			}
		}
	}
	translated := slices.ContainsFunc(decisions, func(d Decision) bool { return d.Verdict == Translated })
	return append(decisions, s.nftDecisions(hook, p, translated)...)
}

// follow follows a packet through one table. some is false if no rule decides and none is doubtful.
func (t *table) follow(hook string, p Packet) (d Decision, some bool) {
	w := walk{table: t, meets: p.meets, steps: mostSteps}
	verdict, _ := w.through(hook, 0)
	d = Decision{Verdict: verdict, Table: t.name, Chain: w.decisiveIn, Doubtful: w.doubtful}
	switch {
	case w.steps < 0:
		d.Verdict, d.Doubtful = Unsure, []string{fmt.Sprintf("the table %s has more rules than linkd follows", t.name)}
		return d, true
	case verdict == Unsure && t.policy(hook) == "DROP":
		d.Verdict, d.Chain, d.Rule = Dropped, hook, policyText(hook, t.hasDocker())
	case verdict == Unsure:
		return d, len(d.Doubtful) > 0
	case w.decisive != nil:
		d.Rule = w.decisive.text()
		d.translate(w.decisive, p)
	}
	return d, d.Verdict != Unsure || len(d.Doubtful) > 0
}

// policyText describes a policy that drops a packet, and which program sets it.
func policyText(chain string, docker bool) string {
	if chain == "FORWARD" {
		return policyDrops(docker)
	}
	return "the policy of " + chain + " is DROP"
}

// translate sets what a rule changes in the packet's ends.
func (d *Decision) translate(r *Rule, p Packet) {
	switch target := r.targets(); target {
	case "MASQUERADE":
		d.Masquerades, d.IsSource = true, true
	case "SNAT":
		d.IsSource = true
		d.To, _ = endOf(r.value("--to-source"), 0)
	case "DNAT":
		d.To, _ = endOf(r.value("--to-destination"), p.Destination.Port())
	case "REDIRECT":
		d.To = redirected(r, p)
	}
}

// redirected returns the local end to which REDIRECT sends a packet: the loopback address for a packet that this machine sends. For
// another packet it is the address of the interface by which the packet came in, which any local address can represent.
func redirected(r *Rule, p Packet) netip.AddrPort {
	port := p.Destination.Port()
	if text := r.value("--to-ports"); text != "" {
		number, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			// It is a range.
			return netip.AddrPort{}
		}
		port = uint16(number)
	}
	switch {
	case p.In == "" && p.Destination.Addr().Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	case p.In == "":
		return netip.AddrPortFrom(netip.IPv6Loopback(), port)
	case p.Local(p.Destination.Addr()):
		return netip.AddrPortFrom(p.Destination.Addr(), port)
	}
	return netip.AddrPort{}
}

// Masquerades returns the rules of POSTROUTING that masquerade packets that leave by a named interface, with that name. If a packet
// is not masqueraded, the user may have misspelled the name.
func (s *Firewall) Masquerades() map[string]string {
	found := map[string]string{}
	t := s.table(nat)
	for _, chain := range slices.Sorted(maps.Keys(t.chains)) {
		for _, r := range t.chains[chain] {
			if at := slices.Index(r.Args, "-o"); at >= 0 && at+1 < len(r.Args) && r.targets() == "MASQUERADE" && !(at > 0 && r.Args[at-1] == "!") {
				found[r.Args[at+1]] = r.text()
			}
		}
	}
	return found
}
