package shape

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Ingresses is the kind of policing filters.
var Ingresses = reconcile.Register[*Ingress](ingressKind, ingresses{}, reconcile.Capabilities[*Ingress]{
	Topics:   []observe.Topic{observe.TrafficTopic, observe.LinkTopic},
	FromID:   ingresses{}.FromID,
	Link:     ingresses{}.OnLink,
	Show:     ingresses{}.Show,
	Contents: policing,
})

type ingresses struct{}

// FromID returns the filter that an ID stands for, as far as the ID determines it.
func (ingresses) FromID(id spec.ID) (*Ingress, bool) {
	return &Ingress{NS: id.NS, Dev: id.Key}, id.Kind == ingressKind
}

// Observe finds linkd's filters on the interfaces of a query, or on all. It asks only those that have a qdisc for them.
func (ingresses) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Ingress]) (found []*Ingress, err error) {
	err = eachQdisc(ctx, ns, query, ingressParent, func(q *qdisc, link *observe.Link, _ []*qdisc) error {
		i, err := filterOf(ns, q.index)
		if i != nil {
			i.NS, i.Dev = ns.Name, link.Name
			found = append(found, i)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// OnLink returns the link that a filter belongs to.
func (ingresses) OnLink(i *Ingress) (name string, index int) { return i.Dev, i.index }

// Owned returns true, because Observe finds only filters with linkd's mark.
func (ingresses) Owned(have *Ingress) bool { return have.index != 0 }

func (ingresses) Diff(want, have *Ingress) []reconcile.Field {
	var fs reconcile.Fields
	if want.Rate != have.Rate {
		fs.Differ("rate", text(have.Rate), want.Rate.String())
	}
	if burst := want.complete(); !want.Rate.sameSize(burst, have.Burst) {
		fs.Differ("burst", text(have.Burst), burst.String())
	}
	return fs
}

func (k ingresses) Create(ctx context.Context, ns *observe.NS, want *Ingress) error {
	return address.OnDevice(ns, want.Dev, func(index int) error {
		flags := unix.NLM_F_CREATE | unix.NLM_F_EXCL
		req := filterRequest(unix.RTM_NEWTFILTER, flags, index)
		req.AddData(kindAttr(matchall))
		req.AddData(want.options())
		err := ns.Change(req)
		if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EINVAL) {
			have, lookErr := filterOf(ns, index)
			switch {
			case lookErr != nil:
				return lookErr
			case have != nil && len(k.Diff(want, have)) == 0:
				return nil
			case have != nil:
				have.Dev = want.Dev
				return k.Update(ctx, ns, want, have)
			}
		}
		return explain(err, flags, "classifier matchall or action police", matchallModule, policeModule)
	})
}

// Update changes the action in place. The kernel cannot change the filter (mall_change in net/sched/cls_matchall.c).
func (k ingresses) Update(ctx context.Context, ns *observe.NS, want, have *Ingress) error {
	if have.Rate != 0 {
		return ns.Change(want.changeAction(have.action))
	}
	if err := k.Delete(ctx, ns, have); err != nil {
		return err
	}
	return k.Create(ctx, ns, want)
}

// Delete deletes the filter on the device where it was found.
func (ingresses) Delete(_ context.Context, ns *observe.NS, have *Ingress) error {
	err := ns.Change(filterRequest(unix.RTM_DELTFILTER, 0, have.index))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	// Without its qdisc there is no filter either.
	if errors.Is(err, unix.EINVAL) {
		if now, lookErr := filterOf(ns, have.index); lookErr == nil && now == nil {
			return nil
		}
	}
	return err
}

// Show writes the filters as YAML.
func (ingresses) Show(doc *spec.Document, found []*Ingress, _ reconcile.JournalLookup) {
	for _, i := range found {
		if i.Rate == 0 {
			doc.LeaveOut(i.NS, i.Dev, "filter", "with linkd's mark that others have changed")
			continue
		}
		k := ingressKeys{Rate: i.Rate}
		if usual := (&Ingress{Rate: i.Rate}).complete(); !i.Rate.sameSize(usual, i.Burst) {
			k.Burst = &i.Burst
		}
		doc.End(i.NS, i.Dev).Set(ingressKind, k)
	}
}
