package path

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/rule"
	"linkd/pkg/observe"
)

// query is a question for a route (RTM_GETROUTE in rtnetlink(7)).
type query struct {
	dst, src netip.Addr
	// in is the index of the interface that the packet came in by, and vrf that of the VRF that it is sent in; or 0.
	in, vrf      int
	protocol     uint8
	sport, dport uint16
}

// route is the kernel's decision about a packet.
type route struct {
	kind uint8
	// to is the destination of the route's entry.
	to   netip.Prefix
	dev  string
	out  int
	via  netip.Addr
	src  netip.Addr
	mtu  int
	from uint32 // the table
}

// nextHop is the neighbour that gets the packet.
func (r *route) nextHop(dst netip.Addr) netip.Addr {
	if r.via.IsValid() {
		return r.via
	}
	return dst
}

// limit is the size in bytes of the largest packet that may leave by the route.
func (r *route) limit(out *observe.Link) int {
	if r.mtu > 0 {
		return min(r.mtu, out.MTU)
	}
	return out.MTU
}

// ask returns the decision about a packet, and the entry of the routing table that it follows from.
func ask(ns *observe.NS, q query) (*route, error) {
	r, err := decision(ns, q, 0)
	if err != nil {
		return nil, err
	}
	// The entry has the destination and the table.
	if entry, err := decision(ns, q, unix.RTM_F_FIB_MATCH); err == nil {
		r.to, r.from = entry.to, entry.from
		r.mtu = cmp.Or(r.mtu, entry.mtu)
	}
	if r.dev, err = ns.NameOf(r.out); err != nil {
		return nil, err
	}
	return r, nil
}

// has tells whether an address is one of the namespace's own, or of its VRF with that index.
func has(ns *observe.NS, ip netip.Addr, vrf int) (bool, error) {
	r, err := decision(ns, query{dst: ip, vrf: vrf}, 0)
	if isRefusal(err) {
		return false, nil
	}
	return err == nil && (r.kind == unix.RTN_LOCAL || r.kind == unix.RTN_ANYCAST), err
}

// isRefusal tells whether the kernel has no route for a packet, or one that drops it.
func isRefusal(err error) bool {
	for _, refusal := range []error{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.EXDEV, unix.EAGAIN} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

func decision(ns *observe.NS, q query, flags uint32) (*route, error) {
	bits := uint8(q.dst.BitLen())
	head := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET6, Dst_len: bits, Flags: flags}}
	if q.dst.Is4() {
		head.Family, head.Flags = unix.AF_INET, flags|unix.RTM_F_LOOKUP_TABLE
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	req.AddData(head)
	add := func(kind int, value []byte) { req.AddData(nl.NewRtAttr(kind, value)) }
	add(unix.RTA_DST, q.dst.AsSlice())
	if q.src.IsValid() {
		head.Src_len = bits
		add(unix.RTA_SRC, q.src.AsSlice())
	}
	switch {
	case q.in != 0:
		add(unix.RTA_IIF, nl.Uint32Attr(uint32(q.in)))
	case q.vrf != 0:
		add(unix.RTA_OIF, nl.Uint32Attr(uint32(q.vrf)))
	}
	if q.protocol != 0 {
		add(unix.RTA_IP_PROTO, []byte{q.protocol})
	}
	if q.protocol == unix.IPPROTO_TCP && q.dport != 0 {
		add(unix.RTA_DPORT, binary.BigEndian.AppendUint16(nil, q.dport))
	}
	msgs, err := ns.Request(req, unix.RTM_NEWROUTE)
	if err != nil {
		return nil, err
	}
	if len(msgs) == 0 {
		return nil, unix.ENETUNREACH
	}
	return parse(msgs[0])
}

func parse(msg []byte) (*route, error) {
	if len(msg) < unix.SizeofRtMsg {
		return nil, unix.EINVAL
	}
	head := nl.DeserializeRtMsg(msg)
	to := netip.IPv4Unspecified()
	if head.Family == unix.AF_INET6 {
		to = netip.IPv6Unspecified()
	}
	r := &route{kind: head.Type, from: uint32(head.Table)}
	err := observe.EachAttr(msg[unix.SizeofRtMsg:], func(kind uint16, value []byte) error {
		return r.add(kind, value, &to)
	})
	r.to = netip.PrefixFrom(to, int(head.Dst_len))
	return r, err
}

