package reconcile

import (
	"context"
	"slices"

	"linkd/pkg/observe"
)

func (k simNotes) Owned(*simPiece) bool { return false }

func (k simNotes) Subject(want *simPiece) observe.Subject { return subjectOf(want.id.Key) }

// Find may not know, and may take a note for gone that is there.
func (k simNotes) Find(ns *observe.NS, wanted []*simPiece) (found []*simPiece, ok bool, err error) {
	s := k.at(ns.Identity)
	if s == nil || k.rng.IntN(4) == 0 {
		return nil, false, nil
	}
	for _, want := range wanted {
		o := s.get(k.name, want.id.Key)
		if o == nil || !k.steady && k.rng.IntN(10) == 0 {
			continue
		}
		have := k.piece(ns.Name, o)
		if len(k.Diff(want, have)) > 0 {
			return nil, false, nil
		}
		found = append(found, have)
	}
	return found, true, nil
}

// Make tells what was made, and then that is no news, or leaves both open.
func (k simNotes) Make(ctx context.Context, ns *observe.NS, want *simPiece) (*simPiece, error) {
	var made *simPiece
	err := k.create(ns, want, func(o *simObject, announced int) {
		if k.rng.IntN(2) == 0 {
			made, k.news = k.piece(ns.Name, o), k.news[:announced]
		}
	})
	return made, err
}

func (k simNotes) Diff(want, have *simPiece) []Field {
	var fs Fields
	Compare(&fs, "value", &want.value, have.value)
	if !slices.Equal(want.Needs(), have.Needs()) {
		fs.DifferReplace("on", have.resourcesOn.String(), want.resourcesOn.String())
	}
	return fs
}
