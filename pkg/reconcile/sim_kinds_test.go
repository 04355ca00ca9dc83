package reconcile

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// simPiece is a resource of the simulation. Of what was found, object is what it is, and the rest how it was then.
type simPiece struct {
	id           spec.ID
	value, frame string
	mark         string
	// resourcesOn is what it stands on, peer its other end, of which the second comes with the first.
	resourcesOn, peer spec.ID
	second            bool
	adopt             bool
	makes             string
	// origin is where it is fetched from; claim is what a mark says of that.
	origin spec.ID
	claim  string

	object *simObject
	// foreign: it was another's when it was found.
	foreign bool
	space   observe.Identity
	index   int
	far     int
	// spans: its other end is in another namespace; unmarked: that has not its mark. lost: nobody knows where it is.
	spans, unmarked, lost bool
}

func (p *simPiece) ID() spec.ID         { return p.id }
func (p *simPiece) Origin() spec.Source { return spec.Source{} }

func (p *simPiece) Needs() []spec.ID {
	switch {
	case p.second:
		return []spec.ID{p.peer}
	case p.resourcesOn != spec.ID{}:
		return []spec.ID{p.resourcesOn}
	}
	return nil
}

func (p *simPiece) fetched() bool { return p.origin != spec.ID{} }

func (p *simPiece) Relations() spec.Relations {
	r := spec.Relations{Makes: p.makes, FetchedFrom: p.origin, OtherNS: p.namespacesOf()}
	if p.peer != (spec.ID{}) && !p.second {
		r.AlsoMakes = p.peer
	}
	if p.resourcesOn != (spec.ID{}) && p.id.Kind != "knob" {
		r.StandsOn = []spec.ID{p.resourcesOn}
	}
	r.StaysBehind = p.id.Kind == "note"
	if p.object == nil {
		return r
	}
	r.EndsWithNamespace = p.id.Kind == "box"
	r.PeerUnmarked = p.spans && (p.lost || p.unmarked)
	if p.claim != "" {
		r.Claim, r.Device = parseID(p.claim), fmt.Sprint(p.index)
	}
	if p.id.Kind == "box" {
		r.At, r.Other = spec.Place{NS: 1, Index: p.index}, spec.Place{NS: 1, Index: p.far}
	}
	return r
}

// namespacesOf is the namespace that has to be there besides its own.
func (p *simPiece) namespacesOf() string {
	switch {
	case p.fetched():
		return p.origin.NS
	case p.peer != spec.ID{}:
		return p.peer.NS
	case p.id.Kind == "box" && p.resourcesOn != spec.ID{} && p.resourcesOn.NS != p.id.NS:
		return p.resourcesOn.NS
	}
	return ""
}

func (p *simPiece) String() string {
	text := fmt.Sprintf("%s value=%s frame=%s", p.id, p.value, p.frame)
	for name, id := range map[string]spec.ID{" on=": p.resourcesOn, " peer=": p.peer, " home=": p.origin} {
		if id != (spec.ID{}) {
			text += name + id.String()
		}
	}
	if p.adopt {
		text += " adopt"
	}
	return text
}

// simKind is what all kinds of the simulation have in common.
type simKind struct {
	*sim
	name string
}

type (
	simSpaces struct{ simKind }
	simBoxes  struct{ simKind }
	simKnobs  struct{ simKind }
	simNotes  struct{ simKind }
)

func (s *sim) kinds() []Registered {
	kind := func(name string) simKind { return simKind{s, name} }
	hears := func(topics ...observe.Topic) Capabilities[*simPiece] {
		return Capabilities[*simPiece]{Topics: topics}
	}
	space, box, note := hears(observe.NamespaceTopic), hears(observe.LinkTopic), hears(observe.AddressTopic, observe.LinkTopic)
	knob, rule := hears(observe.NetconfTopic, observe.LinkTopic), hears(observe.RulesetTopic)
	boxes, knobs := simBoxes{kind("box")}, simKnobs{kind("knob")}
	space.Ownership.Fingerprint = fingerprintOfSpace
	box.Ownership.Fingerprint = func(have *simPiece) string { return fmt.Sprint(have.index) }
	box.Ownership.Adopts = func(want, _ *simPiece) bool { return want.adopt }
	box.Link = func(p *simPiece) (name string, index int) { return p.id.Key, p.index }
	box.Connect, box.Fetching = boxes.Connect, boxes
	knob.Silent, knob.Settings = Always[*simPiece], knobs
	note.Ownership.Fingerprint = func(have *simPiece) string { return fmt.Sprint(have.index) }
	note.Lookup = simNotes{kind("note")}
	note.Same = func(now, before *simPiece) bool { return *now == *before }
	rule.Programs = true
	return []Registered{
		Register[*simPiece]("space", simSpaces{kind("space")}, space),
		Register[*simPiece]("box", boxes, box),
		Register[*simPiece]("knob", knobs, knob),
		Register[*simPiece]("note", simNotes{kind("note")}, note),
		Register[*simPiece]("rule", kind("rule"), rule),
	}
}

