package iptables

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// The kernel asks the table nat about the first packet of a connection only, and remembers the answer for the others: an
// entry of connection tracking (nf_nat_inet_fn in net/netfilter/nf_nat_core.c). While a client goes on sending, the entry
// stays, and the packets of UDP from one port go where the first one went.

const (
	// trackTime is how long linkd reads the entries of a namespace.
	trackTime = 10 * time.Second
	// answerTime is how long linkd waits for answers that are on their way.
	answerTime = 200 * time.Millisecond
	// mostAtOnce is how many entries linkd keeps in memory to delete them, and mostRounds how often it reads for more.
	mostAtOnce = 1 << 14
	mostRounds = 64
	// mostAnswers is how often linkd waits for answers.
	mostAnswers = 10
)

// tracked is an entry of connection tracking, and the attributes that name it to the kernel.
type tracked struct {
	flow
	// backwards is the way of packets from the other end, if a rule has translated the source of the first packet: they are
	// not looked up in the rules either.
	backwards  *flow
	attributes []byte
}

// follow deletes the entries of connections that lead elsewhere since linkd changed its rules from before to after. It has
// to run inside the namespace. Where the kernel tracks no connections there is nothing to do.
func (k kind) follow(ctx context.Context, ns *observe.NS, before, after map[string][]Rule) error {
	r := &retarget{before: before, after: after}
	if !r.changes() || observe.Unloaded("nf_conntrack") {
		return nil
	}
	own, err := address.Own(ns, k.inet)
	if err != nil {
		return err
	}
	r.local = func(ip netip.Addr) bool { return own[ip] || ip.IsLoopback() }
	ctx, cancel := context.WithTimeout(ctx, trackTime)
	defer cancel()
	gone := map[flow]bool{}
	for range mostAnswers {
		// An answer of the old target that was on its way meets no entry now, and makes one of its own, which leads the client's next
		// packet back to the old target.
		deleted, err := k.deleteTracked(ctx, func(f flow) bool { return r.leadsElsewhere(f) || gone[f.reversed()] }, gone)
		if err != nil || deleted == 0 {
			return err
		}
		select {
		case <-time.After(answerTime):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// deleteTracked deletes all entries that are chosen, and returns how many there were. It notes in gone which flows these were that
// no rule had translated.
func (k kind) deleteTracked(ctx context.Context, chosen func(flow) bool, gone map[flow]bool) (deleted int, err error) {
	for range mostRounds {
		found, more, err := tracks(ctx, k.inet, chosen)
		if err != nil {
			return deleted, err
		}
		for _, t := range found {
			if err := t.delete(k.inet); err != nil {
				return deleted, err
			}
			if t.answers == t.to && len(gone) < mostAtOnce {
				gone[t.flow] = true
			}
		}
		if deleted += len(found); !more {
			return deleted, nil
		}
	}
	return deleted, errors.New("connections that lead elsewhere than the rules say come faster than linkd can delete their entries of connection tracking")
}

// tracks returns the entries of a family that are chosen, of a great many the first; more tells that there are others.
func tracks(ctx context.Context, family int, chosen func(flow) bool) (found []tracked, more bool, err error) {
	var wrong error
	err = eachAnswer(netfilterRequest(unix.NFNL_SUBSYS_CTNETLINK, nl.IPCTNL_MSG_CT_GET, unix.NLM_F_DUMP, family), func(attrs map[uint16][]byte) bool {
		if wrong = ctx.Err(); wrong != nil {
			return false
		}
		if more = len(found) == mostAtOnce; more {
			return false
		}
		t, ok := parseTracked(attrs)
		if ok && (chosen(t.flow) || t.backwards != nil && chosen(*t.backwards)) {
			found = append(found, t)
		}
		return true
	})
	if err = errors.Join(err, wrong); err != nil {
		err = fmt.Errorf("read the entries of connection tracking: %w", err)
	}
	return found, more, err
}

// delete deletes the very entry that was found: its id is not given to another connection between the same ends
// (ctnetlink_del_conntrack in net/netfilter/nf_conntrack_netlink.c).
func (t tracked) delete(family int) error {
	req := netfilterRequest(unix.NFNL_SUBSYS_CTNETLINK, nl.IPCTNL_MSG_CT_DELETE, unix.NLM_F_ACK, family, t.attributes)
	_, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete the entry of connection tracking from %s to %s: %w", t.from, t.to, err)
	}
	return nil
}

// parseTracked reads an entry; ok is false for one without addresses.
func parseTracked(attrs map[uint16][]byte) (t tracked, ok bool) {
	var source netip.AddrPort
	if t.protocol, t.from, t.to, ok = parseTuple(attrs[nl.CTA_TUPLE_ORIG]); !ok {
		return t, false
	}
	if _, t.answers, source, ok = parseTuple(attrs[nl.CTA_TUPLE_REPLY]); !ok {
		return t, false
	}
	if source != t.from {
		t.backwards = &flow{protocol: t.protocol, from: t.answers, to: source, answers: t.from}
	}
	t.attributes = nestedAttr(nl.CTA_TUPLE_ORIG, attrs[nl.CTA_TUPLE_ORIG])
	for _, kind := range []int{nl.CTA_ID, nl.CTA_ZONE} {
		if value, is := attrs[uint16(kind)]; is {
			t.attributes = append(t.attributes, nl.NewRtAttr(kind, value).Serialize()...)
		}
	}
	return t, true
}

func nestedAttr(kind int, value []byte) []byte {
	return nl.NewRtAttr(kind|unix.NLA_F_NESTED, value).Serialize()
}

// parseTuple reads one direction of an entry (enum ctattr_tuple in linux/netfilter/nfnetlink_conntrack.h). A protocol
// without ports has 0 for them.
func parseTuple(tuple []byte) (protocol uint8, from, to netip.AddrPort, ok bool) {
	parts, err := observe.Attrs(tuple)
	if err != nil {
		return
	}
	ips, err := observe.Attrs(parts[nl.CTA_TUPLE_IP])
	if err != nil {
		return
	}
	proto, err := observe.Attrs(parts[nl.CTA_TUPLE_PROTO])
	if err != nil || len(proto[nl.CTA_PROTO_NUM]) != 1 {
		return
	}
	source, destination := ips[nl.CTA_IP_V4_SRC], ips[nl.CTA_IP_V4_DST]
	if source == nil {
		source, destination = ips[nl.CTA_IP_V6_SRC], ips[nl.CTA_IP_V6_DST]
	}
	a, isAddress := netip.AddrFromSlice(source)
	b, isAddressToo := netip.AddrFromSlice(destination)
	return proto[nl.CTA_PROTO_NUM][0], netip.AddrPortFrom(a, port(proto[nl.CTA_PROTO_SRC_PORT])),
		netip.AddrPortFrom(b, port(proto[nl.CTA_PROTO_DST_PORT])), isAddress && isAddressToo
}

func port(value []byte) uint16 {
	if len(value) != 2 {
		return 0
	}
	return binary.BigEndian.Uint16(value)
}
