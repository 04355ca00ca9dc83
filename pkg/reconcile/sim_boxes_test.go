package reconcile

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func (k simBoxes) Owned(have *simPiece) bool {
	return have.fetched() || have.mark != ""
}

func (k simBoxes) Confirm(have *simPiece, origin spec.ID, _ spec.Selector) { have.origin = origin }
func (k simBoxes) Advice(have *simPiece) string                            { return "bring back " + have.id.String() }

func (k simBoxes) Connect(found, other *simPiece) *simPiece {
	now := *found
	now.resourcesOn, now.peer, now.lost, now.unmarked = spec.ID{}, spec.ID{}, other == nil && found.far != 0, true
	switch {
	case other == nil:
	case found.object.peer != nil:
		now.peer, now.unmarked = other.id, other.mark != found.mark
	default:
		now.resourcesOn = other.id
	}
	if now == *found {
		return found
	}
	return &now
}

func (k simBoxes) Diff(want, have *simPiece) []Field {
	var fs Fields
	origin, fetched := want.origin, want.fetched()
	if fetched {
		if claim := origin.String(); have.id == want.id && have.claim != claim {
			fs.Differ("claim", have.claim, claim)
		}
	} else {
		if want.mark != have.mark {
			fs.Differ("mark", have.mark, want.mark)
		}
		if want.frame != have.frame {
			fs.DifferReplace("frame", have.frame, want.frame)
			return fs
		}
	}
	switch {
	case have.lost:
	case want.peer != have.peer:
		fs.DifferReplace("peer", have.peer.String(), want.peer.String())
	case want.resourcesOn != have.resourcesOn && !fetched:
		fs.DifferReplace("on", have.resourcesOn.String(), want.resourcesOn.String())
	}
	Compare(&fs, "value", &want.value, have.value)
	return fs
}

func (k simBoxes) Create(_ context.Context, ns *observe.NS, want *simPiece) error {
	return k.call(func() error {
		s := k.at(ns.Identity)
		switch {
		case s == nil:
			return unix.ENOENT
		case want.second:
			o := s.get("box", want.id.Key)
			if o == nil || o.peer == nil || o.peer != k.find(want.peer) {
				return fmt.Errorf("%s is made with %s: %w", want.id, want.peer, unix.ENODEV)
			}
			k.setVerdict(o, "is changed")
			o.mark, o.value = want.mark, want.value
			return nil
		case s.get("box", want.id.Key) != nil:
			return unix.EEXIST
		}
		var on *simObject
		if want.resourcesOn != (spec.ID{}) {
			if on = k.find(want.resourcesOn); on == nil {
				return unix.ENODEV
			}
		}
		var other *simSpace
		if want.peer != (spec.ID{}) {
			if other = k.names[want.peer.NS]; other == nil {
				return unix.ENOENT
			}
			if other.get("box", want.peer.Key) != nil {
				return unix.EEXIST
			}
		}
		o := k.make(s, "box", want.id.Key)
		o.frame, o.resourcesOn = want.frame, on
		if other != nil {
			o.peer = k.make(other, "box", want.peer.Key)
			o.peer.frame, o.peer.peer = want.frame, o
		}
		k.breakPoint()
		// The mark comes after the object.
		o.mark, o.value = want.mark, want.value
		if other != nil {
			o.peer.mark = want.mark
		}
		return nil
	})
}

func (k simBoxes) Update(ctx context.Context, ns *observe.NS, want, have *simPiece) error {
	origin, fetched := want.origin, want.fetched()
	if !fetched {
		return k.simKind.Update(ctx, ns, want, have)
	}
	return k.call(func() error {
		o, to := have.object, k.at(ns.Identity)
		switch {
		case !have.there():
			return unix.ENODEV
		case to == nil:
			return unix.ENOENT
		case to.get("box", want.id.Key) != nil && to.get("box", want.id.Key) != o:
			return unix.EEXIST
		}
		k.judgeMove(o, origin, false)
		o.taken = o.taken || want.adopt
		o.claim = origin.String()
		if o.fetched == "" {
			o.fetched = origin.String()
		}
		if k.breakPoint(); o.space != to || o.key != want.id.Key {
			k.move(o, to, want.id.Key)
		}
		o.value = want.value
		return nil
	})
}

func (k simBoxes) Record(_ context.Context, _ *observe.NS, _, have *simPiece) (before, device string, err error) {
	if !have.there() {
		return "", "", unix.ENODEV
	}
	return have.object.value, fmt.Sprint(have.index), nil
}

func (k simBoxes) PutBack(_ context.Context, _ *observe.NS, have *simPiece, before string) error {
	return k.call(func() error {
		o, to := have.object, k.names[have.origin.NS]
		switch {
		case !have.there():
			return unix.ENODEV
		case to == nil:
			return unix.ENOENT
		case to.get("box", have.origin.Key) != nil && to.get("box", have.origin.Key) != o:
			return unix.EEXIST
		}
		k.judgeMove(o, have.origin, true)
		if o.space != to || o.key != have.origin.Key {
			k.move(o, to, have.origin.Key)
		}
		k.breakPoint()
		if before != "" {
			o.value = before
		}
		o.claim, o.fetched, o.isReturned = "", "", have.origin.String()
		k.announce(o.space, "box", o.index)
		return nil
	})
}

// Leaves: notes stay behind, and end.
func (k simBoxes) Leaves(have *simPiece, found []spec.Resource) (ends, loses []spec.ID) {
	for _, r := range found {
		if p := r.(*simPiece); p.id.Kind == "note" && p.resourcesOn == have.id {
			loses = append(loses, p.id)
		}
	}
	return nil, loses
}

// Observe finds the knob of each box, and that of the namespace, which is called all.
func (k simKnobs) Observe(_ context.Context, ns *observe.NS, _ Query[*simPiece]) (found []*simPiece, err error) {
	s := k.at(ns.Identity)
	if s == nil {
		return nil, unix.ENODEV
	}
	found = append(found, &simPiece{id: spec.ID{NS: ns.Name, Kind: "knob", Key: "all"}, value: s.knob, space: s.id})
	for _, o := range s.objects {
		if o.kind == "box" {
			found = append(found, &simPiece{
				id: spec.ID{NS: ns.Name, Kind: "knob", Key: o.key}, value: o.knob, space: s.id, object: o,
				resourcesOn: spec.ID{NS: ns.Name, Kind: "box", Key: o.key},
			})
		}
	}
	return found, nil
}

func (k simKnobs) Create(_ context.Context, ns *observe.NS, want *simPiece) error {
	return k.set(ns, want)
}

func (k simKnobs) Update(_ context.Context, ns *observe.NS, want, _ *simPiece) error {
	return k.set(ns, want)
}

func (k simKnobs) set(ns *observe.NS, want *simPiece) error {
	return k.call(func() error {
		s := k.at(ns.Identity)
		if s == nil {
			return unix.ENOENT
		}
		knob := &s.knob
		if want.id.Key != "all" {
			o := s.get("box", want.id.Key)
			if o == nil {
				return unix.ENOENT
			}
			knob = &o.knob
		}
		*knob = want.value
		k.announce(s, "knob", 0)
		return nil
	})
}

func (k simKnobs) Before(_, have *simPiece) (string, bool) {
	if have == nil {
		return "f0", true
	}
	return have.value, true
}

func (k simKnobs) Prior(have *simPiece, before string) *simPiece {
	return &simPiece{id: have.id, resourcesOn: have.resourcesOn, value: before}
}
