package reconcile

import (
	"context"
	"slices"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// erased is a kind with its capabilities, for resources of any type. Methods of a capability that the kind lacks say
// so or do nothing, except prior, fill, fromID, connect, announce and the methods of Fetching and Saving: call these only for kinds
// with the capability.
type erased interface {
	Kind[spec.Resource]
	sample() spec.Resource
	silent(have spec.Resource) bool
	before(want, have spec.Resource) (string, bool)
	prior(have spec.Resource, before string) spec.Resource
	hasAttributes() bool
	fill(want, prior spec.Resource) spec.Resource
	adoptable() bool
	taken(want, have spec.Resource, engine string) string
	noun(have spec.Resource) string
	adopts(want, have spec.Resource) bool
	fingerprint(have spec.Resource) (string, bool)
	unfinished(have spec.Resource) bool
	leftover(have spec.Resource) bool
	separate() bool
	roams(want spec.Resource) (value string, strict spec.Resource)
	complete(at Located, want spec.Resource) (spec.Resource, error)
	isSelective() bool
	fromID(id spec.ID) (spec.Resource, bool)
	isByLink() bool
	onLink(r spec.Resource) (name string, index int, ok bool)
	comparable() bool
	same(now, before spec.Resource) bool
	hasLookup() bool
	subject(want spec.Resource) observe.Subject
	find(ns *observe.NS, wanted []spec.Resource) (found []spec.Resource, ok bool, err error)
	create(ctx context.Context, ns *observe.NS, want spec.Resource) (made []spec.Resource, err error)
	related() bool
	connect(found, other spec.Resource) spec.Resource
	fetches() bool
	recordFetched(ctx context.Context, ns *observe.NS, want, have spec.Resource) (before, device string, err error)
	putBack(ctx context.Context, ns *observe.NS, have spec.Resource, before string) error
	leaves(have spec.Resource, found []spec.Resource) (ends, loses []spec.ID)
	confirm(have spec.Resource, origin spec.ID, from spec.Selector)
	advice(have spec.Resource) string
	looksForUnseen() bool
	unseen(ns *observe.NS, ends, moved []spec.Resource, asOf time.Time) ([]string, error)
	saves() bool
	save(ns *observe.NS, want, have spec.Resource) (saved string, err error)
	restoreSaved(ns *observe.NS, want spec.Resource, saved string) error
	shownResources(ctx context.Context, ns *observe.NS, kept []spec.ID) ([]spec.Resource, error)
	show(doc *spec.Document, found []spec.Resource, kept JournalLookup)
	contents(r spec.Resource) (text string, lines []string)
	health(want, have spec.Resource) Condition
	announces() bool
	readiness(want, have spec.Resource) Readiness
	announce(ctx context.Context, ns *observe.NS, have []spec.Resource) error
	carries(have spec.Resource) Readiness
}

// adapter converts the methods of a kind for resources of type R into methods for spec.Resource.
type adapter[R spec.Resource] struct {
	k   Kind[R]
	can Capabilities[R]
}

func (a adapter[R]) sample() spec.Resource {
	var none R
	return none
}

func (a adapter[R]) Observe(ctx context.Context, ns *observe.NS, query Query[spec.Resource]) ([]spec.Resource, error) {
	found, err := a.k.Observe(ctx, ns, Query[R]{Purpose: query.Purpose, Wanted: specialise[R](query.Wanted), Links: query.Links, Memory: query.Memory})
	if query.Links != nil && a.can.Link != nil {
		found = slices.DeleteFunc(found, func(r R) bool {
			name, _ := a.can.Link(r)
			return query.Links.ByName(name) == nil
		})
	}
	return generalise(found), err
}

func generalise[R spec.Resource](rs []R) []spec.Resource {
	out := make([]spec.Resource, len(rs))
	for i, r := range rs {
		out[i] = r
	}
	return out
}

func specialise[R spec.Resource](rs []spec.Resource) []R {
	out := make([]R, len(rs))
	for i, r := range rs {
		out[i] = r.(R)
	}
	return out
}

// resourceOr returns r, or the zero value for nil.
func resourceOr[R spec.Resource](r spec.Resource) (one R) {
	if r != nil {
		one = r.(R)
	}
	return one
}

func (a adapter[R]) Owned(have spec.Resource) bool         { return a.k.Owned(have.(R)) }
func (a adapter[R]) Diff(want, have spec.Resource) []Field { return a.k.Diff(want.(R), have.(R)) }
func (a adapter[R]) Create(ctx context.Context, ns *observe.NS, want spec.Resource) error {
	return a.k.Create(ctx, ns, want.(R))
}

func (a adapter[R]) Update(ctx context.Context, ns *observe.NS, want, have spec.Resource) error {
	return a.k.Update(ctx, ns, want.(R), have.(R))
}

func (a adapter[R]) Delete(ctx context.Context, ns *observe.NS, have spec.Resource) error {
	return a.k.Delete(ctx, ns, have.(R))
}

func (a adapter[R]) silent(have spec.Resource) bool {
	return a.can.Silent != nil && a.can.Silent(have.(R))
}

func (a adapter[R]) before(want, have spec.Resource) (string, bool) {
	if a.can.Settings == nil {
		return "", false
	}
	return a.can.Settings.Before(want.(R), resourceOr[R](have))
}

func (a adapter[R]) prior(have spec.Resource, before string) spec.Resource {
	return a.can.Settings.Prior(have.(R), before)
}

func (a adapter[R]) hasAttributes() bool { return a.can.Fill != nil }

func (a adapter[R]) fill(want, prior spec.Resource) spec.Resource {
	return a.can.Fill(want.(R), prior.(R))
}

func (a adapter[R]) roams(want spec.Resource) (value string, strict spec.Resource) {
	if a.can.Roams == nil {
		return "", want
	}
	return a.can.Roams(want.(R))
}

func (a adapter[R]) complete(at Located, want spec.Resource) (spec.Resource, error) {
	if a.can.Complete == nil {
		return want, nil
	}
	return a.can.Complete(at, want.(R))
}

func (a adapter[R]) isSelective() bool { return a.can.FromID != nil }

func (a adapter[R]) fromID(id spec.ID) (spec.Resource, bool) { return a.can.FromID(id) }

func (a adapter[R]) isByLink() bool { return a.can.Link != nil }

func (a adapter[R]) onLink(r spec.Resource) (name string, index int, ok bool) {
	if a.can.Link == nil {
		return "", 0, false
	}
	name, index = a.can.Link(r.(R))
	return name, index, true
}

func (a adapter[R]) comparable() bool { return a.can.Same != nil }

func (a adapter[R]) same(now, before spec.Resource) bool { return a.can.Same(now.(R), before.(R)) }

func (a adapter[R]) hasLookup() bool { return a.can.Lookup != nil }

func (a adapter[R]) subject(want spec.Resource) observe.Subject {
	return a.can.Lookup.Subject(want.(R))
}

func (a adapter[R]) find(ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, bool, error) {
	found, ok, err := a.can.Lookup.Find(ns, specialise[R](wanted))
	return generalise(found), ok, err
}

// create makes a resource, and returns what was made as far as the kernel says.
func (a adapter[R]) create(ctx context.Context, ns *observe.NS, want spec.Resource) ([]spec.Resource, error) {
	if a.can.Lookup == nil {
		return nil, a.k.Create(ctx, ns, want.(R))
	}
	var none R
	made, err := a.can.Lookup.Make(ctx, ns, want.(R))
	if err != nil || any(made) == any(none) {
		return nil, err
	}
	return []spec.Resource{made}, nil
}

func (a adapter[R]) related() bool { return a.can.Connect != nil }

func (a adapter[R]) connect(found, other spec.Resource) spec.Resource {
	return a.can.Connect(found.(R), resourceOr[R](other))
}

func (a adapter[R]) fetches() bool { return a.can.Fetching != nil }

func (a adapter[R]) recordFetched(ctx context.Context, ns *observe.NS, want, have spec.Resource) (before, device string, err error) {
	return a.can.Fetching.Record(ctx, ns, want.(R), have.(R))
}

func (a adapter[R]) putBack(ctx context.Context, ns *observe.NS, have spec.Resource, before string) error {
	return a.can.Fetching.PutBack(ctx, ns, have.(R), before)
}

func (a adapter[R]) leaves(have spec.Resource, found []spec.Resource) (ends, loses []spec.ID) {
	return a.can.Fetching.Leaves(have.(R), found)
}

func (a adapter[R]) confirm(have spec.Resource, origin spec.ID, from spec.Selector) {
	a.can.Fetching.Confirm(have.(R), origin, from)
}

func (a adapter[R]) looksForUnseen() bool { return a.can.Unseen != nil }

func (a adapter[R]) unseen(ns *observe.NS, ends, moved []spec.Resource, asOf time.Time) ([]string, error) {
	return a.can.Unseen(ns, specialise[R](ends), specialise[R](moved), asOf)
}

func (a adapter[R]) advice(have spec.Resource) string { return a.can.Fetching.Advice(have.(R)) }

func (a adapter[R]) shownResources(ctx context.Context, ns *observe.NS, kept []spec.ID) ([]spec.Resource, error) {
	query := Query[R]{Purpose: ToShow}
	if a.can.FromID != nil {
		for _, id := range kept {
			if r, ok := a.can.FromID(id); ok {
				query.Wanted = append(query.Wanted, r)
			}
		}
	}
	found, err := a.k.Observe(ctx, ns, query)
	return generalise(found), err
}

func (a adapter[R]) show(doc *spec.Document, found []spec.Resource, kept JournalLookup) {
	if a.can.Show != nil {
		a.can.Show(doc, specialise[R](found), kept)
	}
}

func (a adapter[R]) contents(r spec.Resource) (text string, lines []string) {
	if a.can.Contents == nil {
		return "", nil
	}
	return a.can.Contents(r.(R))
}

func (a adapter[R]) health(want, have spec.Resource) Condition {
	if a.can.Health == nil {
		return Condition{}
	}
	return a.can.Health(want.(R), have.(R))
}

func (a adapter[R]) announces() bool { return a.can.Announcing != nil }

func (a adapter[R]) readiness(want, have spec.Resource) Readiness {
	if a.can.Announcing == nil {
		return Never
	}
	return a.can.Announcing.Readiness(want.(R), have.(R))
}

func (a adapter[R]) announce(ctx context.Context, ns *observe.NS, have []spec.Resource) error {
	return a.can.Announcing.Announce(ctx, ns, specialise[R](have))
}

func (a adapter[R]) carries(have spec.Resource) Readiness {
	if a.can.Carries == nil {
		return Ready
	}
	return a.can.Carries(have.(R))
}
