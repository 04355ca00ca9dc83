package shape

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// qdisc is a qdisc as the kernel reports it. Options are the attributes of its kind, which only the kind can read.
type qdisc struct {
	index          int
	kind           string
	handle, parent uint32
	options        []byte
	// lasting says why linkd could not put the qdisc back; "" if it could. It is only known of one that linkd did not make.
	lasting string
}

// The places of qdiscs (linux/pkt_sched.h).
const (
	rootParent    = math.MaxUint32 // TC_H_ROOT
	ingressParent = 0xfffffff1     // TC_H_INGRESS, which is TC_H_CLSACT
	ingressHandle = 0xffff0000
	// The places of filters of a clsact or ingress qdisc (TC_H_MIN_INGRESS, TC_H_MIN_EGRESS).
	ingressFilters = ingressHandle | 0xfff2
	egressFilters  = ingressHandle | 0xfff3
)

// isOurs reports whether the qdisc has the kind and the handle of one that linkd makes.
func (q *qdisc) isOurs() bool {
	return q.kind == tbf && q.handle == tbfHandle || q.kind == netem && q.handle == netemHandle
}

// text returns the qdisc in a few words; "" if there is none.
func (q *qdisc) text() string {
	switch {
	case q == nil:
		return ""
	case q.isOurs():
		return q.kind
	}
	return q.String()
}

func (q *qdisc) String() string { return fmt.Sprintf("%s %x:", q.kind, q.handle>>16) }

// isAs reports whether linkd has put the qdisc back as it was.
func (q *qdisc) isAs(before *qdisc) bool {
	return before != nil && q.kind == before.kind && q.handle == before.handle && bytes.Equal(q.options, before.options)
}

// simple are the kinds of qdisc without classes whose reported options are also those with which the kernel makes them.
var simple = []string{"bfifo", "cake", "codel", "fq", "fq_codel", "fq_pie", "netem", "noqueue", "pfifo", "pie", "sfq", "tbf"}

// isLasting returns why linkd could not put the qdisc back; "" if it could. all are the qdiscs of the namespace.
func (q *qdisc) isLasting(ns *observe.NS, all []*qdisc) (why string, err error) {
	if !slices.Contains(simple, q.kind) {
		return fmt.Sprintf("linkd could not put back the classes of a qdisc of the kind %s", q.kind), nil
	}
	for _, child := range all {
		if child.index == q.index && child.parent>>16 == q.handle>>16 && child != q {
			return "linkd could not put back the qdisc " + child.String() + " in it", nil
		}
	}
	filters := 0
	err = eachFilter(ns, q.index, q.handle, 0, func([]byte) { filters++ })
	if err == nil && filters > 0 {
		why = fmt.Sprintf("linkd could not put back its filters, of which there are %d", filters)
	}
	return why, err
}

// listQdiscs returns the qdiscs that somebody made on devices. The kernel lists those of all devices.
func listQdiscs(ns *observe.NS, links *observe.Links) (all []*qdisc, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETQDISC, unix.NLM_F_DUMP)
	req.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC})
	msgs, err := ns.RequestSome(req, unix.RTM_NEWQDISC, func(msg []byte) bool {
		head := nl.DeserializeTcMsg(msg)
		return head.Handle != 0 && links.ByIndex(int(head.Ifindex)) != nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: list qdiscs: %w", ns.Name, err)
	}
	for _, msg := range msgs {
		q, err := parseQdisc(msg)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

func parseQdisc(msg []byte) (*qdisc, error) {
	head := nl.DeserializeTcMsg(msg)
	q := &qdisc{index: int(head.Ifindex), handle: head.Handle, parent: head.Parent}
	return q, observe.EachAttr(msg[nl.SizeofTcMsg:], func(kind uint16, value []byte) error {
		switch kind {
		case nl.TCA_KIND:
			q.kind = nl.BytesToString(value)
		case nl.TCA_OPTIONS:
			q.options = bytes.Clone(value)
		}
		return nil
	})
}

// rootOf returns the root qdisc that somebody made on a device; nil if there is none.
func rootOf(ns *observe.NS, index int) (*qdisc, error) {
	links, err := ns.Some(map[int]bool{index: true}, nil)
	if err != nil {
		return nil, err
	}
	all, err := listQdiscs(ns, links)
	for _, q := range all {
		if q.parent == rootParent {
			return q, err
		}
	}
	return nil, err
}

func qdiscRequest(kind, flags, index int, parent, handle uint32) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(index), Parent: parent, Handle: handle})
	return req
}

func kindAttr(kind string) *nl.RtAttr { return nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind)) }

func optionsAttr(options []byte) *nl.RtAttr { return nl.NewRtAttr(nl.TCA_OPTIONS, options) }

// deleteQdisc deletes a qdisc. It succeeds if that is gone already, or if another one has its place.
func deleteQdisc(ns *observe.NS, index int, q *qdisc) error {
	if q == nil {
		return nil
	}
	err := ns.Change(qdiscRequest(unix.RTM_DELQDISC, 0, index, q.parent, q.handle))
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV):
		return nil
	case errors.Is(err, unix.EINVAL):
		// The handle is that of another qdisc (__tc_get_qdisc in net/sched/sch_api.c).
		now, lookErr := rootOf(ns, index)
		if lookErr == nil && (now == nil || now.handle != q.handle) {
			return nil
		}
	}
	return err
}

// explain adds to an error about something to be made which part of the kernel is missing.
func explain(err error, flags int, what string, modules ...string) error {
	if flags&unix.NLM_F_CREATE == 0 || !errors.Is(err, unix.ENOENT) {
		return err
	}
	return fmt.Errorf("this kernel has no %s (%s): %w", what, strings.Join(modules, ", "), err)
}
