package path

import (
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// noteUnfollowed notes what may lose a packet on its way to an endpoint and that linkd does not evaluate: queueing disciplines with
// filters or losses (tc(8)), and XDP programs.
func (w *walk) noteUnfollowed(to endpoint) {
	for _, at := range to.by {
		for _, kind := range w.disciplines(at.ns)[at.link.Index] {
			switch kind {
			case "ingress", "clsact":
				w.note(Wire, Doubtful, "%s has the qdisc %s: linkd does not evaluate its filters (run tc filter show dev %s ingress in %s)", at, kind, at.link.Name, at.ns.Name)
			case "netem":
				w.note(Wire, Doubtful, "%s has the qdisc netem, which may lose packets on purpose", at)
			}
		}
		if hasXDP(at) {
			w.note(Wire, Doubtful, "%s has an XDP program: linkd does not evaluate it", at)
		}
	}
}

// disciplines returns the kinds of the queueing disciplines of a namespace by the index of their interface, which are read once.
func (w *walk) disciplines(ns *observe.NS) map[int][]string {
	if w.qdiscs == nil {
		w.qdiscs = map[observe.Identity]map[int][]string{}
	}
	known, is := w.qdiscs[ns.Identity]
	if is {
		return known
	}
	known = map[int][]string{}
	w.qdiscs[ns.Identity] = known
	req := nl.NewNetlinkRequest(unix.RTM_GETQDISC, unix.NLM_F_DUMP)
	req.AddRawData(make([]byte, nl.SizeofTcMsg))
	_, err := ns.RequestSome(req, unix.RTM_NEWQDISC, func(msg []byte) bool {
		if len(msg) < nl.SizeofTcMsg {
			return false
		}
		attrs, err := observe.Attrs(msg[nl.SizeofTcMsg:])
		if err == nil {
			index := int(nl.NativeEndian().Uint32(msg[4:]))
			known[index] = append(known[index], unix.ByteSliceToString(attrs[nl.TCA_KIND]))
		}
		return false
	})
	if err != nil {
		w.note(Wire, Doubtful, "linkd cannot tell whether tc drops packets in %s: %v", ns.Name, err)
	}
	return known
}

// hasXDP reports whether a program decides about the packets that come in by an interface (IFLA_XDP in linux/if_link.h).
func hasXDP(at station) bool {
	const xdp, attached = 43, 2 // IFLA_XDP, IFLA_XDP_ATTACHED
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(at.link.Index)
	req.AddData(msg)
	msgs, err := at.ns.Request(req, unix.RTM_NEWLINK)
	if err != nil || len(msgs) == 0 || len(msgs[0]) < unix.SizeofIfInfomsg {
		return false
	}
	attrs, err := observe.Attrs(msgs[0][unix.SizeofIfInfomsg:])
	if err != nil {
		return false
	}
	parts, err := observe.Attrs(attrs[xdp])
	return err == nil && len(parts[attached]) == 1 && parts[attached][0] != 0
}

// noteFullTable notes that a namespace tracks as many connections as it may: it drops the first packet of another one
// (__nf_conntrack_alloc in net/netfilter/nf_conntrack_core.c).
func (w *walk) noteFullTable(ns *observe.NS) {
	number := func(name string) int {
		text, err := settingOf(ns, "net.netfilter."+name)
		n, wrong := strconv.Atoi(text)
		if err != nil || wrong != nil {
			return 0
		}
		return n
	}
	count, most := number("nf_conntrack_count"), number("nf_conntrack_max")
	if isFull(count, most) {
		w.note(Firewall, Doubtful, "the table of tracked connections is full: it has %d of %d entries, and the kernel drops the first packet of a new one (raise net.netfilter.nf_conntrack_max)", count, most)
	}
}

// isFull reports whether a table has no room for another connection; a most of 0 is no limit.
func isFull(count, most int) bool { return most > 0 && count >= most }