// piece is an object as it is found.
func (s *sim) piece(ns string, o *simObject) *simPiece {
	p := &simPiece{
		id: spec.ID{NS: ns, Kind: o.kind, Key: o.key}, value: o.value, frame: o.frame, mark: o.mark, claim: o.claim,
		object: o, foreign: o.foreign, space: o.space.id, index: o.index,
	}
	switch {
	case o.made != nil:
		p.makes = o.key
	case o.peer != nil:
		p.far, p.lost, p.spans = o.peer.index, true, o.peer.space != o.space
	case o.resourcesOn != nil && o.kind == "box":
		p.far, p.lost = o.resourcesOn.index, true
	case o.resourcesOn != nil:
		p.resourcesOn = spec.ID{NS: ns, Kind: "box", Key: o.resourcesOn.key}
	}
	return p
}

func (k simKind) Observe(_ context.Context, ns *observe.NS, _ Query[*simPiece]) (found []*simPiece, err error) {
	s := k.at(ns.Identity)
	if s == nil {
		return nil, unix.ENODEV
	}
	for _, o := range s.objects {
		if o.kind == k.name {
			found = append(found, k.piece(ns.Name, o))
		}
	}
	return found, nil
}

func (k simKind) Owned(have *simPiece) bool { return have.mark != "" }

func (k simKind) Diff(want, have *simPiece) []Field {
	var fs Fields
	if want.mark != "" && want.mark != have.mark {
		fs.Differ("mark", have.mark, want.mark)
	}
	if want.value != "" {
		Compare(&fs, "value", &want.value, have.value)
	}
	return fs
}

func (k simKind) Create(_ context.Context, ns *observe.NS, want *simPiece) error {
	return k.create(ns, want, func(*simObject, int) {})
}

// create makes an object, and tells of it, and how much news there was before.
func (k simKind) create(ns *observe.NS, want *simPiece, tell func(made *simObject, announced int)) error {
	return k.call(func() error {
		s := k.at(ns.Identity)
		switch {
		case s == nil:
			return unix.ENOENT
		case s.get(k.name, want.id.Key) != nil:
			return unix.EEXIST
		}
		var on *simObject
		if want.resourcesOn != (spec.ID{}) {
			if on = k.find(want.resourcesOn); on == nil || want.resourcesOn.NS == ns.Name && on.space != s {
				return unix.ENODEV
			}
		}
		announced := len(k.news)
		o := k.make(s, k.name, want.id.Key)
		o.value, o.mark, o.resourcesOn = want.value, want.mark, on
		tell(o, announced)
		return nil
	})
}

func (k simKind) Update(_ context.Context, _ *observe.NS, want, have *simPiece) error {
	return k.call(func() error {
		if !have.there() {
			return unix.ENODEV
		}
		k.setVerdict(have.object, "is changed")
		have.object.value, have.object.mark = want.value, want.mark
		have.object.known = have.object.at()
		k.announce(have.object.space, k.name, have.index)
		return nil
	})
}

func (k simKind) Delete(_ context.Context, _ *observe.NS, have *simPiece) error {
	return k.call(func() error {
		if have.there() {
			k.end(have.object)
		}
		return nil
	})
}

// there tells whether what was found is where it was then.
func (p *simPiece) there() bool {
	o := p.object
	return !o.gone && o.space.id == p.space && o.key == p.id.Key
}

func (k simSpaces) Owned(*simPiece) bool { return false }

func fingerprintOfSpace(have *simPiece) string {
	if have.object.made == nil {
		return "another"
	}
	return string(have.object.made.id)
}

func (k simSpaces) Diff(_, have *simPiece) []Field {
	if have.object.made == nil {
		return []Field{{Path: "file", Have: "another", Want: "a namespace"}}
	}
	return nil
}

func (k simSpaces) Create(ctx context.Context, ns *observe.NS, want *simPiece) error {
	return k.call(func() error {
		s := k.at(ns.Identity)
		if s == nil || s.get(k.name, want.id.Key) != nil || k.names[want.makes] != nil {
			return unix.EEXIST
		}
		o := k.make(s, k.name, want.id.Key)
		o.made = k.newSpace(want.makes, false)
		k.rename(want.makes, o.made)
		return nil
	})
}
