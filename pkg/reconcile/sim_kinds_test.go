package reconcile

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// simPiece is a resource of the simulation. Of what was found, object is what it is, and the rest how it was then.
type simPiece struct {
	id           spec.ID
	value, frame string
	mark         string
	// on is what it stands on, peer its other end, of which the second comes with the first.
	on, peer spec.ID
	second   bool
	adopt    bool
	makes    string
	// home is where it is fetched from; claim is what a mark says of that.
	home  spec.ID
	claim string

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
	case p.on != spec.ID{}:
		return []spec.ID{p.on}
	}
	return nil
}

func (p *simPiece) fetched() bool { return p.home != spec.ID{} }

func (p *simPiece) Relations() spec.Relations {
	r := spec.Relations{Makes: p.makes, Home: p.home, Reaches: p.reaches()}
	if p.peer != (spec.ID{}) && !p.second {
		r.AlsoMakes = p.peer
	}
	if p.on != (spec.ID{}) && p.id.Kind != "knob" {
		r.StandsOn = []spec.ID{p.on}
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

// reaches is the namespace that has to be there besides its own.
func (p *simPiece) reaches() string {
	switch {
	case p.fetched():
		return p.home.NS
	case p.peer != spec.ID{}:
		return p.peer.NS
	case p.id.Kind == "box" && p.on != spec.ID{} && p.on.NS != p.id.NS:
		return p.on.NS
	}
	return ""
}

func (p *simPiece) String() string {
	text := fmt.Sprintf("%s value=%s frame=%s", p.id, p.value, p.frame)
	for name, id := range map[string]spec.ID{" on=": p.on, " peer=": p.peer, " home=": p.home} {
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
		return Capabilities[*simPiece]{Hears: topics}
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
	case o.on != nil && o.kind == "box":
		p.far, p.lost = o.on.index, true
	case o.on != nil:
		p.on = spec.ID{NS: ns, Kind: "box", Key: o.on.key}
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
	return k.call(func() error {
		s := k.at(ns.Identity)
		switch {
		case s == nil:
			return unix.ENOENT
		case s.get(k.name, want.id.Key) != nil:
			return unix.EEXIST
		}
		var on *simObject
		if want.on != (spec.ID{}) {
			if on = k.find(want.on); on == nil || want.on.NS == ns.Name && on.space != s {
				return unix.ENODEV
			}
		}
		o := k.make(s, k.name, want.id.Key)
		o.value, o.mark, o.on = want.value, want.mark, on
		return nil
	})
}

func (k simKind) Update(_ context.Context, _ *observe.NS, want, have *simPiece) error {
	return k.call(func() error {
		if !have.there() {
			return unix.ENODEV
		}
		k.judge(have.object, "is changed")
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

func (k simNotes) Owned(*simPiece) bool { return false }

func (k simNotes) Diff(want, have *simPiece) []Field {
	var fs Fields
	Compare(&fs, "value", &want.value, have.value)
	if !slices.Equal(want.Needs(), have.Needs()) {
		fs.DifferForGood("on", have.on.String(), want.on.String())
	}
	return fs
}
