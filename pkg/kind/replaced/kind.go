package replaced

import (
	"context"
	"encoding/json"

	"linkd/pkg/kind/link/belongings"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the kind of what linkd has taken the place of.
var Kind = reconcile.Register[*Replaced](kindName, kind{}, reconcile.Capabilities[*Replaced]{
	Topics:   []observe.Topic{observe.AddressTopic, observe.RouteTopic, observe.LinkTopic},
	FromID:   kind{}.FromID,
	Settings: kind{},
	Show:     kind{}.Show,
})

type kind struct{}

// Observe finds what is in the desired places. Nothing has a mark, so a search finds nothing.
func (kind) Observe(_ context.Context, ns *observe.NS, query reconcile.Query[*Replaced]) (found []*Replaced, err error) {
	if query.Purpose != reconcile.ToCompare {
		return nil, nil
	}
	for _, want := range query.Wanted {
		have := &Replaced{NS: ns.Name, What: want.What}
		if prefix, is := prefixOf(want.What); is {
			have.There, err = belongings.Addresses(ns, prefix)
		} else if at, is := placeOf(want.What); is {
			have.There, err = belongings.Routes(ns, at)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, have)
	}
	return found, nil
}

// FromID returns the place that an ID stands for.
func (kind) FromID(id spec.ID) (*Replaced, bool) {
	r := &Replaced{NS: id.NS, What: id.Key}
	_, isAddress := prefixOf(r.What)
	_, isRoute := placeOf(r.What)
	return r, id.Kind == kindName && (isAddress || isRoute)
}

// Owned returns false, because linkd did not make it.
func (kind) Owned(*Replaced) bool { return false }

func (kind) Diff(want, have *Replaced) []reconcile.Field {
	var fields reconcile.Fields
	if w, h := want.There.Text(), have.There.Text(); w != h {
		fields.Differ("others", h, w)
	}
	return fields
}

// Before returns what is there, for the journal.
func (kind) Before(_, have *Replaced) (string, bool) {
	text, err := json.Marshal(have.There.Stamped())
	return string(text), err == nil
}

func (kind) Prior(have *Replaced, before string) *Replaced {
	prior := *have
	prior.There = belongings.Belongings{}
	if json.Unmarshal([]byte(before), &prior.There) == nil {
		prior.There.DropDamaged()
	}
	return &prior
}

// Create does nothing: there always is something or nothing.
func (kind) Create(context.Context, *observe.NS, *Replaced) error { return nil }

// Update removes what others have, or puts it back.
func (kind) Update(_ context.Context, ns *observe.NS, want, have *Replaced) error {
	if len(want.There.Entries) > 0 {
		return want.There.PutBack(ns)
	}
	return have.There.Remove(ns)
}

// Delete does nothing: Update puts back.
func (kind) Delete(context.Context, *observe.NS, *Replaced) error { return nil }

// Show writes nothing: the address or route of linkd's says adopt.
func (kind) Show(*spec.Document, []*Replaced, reconcile.JournalLookup) {}
