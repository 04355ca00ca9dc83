package belongings

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// Place has the attributes by which the kernel distinguishes routes.
type Place struct {
	// To has no bits set after its prefix length.
	To            netip.Prefix
	Table, Metric uint32
	TOS           uint8
}

// Addresses returns the addresses of a namespace that are equal to prefix, on whatever interface.
func Addresses(ns *observe.NS, prefix netip.Prefix) (Belongings, error) {
	ask := nl.NewIfAddrmsg(familyOf(prefix))
	return pick(ns, unix.RTM_GETADDR, ask, func(e entry) bool { return e.prefix() == prefix })
}

// Routes returns the routes of a namespace in a place.
func Routes(ns *observe.NS, at Place) (Belongings, error) {
	ask := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(familyOf(at.To))}}
	return pick(ns, unix.RTM_GETROUTE, ask, func(e entry) bool { return e.place() == at })
}

func familyOf(p netip.Prefix) int {
	if p.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// pick returns the lasting entries of a dump that are chosen, with the names of their interfaces.
func pick(ns *observe.NS, about uint16, ask nl.NetlinkRequestData, chosen func(entry) bool) (b Belongings, err error) {
	answer := about - 2 // RTM_NEW* of RTM_GET*
	req := nl.NewNetlinkRequest(int(about), unix.NLM_F_DUMP)
	req.AddData(ask)
	msgs, err := ns.Request(req, answer)
	if err != nil {
		return b, err
	}
	b = Belongings{Devices: map[int]string{}}
	for _, msg := range msgs {
		e := entry{Type: answer, Message: msg}
		if !chosen(e) || !e.lasting() {
			continue
		}
		// A part of an answer keeps all of it in memory.
		e.Message = slices.Clone(msg)
		e.dropState()
		for _, index := range e.devices() {
			if b.Devices[index], err = ns.NameOf(index); err != nil {
				return b, err
			}
		}
		b.Entries = append(b.Entries, e)
	}
	return b, nil
}

// dropState removes from the message what the kernel reports of the entry's state, and request does not use: since when it is
// there, and whether its interface has a carrier.
func (e entry) dropState() {
	const stamps = 8 // struct ifa_cacheinfo: preferred and valid lifetime, cstamp, tstamp
	attrs := e.attrs()
	switch e.Type {
	case unix.RTM_NEWADDR:
		if info := attrs[unix.IFA_CACHEINFO]; len(info) > stamps {
			clear(info[stamps:])
		}
	case unix.RTM_NEWROUTE:
		native := nl.NativeEndian()
		native.PutUint32(e.Message[8:], native.Uint32(e.Message[8:])&unix.RTNH_F_ONLINK)
		clear(attrs[unix.RTA_CACHEINFO])
		eachHop(attrs[unix.RTA_MULTIPATH], func(hop []byte) { hop[2] &= unix.RTNH_F_ONLINK })
	}
}

// prefix returns the address of an entry, with its length.
func (e entry) prefix() netip.Prefix {
	attrs := e.attrs()
	ip := attrs[unix.IFA_LOCAL]
	if ip == nil {
		ip = attrs[unix.IFA_ADDRESS]
	}
	addr, _ := netip.AddrFromSlice(ip)
	return netip.PrefixFrom(addr, int(e.Message[1]))
}

func (e entry) place() Place {
	head, attrs := nl.DeserializeRtMsg(e.Message), e.attrs()
	to, has := netip.AddrFromSlice(attrs[unix.RTA_DST])
	if !has && head.Family == unix.AF_INET {
		to = netip.IPv4Unspecified()
	} else if !has {
		to = netip.IPv6Unspecified()
	}
	return Place{
		To: netip.PrefixFrom(to, int(head.Dst_len)), TOS: head.Tos,
		Table: uint32(observe.Number(attrs[unix.RTA_TABLE])), Metric: uint32(observe.Number(attrs[unix.RTA_PRIORITY])),
	}
}

// Text returns where the entries are: the interface of an address, and the gateway and interface of a route.
func (b Belongings) Text() string {
	texts := make([]string, len(b.Entries))
	for i, e := range b.Entries {
		var words []string
		if via, has := netip.AddrFromSlice(e.attrs()[unix.RTA_GATEWAY]); has && e.Type == unix.RTM_NEWROUTE {
			words = append(words, "via "+via.String())
		}
		for _, index := range e.devices() {
			words = append(words, "dev "+b.Devices[index])
		}
		texts[i] = strings.Join(words, " ")
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

// Stamped returns the belongings with the present as the time when they were read; those without entries never change.
func (b Belongings) Stamped() Belongings {
	if len(b.Entries) > 0 {
		b.At = sinceBoot()
	}
	return b
}

// Remove deletes the entries. It refuses to delete an address with which the kernel would delete more that linkd did not make.
func (b Belongings) Remove(ns *observe.NS) error {
	for _, e := range b.Entries {
		if e.Type == unix.RTM_NEWADDR {
			if err := b.losesNoMore(ns, e); err != nil {
				return err
			}
		}
		err := ns.Change(e.removal())
		switch {
		case err == nil, errors.Is(err, unix.ESRCH), errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENODEV):
		default:
			return fmt.Errorf("remove %s: %w", e, err)
		}
	}
	return nil
}

// removal returns the request that deletes the entry. The kernel compares all attributes of a route that the request has
// (fib_table_delete in net/ipv4/fib_trie.c, ip6_route_del in net/ipv6/route.c).
func (e entry) removal() *nl.NetlinkRequest {
	head, attrs := raw(slices.Clone(e.Message[:headerSizes[e.Type]])), e.attrs()
	if e.Type == unix.RTM_NEWROUTE {
		nl.NativeEndian().PutUint32(head[8:], 0)
		delete(attrs, unix.RTA_CACHEINFO)
	}
	req := nl.NewNetlinkRequest(int(e.Type)+1, 0) // RTM_DEL* of RTM_NEW*
	req.AddData(head)
	for kind, value := range attrs {
		req.AddData(nl.NewRtAttr(int(kind), value))
	}
	return req
}

// losesNoMore returns an error that names what the kernel deletes together with the address of an entry: with the last IPv4
// address of an interface the routes by that (fib_inetaddr_event in net/ipv4/fib_frontend.c), with a primary address its
// secondary ones (__inet_del_ifa in net/ipv4/devinet.c), and with any address the routes that have it as source.
func (b Belongings) losesNoMore(ns *observe.NS, of entry) error {
	prefix := of.prefix()
	index := of.devices()[0]
	on, err := pick(ns, unix.RTM_GETADDR, nl.NewIfAddrmsg(familyOf(prefix)), func(e entry) bool { return e.devices()[0] == index && e.prefix() != prefix })
	if err != nil {
		return err
	}
	routes, err := pick(ns, unix.RTM_GETROUTE, &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(familyOf(prefix))}}, func(e entry) bool {
		src, has := netip.AddrFromSlice(e.attrs()[unix.RTA_PREFSRC])
		return has && src == prefix.Addr() || prefix.Addr().Is4() && len(on.Entries) == 0 && slices.Contains(e.devices(), index)
	})
	if err != nil {
		return err
	}
	lost := routes.Entries
	for _, e := range on.Entries {
		secondary := e.Message[2]&unix.IFA_F_SECONDARY != 0
		if prefix.Addr().Is4() && secondary && e.prefix().Masked() == prefix.Masked() {
			lost = append(lost, e)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	texts := make([]string, len(lost))
	for i, e := range lost {
		texts[i] = e.String()
	}
	return fmt.Errorf("without %s, %s would lose what linkd did not make: %s; declare that with adopt: true, too", prefix, b.Devices[index], strings.Join(texts, ", "))
}

// PutBack adds the entries again where they were. A route of linkd's in the place of one makes room in the same request; an
// address waits until linkd's own is gone, because the deletion of that would delete this one.
func (b Belongings) PutBack(ns *observe.NS) error {
	for _, e := range b.Entries {
		if e.Type != unix.RTM_NEWADDR {
			continue
		}
		if own, err := b.hasOwn(ns, e); own || err != nil {
			return cmp.Or(err, observe.Pendingf("%s waits until linkd's own is deleted", e))
		}
	}
	if err := b.Restore(ns, b.Name); err != nil {
		return err
	}
	for _, e := range b.Entries {
		if e.Type != unix.RTM_NEWROUTE {
			continue
		}
		if err := b.replaceOwn(ns, e); err != nil {
			return err
		}
	}
	return nil
}

// hasOwn reports whether linkd has the address of an entry on the interface of that.
func (b Belongings) hasOwn(ns *observe.NS, e entry) (bool, error) {
	index, err := ns.Index(b.Devices[e.devices()[0]])
	if err != nil {
		return false, err
	}
	ask := nl.NewIfAddrmsg(familyOf(e.prefix()))
	ask.Index = uint32(index)
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	req.AddData(ask)
	msgs, err := ns.Request(req, unix.RTM_NEWADDR)
	return slices.ContainsFunc(msgs, func(msg []byte) bool {
		there := entry{Type: unix.RTM_NEWADDR, Message: msg}
		return there.devices()[0] == index && there.prefix() == e.prefix() && observe.Number(there.attrs()[ifaProto]) == address.Mark
	}), err
}

// replaceOwn replaces the route of linkd's that is in the place of an entry, unless there is a foreign one as well.
func (b Belongings) replaceOwn(ns *observe.NS, e entry) error {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: e.Message[0]}})
	msgs, err := ns.Request(req, unix.RTM_NEWROUTE)
	if err != nil {
		return err
	}
	own := false
	for _, msg := range msgs {
		if there := (entry{Type: unix.RTM_NEWROUTE, Message: msg}); there.place() != e.place() {
			continue
		}
		if nl.DeserializeRtMsg(msg).Protocol != address.Mark {
			return nil
		}
		own = true
	}
	if !own {
		return nil
	}
	again, err := e.request(sinceBoot()-b.At, func(old int) (int, error) { return ns.Index(b.Devices[old]) })
	if err != nil {
		return err
	}
	again.Flags = again.Flags&^unix.NLM_F_EXCL | unix.NLM_F_REPLACE
	return ns.Change(again)
}
