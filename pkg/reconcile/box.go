package reconcile

import (
	"context"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// erased is a kind with its capabilities, for resources of any type. Of what a kind cannot do it says so, or does nothing;
// prior, fill, fromID, connect, and what is of Fetching, are for kinds that can.
type erased interface {
	Kind[spec.Resource]
	sample() spec.Resource
	silent(have spec.Resource) bool
	before(want, have spec.Resource) (string, bool)
	prior(have spec.Resource, before string) spec.Resource
	parted() bool
	fill(want, prior spec.Resource) spec.Resource
	adoptable() bool
	adopts(want, have spec.Resource) bool
	fingerprint(have spec.Resource) (string, bool)
	separate() bool
	complete(at Located, want spec.Resource) (spec.Resource, error)
	selective() bool
	fromID(id spec.ID) (spec.Resource, bool)
	narrow() bool
	onLink(r spec.Resource) (name string, index int, ok bool)
	related() bool
	connect(found, other spec.Resource) spec.Resource
	fetches() bool
	record(ctx context.Context, ns *observe.NS, want, have spec.Resource) (before, device string, err error)
	putBack(ctx context.Context, ns *observe.NS, have spec.Resource, before string) error
	leaves(have spec.Resource, found []spec.Resource) (ends, loses []spec.ID)
	confirm(have spec.Resource, home spec.ID, from spec.Selector)
	advice(have spec.Resource) string
	survey(ctx context.Context, ns *observe.NS, kept []spec.ID) ([]spec.Resource, error)
	show(page *spec.Page, found []spec.Resource, kept Kept)
	health(want, have spec.Resource) (remark, problem string)
}

// box turns resources of one type into spec.Resource and back.
type box[R spec.Resource] struct {
	k   Kind[R]
	can Capabilities[R]
}

func (b box[R]) sample() spec.Resource {
	var none R
	return none
}

func (b box[R]) Observe(ctx context.Context, ns *observe.NS, query Query[spec.Resource]) ([]spec.Resource, error) {
	found, err := b.k.Observe(ctx, ns, Query[R]{Purpose: query.Purpose, Wanted: specialise[R](query.Wanted), Links: query.Links})
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

// resourceOr is r, or the zero value where there is none.
func resourceOr[R spec.Resource](r spec.Resource) (one R) {
	if r != nil {
		one = r.(R)
	}
	return one
}

func (b box[R]) Owned(have spec.Resource) bool         { return b.k.Owned(have.(R)) }
func (b box[R]) Diff(want, have spec.Resource) []Field { return b.k.Diff(want.(R), have.(R)) }
func (b box[R]) Create(ctx context.Context, ns *observe.NS, want spec.Resource) error {
	return b.k.Create(ctx, ns, want.(R))
}

func (b box[R]) Update(ctx context.Context, ns *observe.NS, want, have spec.Resource) error {
	return b.k.Update(ctx, ns, want.(R), have.(R))
}

func (b box[R]) Delete(ctx context.Context, ns *observe.NS, have spec.Resource) error {
	return b.k.Delete(ctx, ns, have.(R))
}

func (b box[R]) silent(have spec.Resource) bool { return b.can.Silent != nil && b.can.Silent(have.(R)) }

func (b box[R]) before(want, have spec.Resource) (string, bool) {
	if b.can.Settings == nil {
		return "", false
	}
	return b.can.Settings.Before(want.(R), resourceOr[R](have))
}

func (b box[R]) prior(have spec.Resource, before string) spec.Resource {
	return b.can.Settings.Prior(have.(R), before)
}

func (b box[R]) parted() bool { return b.can.Fill != nil }

func (b box[R]) fill(want, prior spec.Resource) spec.Resource {
	return b.can.Fill(want.(R), prior.(R))
}

func (b box[R]) adoptable() bool { return b.can.Ownership.AdoptKey }

func (b box[R]) adopts(want, have spec.Resource) bool {
	return b.can.Ownership.Adopts != nil && b.can.Ownership.Adopts(want.(R), have.(R))
}

func (b box[R]) fingerprint(have spec.Resource) (print string, unmarked bool) {
	if unmarked = b.can.Ownership.Fingerprint != nil; unmarked && have != nil {
		print = b.can.Ownership.Fingerprint(have.(R))
	}
	return print, unmarked
}

func (b box[R]) separate() bool { return b.can.Ownership.Separate }

func (b box[R]) complete(at Located, want spec.Resource) (spec.Resource, error) {
	if b.can.Complete == nil {
		return want, nil
	}
	return b.can.Complete(at, want.(R))
}

func (b box[R]) selective() bool { return b.can.FromID != nil }

func (b box[R]) fromID(id spec.ID) (spec.Resource, bool) { return b.can.FromID(id) }

func (b box[R]) narrow() bool { return b.can.Link != nil }

func (b box[R]) onLink(r spec.Resource) (name string, index int, ok bool) {
	if b.can.Link == nil {
		return "", 0, false
	}
	name, index = b.can.Link(r.(R))
	return name, index, true
}

func (b box[R]) related() bool { return b.can.Connect != nil }

func (b box[R]) connect(found, other spec.Resource) spec.Resource {
	return b.can.Connect(found.(R), resourceOr[R](other))
}

func (b box[R]) fetches() bool { return b.can.Fetching != nil }

func (b box[R]) record(ctx context.Context, ns *observe.NS, want, have spec.Resource) (before, device string, err error) {
	return b.can.Fetching.Record(ctx, ns, want.(R), have.(R))
}

func (b box[R]) putBack(ctx context.Context, ns *observe.NS, have spec.Resource, before string) error {
	return b.can.Fetching.PutBack(ctx, ns, have.(R), before)
}

func (b box[R]) leaves(have spec.Resource, found []spec.Resource) (ends, loses []spec.ID) {
	return b.can.Fetching.Leaves(have.(R), found)
}

func (b box[R]) confirm(have spec.Resource, home spec.ID, from spec.Selector) {
	b.can.Fetching.Confirm(have.(R), home, from)
}

func (b box[R]) advice(have spec.Resource) string { return b.can.Fetching.Advice(have.(R)) }

func (b box[R]) survey(ctx context.Context, ns *observe.NS, kept []spec.ID) ([]spec.Resource, error) {
	query := Query[R]{Purpose: ToShow}
	if b.can.FromID != nil {
		for _, id := range kept {
			if r, ok := b.can.FromID(id); ok {
				query.Wanted = append(query.Wanted, r)
			}
		}
	}
	found, err := b.k.Observe(ctx, ns, query)
	return generalise(found), err
}

func (b box[R]) show(page *spec.Page, found []spec.Resource, kept Kept) {
	if b.can.Show != nil {
		b.can.Show(page, specialise[R](found), kept)
	}
}

func (b box[R]) health(want, have spec.Resource) (remark, problem string) {
	if b.can.Health == nil {
		return "", ""
	}
	return b.can.Health(want.(R), have.(R))
}
