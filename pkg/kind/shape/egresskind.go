package shape

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Egresses is the kind of root qdiscs. The kernel deletes a qdisc with its interface, and when that moves to another namespace.
var Egresses = reconcile.Register[*Egress](egressKind, egresses{}, reconcile.Capabilities[*Egress]{
	Topics:   []observe.Topic{observe.TrafficTopic, observe.LinkTopic},
	FromID:   egresses{}.FromID,
	Link:     egresses{}.OnLink,
	Settings: egresses{},
	Ownership: reconcile.Ownership[*Egress]{
		Noun:  func(*Egress) string { return "root qdisc" },
		Taken: taken,
	},
	Show:     egresses{}.Show,
	Contents: contents,
})

type egresses struct{}

// FromID returns the egress that an ID stands for, as far as the ID determines it.
func (egresses) FromID(id spec.ID) (*Egress, bool) {
	return &Egress{NS: id.NS, Dev: id.Key}, id.Kind == egressKind
}

// Observe finds the root qdiscs that somebody made: those of the interfaces of a query, or all. The kernel gives those of its own no
// handle (attach_default_qdiscs in net/sched/sch_generic.c).
func (egresses) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Egress]) (found []*Egress, err error) {
	err = eachQdisc(ctx, ns, query, rootParent, func(q *qdisc, link *observe.Link, all []*qdisc) (err error) {
		if !q.isOurs() {
			q.unrestorable, err = q.whyUnrestorable(ns, all)
		}
		found = append(found, &Egress{NS: ns.Name, Dev: link.Name, Shape: q.shape(), root: q, index: q.index, frame: frameOf(link)})
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// OnLink returns the link that a qdisc belongs to.
func (egresses) OnLink(e *Egress) (name string, index int) { return e.Dev, e.index }

// Owned reports whether the qdisc has one of linkd's handles.
func (egresses) Owned(have *Egress) bool { return have.isOurs() }

func (egresses) Diff(want, have *Egress) []reconcile.Field {
	var fs reconcile.Fields
	if want.putBack && want.Shape == nil {
		if now, before := have.root.text(), want.root.text(); now != before || have.root != nil && !have.root.isAs(want.root) {
			fs.Differ("qdisc", now, before)
		}
		return fs
	}
	if have.Shape == nil || have.Shape.kind() != want.Shape.kind() {
		fs.Differ("qdisc", have.root.String(), want.Shape.kind())
		have = &Egress{Shape: &Shape{}, root: have.root, frame: have.frame}
	} else if !have.isOurs() {
		fs.DifferMark("mark", fmt.Sprintf("handle %x:", have.root.handle>>16), "linkd")
	}
	compareShapes(&fs, want.Shape, have.Shape, have.frame)
	return fs
}

// compareShapes compares as the kernel counts. A desired parameter that the files leave open has its default.
func compareShapes(fs *reconcile.Fields, open, have *Shape, frame int) {
	want := open.complete(frame)
	if want.kind() == tbf {
		if want.Rate.sameSize(want.Burst, have.Burst) && want.Rate == have.Rate {
			want.Burst = have.Burst
		}
		// How long a packet waits says more than the length of the queue, and stays the same at another rate.
		now := *have
		switch {
		case open.Limit != 0:
			want.Latency, now.Latency = 0, 0
		case have.Rate == 0:
			want.Limit, now.Limit = 0, 0
		case have.Rate.sameSize(Size(have.Rate.limit(want.Latency, have.Burst)), Size(have.Limit)):
			want.Limit, want.Latency, now.Limit, now.Latency = 0, 0, 0, 0
		default:
			want.Limit, now.Limit, now.Latency = 0, 0, have.Rate.latency(have.Limit, have.Burst)
		}
		have = &now
	}
	before := have.parameters()
	for i, p := range want.parameters() {
		if p.value != before[i].value {
			fs.Differ(p.name, before[i].value, p.value)
		}
	}
}

// taken says what to do about a qdisc that linkd did not make.
func taken(want, have *Egress, _ string) string {
	advice := fmt.Sprintf("%s already has the root qdisc %s that linkd did not create. Delete it (tc qdisc del dev %s root)", have.Dev, have.root, have.Dev)
	switch {
	case have.root.unrestorable == "" && !want.Adopt:
		return advice + ", or write adopt: true in egress"
	case have.root.unrestorable != "":
		return advice + ": " + have.root.unrestorable
	}
	return advice
}

func (k egresses) Create(ctx context.Context, ns *observe.NS, want *Egress) error {
	return address.OnDevice(ns, want.Dev, func(index int) error {
		err := k.write(ns, want, index, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		link, lookErr := ns.LinkByIndex(index)
		if lookErr != nil {
			return lookErr
		}
		root, lookErr := rootOf(ns, index)
		switch {
		case lookErr != nil || root == nil:
			return errors.Join(err, lookErr)
		case !root.isOurs():
			return fmt.Errorf("%w: %s has the root qdisc %s", unix.EEXIST, want.Dev, root)
		}
		there := &Egress{Dev: want.Dev, Shape: root.shape(), root: root, index: index, frame: frameOf(link)}
		if len(k.Diff(want, there)) == 0 {
			return nil
		}
		return k.Update(ctx, ns, want, there)
	})
}

// Update changes the parameters in place, without a lost packet, unless the kind of qdisc changes. Then the kernel replaces one by the
// other at once, and drops what the former had queued.
func (k egresses) Update(_ context.Context, ns *observe.NS, want, have *Egress) error {
	if want.putBack && want.Shape == nil {
		return k.restore(ns, want, have)
	}
	flags := unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	switch {
	case have.root == nil:
		flags = unix.NLM_F_CREATE | unix.NLM_F_EXCL
	case have.root.handle != want.Shape.handle():
		if err := checkRoot(ns, have.index, have.root); err != nil {
			return err
		}
	case have.root.kind == want.Shape.kind() && have.Shape != nil:
		flags = 0
	default:
		// Others have made a qdisc of another kind with linkd's handle, or set what a change would not undo.
		if err := deleteQdisc(ns, have.index, have.root); err != nil {
			return err
		}
	}
	return address.OnDevice(ns, want.Dev, func(index int) error { return k.write(ns, want, index, flags) })
}

// write sends a desired qdisc, with the defaults of the device.
func (egresses) write(ns *observe.NS, want *Egress, index, flags int) error {
	link, err := ns.LinkByIndex(index)
	if err != nil {
		return err
	}
	s := want.Shape.complete(frameOf(link))
	if err := s.check(want.Dev, frameOf(link)); err != nil {
		return err
	}
	req := qdiscRequest(unix.RTM_NEWQDISC, flags, index, rootParent, s.handle())
	req.AddData(kindAttr(s.kind()))
	req.AddData(s.options())
	return explain(ns.Change(req), flags, "qdisc "+s.kind(), moduleOf(s.kind()))
}

// restore puts back the qdisc that linkd replaced, or the kernel's own.
func (egresses) restore(ns *observe.NS, want, have *Egress) error {
	if want.root == nil {
		return deleteQdisc(ns, have.index, have.root)
	}
	if now, err := rootOf(ns, have.index); err != nil || now != nil && now.isAs(want.root) {
		return err
	}
	if err := checkRoot(ns, have.index, have.root); err != nil {
		return err
	}
	return address.OnDevice(ns, want.Dev, func(index int) error {
		req := qdiscRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, index, rootParent, want.root.handle)
		req.AddData(kindAttr(want.root.kind))
		if len(want.root.options) > 0 {
			req.AddData(optionsAttr(want.root.options))
		}
		return ns.Change(req)
	})
}

// Delete deletes the qdisc on the device where it was found. The kernel then attaches its own.
func (egresses) Delete(_ context.Context, ns *observe.NS, have *Egress) error {
	return deleteQdisc(ns, have.index, have.root)
}
