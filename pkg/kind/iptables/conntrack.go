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

// The kernel applies the table nat to the first packet of a connection only, and stores the result for the others in an entry of
// connection tracking (nf_nat_inet_fn in net/netfilter/nf_nat_core.c). While a client keeps sending, the entry stays, and UDP
// packets from one port go to the target of the first one.

const (
	// trackTime is how long linkd reads the entries of a namespace.
	trackTime = 10 * time.Second
	// answerTime is how long linkd waits before it looks for answers that were on their way.
	answerTime = 200 * time.Millisecond
	// mostAtOnce is how many entries linkd keeps in memory to delete them, and mostRounds how often it reads more.
	mostAtOnce = 1 << 14
	mostRounds = 64
	// mostAnswers is how often linkd looks for answers.
	mostAnswers = 10
)

// tracked is an entry of connection tracking, with the attributes that identify it.
type tracked struct {
	flow
	// backwards has the packets from the other end, if a rule translated the source of the first packet: the kernel does not apply
	// rules to them either.
	backwards  *flow
	attributes []byte
}

// follow deletes the entries of connections that go elsewhere after linkd changed its rules from before to after. Call it inside
// the namespace. If the kernel tracks no connections, it does nothing.
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
	d := departed{retarget: r, flows: map[flow]bool{}}
	for range mostAnswers {
		deleted, err := k.deleteTracked(ctx, &d)
		if err != nil || deleted == 0 && len(d.flows) == 0 {
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

// departed has the flows whose entries linkd deleted. An answer of the old target that was on its way finds no entry now, and
// creates one, which leads the client's next packet back to the old target. Once the client has sent a packet, and that has an entry
// of its own, an answer cannot do this any more.
type departed struct {
	*retarget
	// flows has each flow without its translation, and whether it had none.
	flows map[flow]bool
}

// chooses reports whether the entry of a flow has to be deleted.
func (d *departed) chooses(f flow) bool {
	if d.leadsElsewhere(f) || f.answers == f.to && d.flows[f.reversed()] {
		return true
	}
	delete(d.flows, f.untranslated())
	return false
}

// add notes the flow of a deleted entry, unless an answer began it.
func (d *departed) add(f flow) {
	if d.leadsElsewhere(f) && len(d.flows) < mostAtOnce {
		d.flows[f.untranslated()] = f.answers == f.to
	}
}

// deleteTracked deletes all entries that d chooses, and returns how many there were.
func (k kind) deleteTracked(ctx context.Context, d *departed) (deleted int, err error) {
	for range mostRounds {
		found, more, err := tracks(ctx, k.inet, d.chooses)
		if err != nil {
			return deleted, err
		}
		for _, t := range found {
			if err := t.delete(k.inet); err != nil {
				return deleted, err
			}
			d.add(t.flow)
		}
		if deleted += len(found); !more {
			return deleted, nil
		}
	}
	return deleted, errors.New("connections that lead elsewhere than the rules say come faster than linkd can delete their entries of connection tracking")
}

// tracks returns the chosen entries of a family, up to mostAtOnce; more reports that there are others.
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

// delete deletes exactly the entry that was read: the kernel gives its ID to no other connection between the same ends
// (ctnetlink_del_conntrack in net/netfilter/nf_conntrack_netlink.c).
func (t tracked) delete(family int) error {
	req := netfilterRequest(unix.NFNL_SUBSYS_CTNETLINK, nl.IPCTNL_MSG_CT_DELETE, unix.NLM_F_ACK, family, t.attributes)
	_, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete the entry of connection tracking from %s to %s: %w", t.from, t.to, err)
	}
	return nil
}

// parseTracked parses an entry; ok is false for one without addresses.
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

// parseTuple parses one direction of an entry (enum ctattr_tuple in linux/netfilter/nfnetlink_conntrack.h). For a protocol without
// ports, the ports are 0.
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
