package shape

import (
	"context"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

const clsactKind = "clsact"

// Clsact is the qdisc of an interface in which the filters for what comes in stand. Others may have made it, as an ingress qdisc or a
// clsact, and use it as well. It has room for no mark, so only the journal says whether linkd made it.
type Clsact struct {
	NS, Dev string
	Source  spec.Source

	index int
	// shared: others have filters in the observed qdisc.
	shared bool
}

func (q *Clsact) ID() spec.ID { return spec.ID{NS: q.NS, Kind: clsactKind, Key: q.Dev} }

func (q *Clsact) Needs() []spec.ID { return []spec.ID{spec.LinkID(q.NS, q.Dev)} }

func (q *Clsact) Relations() spec.Relations { return spec.Relations{} }

func (q *Clsact) Origin() spec.Source { return q.Source }

// Clsacts is the kind of clsact and ingress qdiscs.
var Clsacts = reconcile.Register[*Clsact](clsactKind, clsacts{}, reconcile.Capabilities[*Clsact]{
	Topics: []observe.Topic{observe.TrafficTopic, observe.LinkTopic},
	FromID: clsacts{}.FromID,
	Link:   clsacts{}.OnLink,
	Ownership: reconcile.Ownership[*Clsact]{
		// linkd cannot tell its qdisc from the same one made by another program.
		Fingerprint: func(*Clsact) string { return "" },
		Unfinished:  clsactUnfinished,
	},
	Show: clsacts{}.Show,
})

type clsacts struct{}

// clsactUnfinished returns false if others have begun to use the qdisc: it is theirs now, even if linkd made it.
func clsactUnfinished(have *Clsact) bool { return !have.shared }

// FromID returns the qdisc that an ID stands for.
func (clsacts) FromID(id spec.ID) (*Clsact, bool) {
	return &Clsact{NS: id.NS, Dev: id.Key}, id.Kind == clsactKind
}

// Observe finds the qdiscs of the interfaces of a query, or of all.
func (clsacts) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Clsact]) (found []*Clsact, err error) {
	err = eachQdisc(ctx, ns, query, ingressParent, func(q *qdisc, link *observe.Link, _ []*qdisc) error {
		others, err := othersFilters(ns, q.index)
		found = append(found, &Clsact{NS: ns.Name, Dev: link.Name, index: q.index, shared: others > 0})
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// othersFilters returns the number of filters in the clsact or ingress qdisc of an interface that are not linkd's.
func othersFilters(ns *observe.NS, index int) (others int, err error) {
	for _, place := range []uint32{ingressFilters, egressFilters} {
		err := eachFilter(ns, index, place, 0, func(msg []byte) {
			if nl.DeserializeTcMsg(msg).Info>>16 != preference {
				others++
			}
		})
		if err != nil {
			return 0, err
		}
	}
	return others, nil
}

// OnLink returns the link that the qdisc belongs to.
func (clsacts) OnLink(q *Clsact) (name string, index int) { return q.Dev, q.index }

// Owned returns false, because the qdisc has no mark.
func (clsacts) Owned(*Clsact) bool { return false }

// Diff returns nothing: whoever made the qdisc, there is room in it.
func (clsacts) Diff(*Clsact, *Clsact) []reconcile.Field { return nil }

func (clsacts) Create(_ context.Context, ns *observe.NS, want *Clsact) error {
	return address.OnDevice(ns, want.Dev, func(index int) error {
		flags := unix.NLM_F_CREATE | unix.NLM_F_EXCL
		req := qdiscRequest(unix.RTM_NEWQDISC, flags, index, ingressParent, ingressHandle)
		req.AddData(kindAttr(clsactKind))
		if err := ns.Change(req); !errors.Is(err, unix.EEXIST) {
			return explain(err, flags, "qdisc clsact", ingressModule)
		}
		return nil
	})
}

func (clsacts) Update(context.Context, *observe.NS, *Clsact, *Clsact) error { return nil }

// Delete deletes the qdisc, unless others have put filters into it since the last look.
func (clsacts) Delete(_ context.Context, ns *observe.NS, have *Clsact) error {
	if others, err := othersFilters(ns, have.index); err != nil || others > 0 {
		return err
	}
	err := ns.Change(qdiscRequest(unix.RTM_DELQDISC, 0, have.index, ingressParent, ingressHandle))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// Show writes nothing: the qdisc comes with the key ingress.
func (clsacts) Show(*spec.Document, []*Clsact, reconcile.JournalLookup) {}