func (r *route) add(kind uint16, value []byte, to *netip.Addr) error {
	ip, isIP := netip.AddrFromSlice(value)
	switch kind {
	case unix.RTA_DST:
		if isIP {
			*to = ip
		}
	case unix.RTA_GATEWAY:
		if isIP {
			r.via = ip
		}
	case unix.RTA_VIA:
		// struct rtvia: a family, and an address of it.
		if len(value) > 2 {
			r.via, _ = netip.AddrFromSlice(value[2:])
		}
	case unix.RTA_PREFSRC:
		if isIP {
			r.src = ip
		}
	case unix.RTA_OIF:
		r.out = int(observe.Number(value))
	case unix.RTA_TABLE:
		r.from = uint32(observe.Number(value))
	case unix.RTA_METRICS:
		return observe.EachAttr(value, func(kind uint16, value []byte) error {
			if kind == unix.RTAX_MTU {
				r.mtu = int(observe.Number(value))
			}
			return nil
		})
	}
	return nil
}

// noteRoute says by which route the packet goes, in the words of ip-route(8), and by which policy rule it was found.
func (w *walk) noteRoute(ns *observe.NS, q query, r *route) {
	if r.kind == unix.RTN_LOCAL {
		w.note(Routing, "", "%s is its own address", q.dst)
		return
	}
	text := r.to.String()
	if r.to.Bits() == 0 {
		text = "default"
	}
	if r.via.IsValid() {
		text += " via " + r.via.String()
	}
	text += " dev " + r.dev
	if r.src.IsValid() && !w.reply {
		text += " src " + r.src.String()
	}
	if r.from != unix.RT_TABLE_MAIN {
		text += " table " + strconv.FormatUint(uint64(r.from), 10)
		if by := w.ruleFor(ns, q, r); by != "" {
			text += ", by the rule " + by
		}
	}
	w.note(Routing, "", "%s", text)
}

// mostRules is how many policy rules linkd compares with a packet.
const mostRules = 10_000

// ruleFor is the policy rule that led to the route's table, in the words of its ID; "" if linkd cannot tell.
func (w *walk) ruleFor(ns *observe.NS, q query, r *route) string {
	rules, err := rule.In(ns, w.family())
	if err != nil {
		return ""
	}
	in := "lo"
	if q.in != 0 {
		in, _ = ns.NameOf(q.in)
	}
	for _, at := range rules[:min(len(rules), mostRules)] {
		if uint32(at.Table) != r.from || at.From.IsValid() && !at.From.Contains(w.from.Addr()) || at.To.IsValid() && !at.To.Contains(q.dst) ||
			at.IIF != "" && at.IIF != in || at.AsksMore() {
			continue
		}
		return at.ID().Key
	}
	return ""
}

// unroutable says why there is no route. An error that is not the kernel's answer about the packet is returned.
func (w *walk) unroutable(ns *observe.NS, q query, err error) error {
	if !isRefusal(err) {
		return err
	}
	what := fmt.Sprintf("there is no route to %s", q.dst)
	advice := fmt.Sprintf("declare a route to it in %s: routes: [{to: %s, via: GATEWAY}], or a default route", ns.Name, q.dst)
	if down := w.downIn(ns); down != "" {
		what += ", and " + down + " is down: an interface that is down has no routes"
		advice = fmt.Sprintf("set %s up, or %s", down, advice)
	}
	switch {
	case errors.Is(err, unix.EACCES):
		what, advice = fmt.Sprintf("a route or rule of the type prohibit refuses packets to %s", q.dst), "remove that route or rule, or declare a more specific route"
	case errors.Is(err, unix.EINVAL) && q.in == 0:
		what, advice = fmt.Sprintf("a route or rule of the type blackhole drops packets to %s", q.dst), "remove that route or rule, or declare a more specific route"
	case errors.Is(err, unix.EHOSTUNREACH) && q.in == 0:
		what, advice = fmt.Sprintf("a route or rule of the type unreachable refuses packets to %s", q.dst), "remove that route or rule, or declare a more specific route"
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EXDEV):
		what = fmt.Sprintf("the kernel refuses to forward a packet from %s that came in by this interface", w.from.Addr())
		advice = "check that the source has a route back by this interface, and that it is no address of the namespace itself"
	}
	if w.reply {
		w.noWayBack(ns, what, advice)
		return nil
	}
	w.stop(Routing, what, advice)
	return nil
}

// downIn is the first interface of a namespace that has addresses and is down; "" if there is none.
func (w *walk) downIn(ns *observe.NS) string {
	links, err := ns.Links(w.ctx)
	if err != nil {
		return ""
	}
	on, err := subnetsOn(w.ctx, ns)
	if err != nil {
		return ""
	}
	for _, l := range links.All {
		if !l.Up() && len(on[l.Name]) > 0 {
			return l.Name
		}
	}
	return ""
}
