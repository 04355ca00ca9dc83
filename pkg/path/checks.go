package path

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// checkSource checks the source of a packet that comes in as the kernel does (fib_validate_source in net/ipv4/fib_frontend.c).
// IPv6 has no such check.
func (w *walk) checkSource(at place, vrf int) {
	source := w.from.Addr()
	if w.family() != unix.AF_INET || source.IsLoopback() {
		return
	}
	if own, err := has(at.ns, source, vrf); err == nil && own {
		w.stop(Routing, fmt.Sprintf("the packet comes from %s, which is an address of %s itself: the kernel drops it", source, at.ns.Name),
			fmt.Sprintf("give %s to one of the two only", source))
		return
	}
	mode, err := at.ns.ReversePathFilter(at.in.Index)
	if err != nil {
		w.note(Forwarding, Doubtful, "%v", err)
		return
	}
	w.note(Forwarding, "", "rp_filter is %d", mode)
	if mode == 0 {
		return
	}
	back, err := ask(at.ns, query{dst: source, vrf: vrf})
	switch {
	case isRefusal(err):
		w.stop(Routing, fmt.Sprintf("rp_filter is %d, and there is no route back to %s: the kernel drops the packet", mode, source),
			fmt.Sprintf("declare a route to %s in %s", source, at.ns.Name))
	case err == nil && mode == 1 && back.out != at.in.Index:
		w.stop(Routing, fmt.Sprintf("rp_filter is 1, and the route back to %s leaves by %s, not by %s, by which the packet comes in: the kernel drops it", source, back.dev, at.in.Name),
			fmt.Sprintf("declare a route to %s by %s in %s, or sysctls: {ipv4.rp_filter: 2} on %[2]s (and net.ipv4.conf.all.rp_filter not 1)", source, at.in.Name, at.ns.Name))
	}
}

// checkForwarding checks whether the namespace forwards what comes in (ip_rcv_finish and IN_DEV_FORWARD, ip6_forward).
func (w *walk) checkForwarding(at place) {
	if w.family() == unix.AF_INET6 {
		if forwards, err := at.ns.Forwards(unix.AF_INET6); err == nil && !forwards {
			w.unforwarded(at, "net.ipv6.conf.all.forwarding")
			return
		}
		w.note(Forwarding, "", "net.ipv6.conf.all.forwarding is 1")
		return
	}
	if forwards, err := at.ns.InterfaceForwards(unix.AF_INET, at.in.Index); err == nil && !forwards {
		w.unforwarded(at, "net.ipv4.ip_forward")
		return
	}
	w.note(Forwarding, "", "net.ipv4.ip_forward is 1")
}

func (w *walk) unforwarded(at place, setting string) {
	what := fmt.Sprintf("%s is no address of %s, and %s is 0: the packet is not forwarded", w.to.Addr(), at.ns.Name, setting)
	advice := fmt.Sprintf("give %s to %s, or, if that is meant to be a router, declare sysctls: {%s: 1} there", w.to.Addr(), at.ns.Name, setting)
	w.stop(Forwarding, what, advice)
}

// noWayBack stops the answer. If a namespace on the way was meant to masquerade the packet and does not, that is the cause.
func (w *walk) noWayBack(ns *observe.NS, what, advice string) {
	for _, t := range slices.SortedFunc(maps.Values(w.tracks), func(a, b *track) int { return strings.Compare(a.ns.Name, b.ns.Name) }) {
		if rule, missing := w.wouldMasquerade(t); missing != "" {
			w.stop(Routing, fmt.Sprintf("%s, the address of %s: %s did not masquerade the packet, which left by %s, because its rule is for %s (%s)", what, w.origin.Name, t.ns.Name, t.out, missing, rule),
				fmt.Sprintf("write out: %s in masquerade of the namespace %s", t.out, t.ns.Name))
			return
		}
	}
	w.stop(Routing, what+fmt.Sprintf(", so the answer cannot leave %s", ns.Name),
		advice+fmt.Sprintf("; or masquerade what %s sends, in a namespace between the two", w.origin.Name))
}

// wouldMasquerade is a rule of a namespace that masquerades by an interface that does not exist, and what is wrong with it; "" if
// the namespace did not forward the packet, or gave it another source.
func (w *walk) wouldMasquerade(t *track) (rule, missing string) {
	if t.out == "" || t.ns.Identity == w.origin.Identity || t.first.Source != t.answer.Destination {
		return "", ""
	}
	look := w.rules(t.ns)
	if look.err != nil {
		return "", ""
	}
	links, err := t.ns.Links(w.ctx)
	if err != nil {
		return "", ""
	}
	masquerades := look.Masquerades()
	for _, out := range slices.Sorted(maps.Keys(masquerades)) {
		if !strings.HasSuffix(out, "+") && links.ByName(out) == nil {
			return masquerades[out], fmt.Sprintf("%s, an interface that does not exist", out)
		}
	}
	return "", ""
}

// overlap says which interfaces of a namespace have a subnet with an address, if there are several.
func (w *walk) overlap(ns *observe.NS, ip netip.Addr) string {
	on, err := subnetsOn(w.ctx, ns)
	if err != nil {
		return ""
	}
	var texts []string
	for _, dev := range slices.Sorted(maps.Keys(on)) {
		for _, p := range on[dev] {
			if p.Contains(ip) && !p.IsSingleIP() {
				texts = append(texts, fmt.Sprintf("%s has %s", dev, p))
			}
		}
	}
	if len(texts) < 2 {
		return ""
	}
	return fmt.Sprintf("the subnets of %s overlap: %s", ns.Name, strings.Join(texts, ", "))
}
