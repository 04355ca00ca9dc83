package rule

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/route"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func (r *Rule) kernelFamily() uint8 {
	if r.Inet6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// newRule returns an RTM_NEWRULE request. Its header, struct fib_rule_hdr (linux/fib_rules.h), has the layout of that of a route,
// with the action instead of the type.
func newRule(r *Rule, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWRULE, flags)
	describe(req, r)
	return req
}

// delRule returns the request to delete the first rule that matches r.
func delRule(r *Rule) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_DELRULE, 0)
	describe(req, r)
	return req
}

func describe(req *nl.NetlinkRequest, r *Rule) {
	head := &nl.RtMsg{RtMsg: unix.RtMsg{Family: r.kernelFamily(), Type: uint8(r.Action), Tos: uint8(r.TOS)}}
	if r.Not {
		head.Flags |= unix.FIB_RULE_INVERT
	}
	req.AddData(head)
	add := func(attr int, value []byte) { req.AddData(nl.NewRtAttr(attr, value)) }
	add(unix.FRA_PRIORITY, nl.Uint32Attr(r.Priority))
	add(unix.FRA_PROTOCOL, []byte{byte(r.Proto)})
	if r.From.IsValid() {
		head.Src_len = uint8(r.From.Bits())
		add(unix.FRA_SRC, r.From.Addr().AsSlice())
	}
	if r.To.IsValid() {
		head.Dst_len = uint8(r.To.Bits())
		add(unix.FRA_DST, r.To.Addr().AsSlice())
	}
	if r.IIF != "" {
		add(unix.FRA_IIFNAME, nl.ZeroTerminated(r.IIF))
	}
	if r.OIF != "" {
		add(unix.FRA_OIFNAME, nl.ZeroTerminated(r.OIF))
	}
	if r.Mark.Mask != 0 {
		add(unix.FRA_FWMARK, nl.Uint32Attr(r.Mark.Value))
		add(unix.FRA_FWMASK, nl.Uint32Attr(r.Mark.Mask))
	}
	if r.Table != 0 {
		add(unix.FRA_TABLE, nl.Uint32Attr(uint32(r.Table)))
	}
	if r.Suppress.Given {
		add(unix.FRA_SUPPRESS_PREFIXLEN, nl.Uint32Attr(uint32(r.Suppress.Length)))
	}
	if r.Goto != 0 {
		add(unix.FRA_GOTO, nl.Uint32Attr(r.Goto))
	}
	r.Conditions.add(req)
}

// list returns the rules of a family, or of both, in the order in which the kernel evaluates them.
func list(ns *observe.NS, family uint8) ([]*Rule, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETRULE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: family}})
	msgs, err := ns.Request(req, unix.RTM_NEWRULE)
	if err != nil {
		return nil, err
	}
	found := make([]*Rule, 0, len(msgs))
	for _, msg := range msgs {
		// Multicast routing has its own rules with its own families.
		if head := nl.DeserializeRtMsg(msg); head.Family != unix.AF_INET && head.Family != unix.AF_INET6 {
			continue
		}
		r, err := parse(msg)
		if err != nil {
			return nil, err
		}
		r.NS = ns.Name
		found = append(found, r)
	}
	return found, nil
}

// parse reads an RTM_NEWRULE message. It ignores flags about the kernel's own state: a missing device, a missing target of a goto,
// and a rule that the kernel made itself.
func parse(msg []byte) (*Rule, error) {
	head := nl.DeserializeRtMsg(msg)
	r := &Rule{Inet6: head.Family == unix.AF_INET6, Action: Action(head.Type), Not: head.Flags&unix.FIB_RULE_INVERT != 0}
	r.TOS = route.TOS(head.Tos)
	var extra []string
	err := observe.EachAttr(msg[unix.SizeofRtMsg:], func(kind uint16, value []byte) error {
		number := uint32(observe.Number(value))
		switch kind {
		case unix.FRA_PRIORITY:
			r.Priority = number
		case unix.FRA_PROTOCOL:
			r.Proto = route.Protocol(number)
		case unix.FRA_SRC:
			r.From = subnetIn(value, head.Src_len)
		case unix.FRA_DST:
			r.To = subnetIn(value, head.Dst_len)
		case unix.FRA_IIFNAME:
			r.IIF = nl.BytesToString(value)
		case unix.FRA_OIFNAME:
			r.OIF = nl.BytesToString(value)
		case unix.FRA_FWMARK:
			r.Mark.Value = number
		case unix.FRA_FWMASK:
			r.Mark.Mask = number
		case unix.FRA_TABLE:
			r.Table = spec.Table(number)
		case unix.FRA_GOTO:
			r.Goto = number
		case unix.FRA_SUPPRESS_PREFIXLEN:
			// If all bits are set, the lookup ignores no route.
			if number <= 128 {
				r.Suppress = Limit{true, uint8(number)}
			}
		default:
			if r.Conditions.read(kind, value) {
				return nil
			}
			if text := attributeText(kind, value); text != "" {
				extra = append(extra, text)
			}
		}
		return nil
	})
	slices.Sort(extra)
	for _, e := range extra {
		r.Extra += e
	}
	return r, err
}

func subnetIn(ip []byte, length uint8) netip.Prefix {
	addr, _ := netip.AddrFromSlice(ip)
	return netip.PrefixFrom(addr, int(length))
}

// In lists the policy rules of a namespace and an address family (unix.AF_INET, unix.AF_INET6), in the order in which the kernel asks
// them.
func In(ns *observe.NS, family uint8) ([]*Rule, error) { return list(ns, family) }
