package belongings

import (
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// entry is an address, a neighbour or a route in the form of the kernel's message. To restore it, linkd sends the message back, as
// `ip address restore` does.
type entry struct {
	Type    uint16 `json:"type"`
	Message []byte `json:"message"`
}

// The numbers are those of linux/if_addr.h, linux/neighbour.h and linux/rtnetlink.h: golang.org/x/sys does not have them.
const (
	ifaProto    = 11
	ndaProtocol = 12
	rtaNhID     = 30
)

// headerSizes has the sizes of the headers before the attributes, by message type.
var headerSizes = map[uint16]int{
	unix.RTM_NEWADDR:  unix.SizeofIfAddrmsg,
	unix.RTM_NEWNEIGH: unix.SizeofNdMsg,
	unix.RTM_NEWROUTE: unix.SizeofRtMsg,
}

// entriesOf returns the entries of the interface with an index, in the order in which linkd has to restore them.
func entriesOf(ns *observe.NS, index int) (entries []entry, err error) {
	addressOf := nl.NewIfAddrmsg(unix.AF_UNSPEC)
	addressOf.Index = uint32(index)
	proxies := make(raw, unix.SizeofNdMsg)
	proxies[10] = unix.NTF_PROXY
	neighbourOf, routeOf := nl.NewRtAttr(unix.NDA_IFINDEX, nl.Uint32Attr(uint32(index))), nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index)))
	for _, ask := range []struct {
		about, answer uint16
		data          []nl.NetlinkRequestData
	}{
		{unix.RTM_GETADDR, unix.RTM_NEWADDR, []nl.NetlinkRequestData{addressOf}},
		{unix.RTM_GETNEIGH, unix.RTM_NEWNEIGH, []nl.NetlinkRequestData{make(raw, unix.SizeofNdMsg), neighbourOf}},
		{unix.RTM_GETNEIGH, unix.RTM_NEWNEIGH, []nl.NetlinkRequestData{proxies, neighbourOf}},
		{unix.RTM_GETROUTE, unix.RTM_NEWROUTE, []nl.NetlinkRequestData{&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET}}, routeOf}},
		{unix.RTM_GETROUTE, unix.RTM_NEWROUTE, []nl.NetlinkRequestData{&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET6}}, routeOf}},
	} {
		req := nl.NewNetlinkRequest(int(ask.about), unix.NLM_F_DUMP)
		req.Data = ask.data
		msgs, err := ns.Request(req, ask.answer)
		if err != nil {
			return nil, err
		}
		for _, msg := range msgs {
			e := entry{Type: ask.answer, Message: msg}
			// A kernel that does not filter sends the entries of all interfaces.
			if e.lasting() && slices.Contains(e.devices(), index) {
				entries = append(entries, e)
			}
		}
	}
	// The kernel lists the newest IPv6 address first (ipv6_link_dev_addr in net/ipv6/addrconf.c), and of equal ones it sends from
	// the first (ipv6_get_saddr_eval).
	first := slices.IndexFunc(entries, entry.isIPv6Address)
	if first >= 0 {
		last := first
		for last < len(entries) && entries[last].isIPv6Address() {
			last++
		}
		slices.Reverse(entries[first:last])
	}
	return entries, nil
}

// raw is a part of a request in the kernel's form.
type raw []byte

func (r raw) Len() int          { return len(r) }
func (r raw) Serialize() []byte { return r }

func (e entry) isIPv6Address() bool {
	return e.Type == unix.RTM_NEWADDR && e.Message[0] == unix.AF_INET6
}

func (e entry) attrs() map[uint16][]byte {
	attrs, _ := observe.Attrs(e.Message[headerSizes[e.Type]:])
	return attrs
}

// lasting reports whether an administrator or a program set the entry permanently. It is false for what the kernel sets again, what
// the kernel learned from a router or a neighbour, what a routing daemon sets (it sees the interface and sets its routes again),
// and what linkd sets.
func (e entry) lasting() bool {
	attrs := e.attrs()
	switch e.Type {
	case unix.RTM_NEWADDR:
		head := nl.DeserializeIfAddrmsg(e.Message)
		proto := observe.Number(attrs[ifaProto])
		// 1 to 3 are IFAPROT_KERNEL_* in linux/if_addr.h. Kernels before 5.18 do not report them.
		learnt := head.Family == unix.AF_INET6 && head.Flags&unix.IFA_F_PERMANENT == 0
		return !learnt && proto != address.Mark && (proto == 0 || proto > 3)
	case unix.RTM_NEWNEIGH:
		state, flags := nl.NativeEndian().Uint16(e.Message[8:]), e.Message[10]
		set := state&unix.NUD_PERMANENT != 0 || flags&unix.NTF_PROXY != 0
		return set && observe.Number(attrs[ndaProtocol]) != address.Mark
	}
	head := nl.DeserializeRtMsg(e.Message)
	if head.Flags&unix.RTM_F_CLONED != 0 || attrs[rtaNhID] != nil {
		return false
	}
	switch head.Protocol {
	case unix.RTPROT_UNSPEC, unix.RTPROT_BOOT, unix.RTPROT_STATIC, unix.RTPROT_DHCP:
		return true
	}
	return false
}

// devices returns the indexes of the interfaces to which the entry refers.
func (e entry) devices() (indexes []int) {
	if e.Type != unix.RTM_NEWROUTE {
		return []int{int(nl.NativeEndian().Uint32(e.Message[4:]))}
	}
	attrs := e.attrs()
	if index := attrs[unix.RTA_OIF]; index != nil {
		indexes = append(indexes, int(observe.Number(index)))
	}
	eachHop(attrs[unix.RTA_MULTIPATH], func(hop []byte) {
		indexes = append(indexes, int(nl.NativeEndian().Uint32(hop[4:])))
	})
	return indexes
}

// eachHop calls visit for each struct rtnexthop in a list (linux/rtnetlink.h): length, flags, weight, and the interface's index.
func eachHop(b []byte, visit func(hop []byte)) {
	for len(b) >= unix.SizeofRtNexthop {
		length := int(nl.NativeEndian().Uint16(b))
		if length < unix.SizeofRtNexthop || length > len(b) {
			return
		}
		visit(b[:length])
		b = b[min((length+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(b)):]
	}
}
