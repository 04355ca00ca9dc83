package shape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// qdisc is a qdisc as the kernel reports it. Options are the attributes of its kind, which only the kind can read.
type qdisc struct {
	index          int
	kind           string
	handle, parent uint32
	options        []byte
	// unrestorable says why linkd could not put the qdisc back; "" if it could. Only Observe sets it, for one that linkd did not make.
	unrestorable string
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

// whyUnrestorable returns why linkd could not put the qdisc back; "" if it could. all are the qdiscs of the namespace.
func (q *qdisc) whyUnrestorable(ns *observe.NS, all []*qdisc) (why string, err error) {
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

// fewLinks is the number of interfaces up to which linkd asks for each of them.
const fewLinks = 16

// linksOf returns the interfaces of a query by their index: those with desired resources, or all.
func linksOf[R spec.Resource](ctx context.Context, ns *observe.NS, query reconcile.Query[R]) (map[int]*observe.Link, error) {
	names := map[string]bool{}
	for _, w := range query.Wanted {
		names[w.ID().Key] = true
	}
	every := query.Purpose != reconcile.ToCompare
	var links *observe.Links
	var err error
	if every || len(names) > fewLinks {
		links, err = ns.Links(ctx)
	} else {
		links, err = ns.Some(nil, names)
	}
	if err != nil {
		return nil, err
	}
	byIndex := map[int]*observe.Link{}
	for _, l := range links.All {
		if every || names[l.Name] {
			byIndex[l.Index] = l
		}
	}
	return byIndex, nil
}

// eachQdisc calls visit with the qdiscs that somebody made at a place (tcm_parent) of the interfaces of a query, or of all. all are the
// qdiscs at every place of these interfaces.
func eachQdisc[R spec.Resource](ctx context.Context, ns *observe.NS, query reconcile.Query[R], parent uint32, visit func(q *qdisc, link *observe.Link, all []*qdisc) error) error {
	links, err := linksOf(ctx, ns, query)
	if err != nil {
		return err
	}
	all, err := listQdiscs(ns, links)
	if err != nil {
		return err
	}
	for _, q := range all {
		if q.parent == parent {
			if err := visit(q, links[q.index], all); err != nil {
				return err
			}
		}
	}
	return nil
}

// listQdiscs returns the qdiscs that somebody made on interfaces. The kernel lists those of all.
func listQdiscs(ns *observe.NS, links map[int]*observe.Link) (all []*qdisc, err error) {
	if len(links) == 0 {
		return nil, nil
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETQDISC, unix.NLM_F_DUMP)
	req.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC})
	msgs, err := ns.RequestSome(req, unix.RTM_NEWQDISC, func(msg []byte) bool {
		head := nl.DeserializeTcMsg(msg)
		return head.Handle != 0 && links[int(head.Ifindex)] != nil
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
	all, err := listQdiscs(ns, map[int]*observe.Link{index: {Index: index}})
	for _, q := range all {
		if q.parent == rootParent {
			return q, err
		}
	}
	return nil, err
}

// checkRoot returns an error if the root qdisc of a device is not the one that a look found: the kernel would replace any.
func checkRoot(ns *observe.NS, index int, found *qdisc) error {
	now, err := rootOf(ns, index)
	if err == nil && (now == nil || now.handle != found.handle || now.kind != found.kind) {
		err = fmt.Errorf("somebody has replaced the root qdisc %s", found)
	}
	return err
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
