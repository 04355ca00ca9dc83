package reconcile

import (
	"context"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// erased is Kind and what some kinds have beside, for resources of any type.
type erased interface {
	Kind[spec.Resource]
	sample() spec.Resource
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
	observeWanted(ctx context.Context, ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, error)
	crowded() bool
	observeAmong(ctx context.Context, ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, error)
	narrow() bool
	observeLinks(ctx context.Context, ns *observe.NS, links *observe.Links) ([]spec.Resource, error)
	onLink(r spec.Resource) (name string, index int, ok bool)
	related() bool
	places(found spec.Resource) (at, other Place)
	connect(found, other spec.Resource) spec.Resource
	record(ctx context.Context, ns *observe.NS, want, have spec.Resource) (before, device string, err error)
	putBack(ctx context.Context, ns *observe.NS, have spec.Resource, before string) error
	leaves(have spec.Resource, found []spec.Resource) (ends, loses []spec.ID)
	victims(have spec.Resource, found []spec.Resource) []spec.ID
	survey(ctx context.Context, ns *observe.NS, kept []spec.ID) ([]spec.Resource, error)
	show(page *spec.Page, found []spec.Resource, kept Kept)
}

// box turns resources of one type into spec.Resource and back.
type box[R spec.Resource] struct{ k Kind[R] }

func (b box[R]) sample() spec.Resource {
	var none R
	return none
}

func (b box[R]) Observe(ctx context.Context, ns *observe.NS) ([]spec.Resource, error) {
	found, err := b.k.Observe(ctx, ns)
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

func (b box[R]) selective() bool {
	_, is := b.k.(Selective[R])
	return is
}

func (b box[R]) fromID(id spec.ID) (spec.Resource, bool) {
	return b.k.(Selective[R]).FromID(id)
}

func (b box[R]) observeWanted(ctx context.Context, ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, error) {
	found, err := b.k.(Selective[R]).ObserveWanted(ctx, ns, specialise[R](wanted))
	return generalise(found), err
}

func (b box[R]) crowded() bool {
	_, is := b.k.(Crowded[R])
	return is
}

func (b box[R]) observeAmong(ctx context.Context, ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, error) {
	found, err := b.k.(Crowded[R]).ObserveAmong(ctx, ns, specialise[R](wanted))
	return generalise(found), err
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

func (b box[R]) before(want, have spec.Resource) (string, bool) {
	s, is := b.k.(Setting[R])
	if !is {
		return "", false
	}
	var found R
	if have != nil {
		found = have.(R)
	}
	return s.Before(want.(R), found)
}

func (b box[R]) prior(have spec.Resource, before string) spec.Resource {
	return b.k.(Setting[R]).Prior(have.(R), before)
}

func (b box[R]) parted() bool {
	_, is := b.k.(Parted[R])
	return is
}

func (b box[R]) fill(want, prior spec.Resource) spec.Resource {
	return b.k.(Parted[R]).Fill(want.(R), prior.(R))
}

func (b box[R]) adoptable() bool {
	_, is := b.k.(Adopter[R])
	return is
}

func (b box[R]) adopts(want, have spec.Resource) bool {
	switch k := b.k.(type) {
	case Adopter[R]:
		return k.Adopts(want.(R))
	case Fixture[R]:
		return k.ComesWith(want.(R), have.(R))
	}
	return false
}

func (b box[R]) fingerprint(have spec.Resource) (string, bool) {
	u, is := b.k.(Unmarked[R])
	if !is || have == nil {
		return "", is
	}
	return u.Fingerprint(have.(R)), true
}

func (b box[R]) separate() bool {
	_, is := any(b.k).(Separate)
	return is
}

func (b box[R]) complete(at Located, want spec.Resource) (spec.Resource, error) {
	if c, is := b.k.(Completer[R]); is {
		return c.Complete(at, want.(R))
	}
	return want, nil
}

func (b box[R]) narrow() bool {
	_, bound := b.k.(OnLink[R])
	_, some := b.k.(Narrow[R])
	return some || (bound && b.selective())
}

func (b box[R]) observeLinks(ctx context.Context, ns *observe.NS, links *observe.Links) ([]spec.Resource, error) {
	found, err := b.k.(Narrow[R]).ObserveLinks(ctx, ns, links)
	return generalise(found), err
}

func (b box[R]) onLink(r spec.Resource) (name string, index int, ok bool) {
	if n, is := b.k.(OnLink[R]); is {
		name, index = n.OnLink(r.(R))
		return name, index, true
	}
	return "", 0, false
}

func (b box[R]) related() bool {
	_, is := b.k.(Related[R])
	return is
}

func (b box[R]) places(found spec.Resource) (at, other Place) {
	return b.k.(Related[R]).Places(found.(R))
}

func (b box[R]) connect(found, other spec.Resource) spec.Resource {
	var far R
	if other != nil {
		far = other.(R)
	}
	return b.k.(Related[R]).Connect(found.(R), far)
}

func (b box[R]) record(ctx context.Context, ns *observe.NS, want, have spec.Resource) (before, device string, err error) {
	return b.k.(Fetcher[R]).Record(ctx, ns, want.(R), have.(R))
}

func (b box[R]) putBack(ctx context.Context, ns *observe.NS, have spec.Resource, before string) error {
	return b.k.(Fetcher[R]).PutBack(ctx, ns, have.(R), before)
}

func (b box[R]) leaves(have spec.Resource, found []spec.Resource) (ends, loses []spec.ID) {
	return b.k.(Fetcher[R]).Leaves(have.(R), found)
}

func (b box[R]) victims(have spec.Resource, found []spec.Resource) []spec.ID {
	if v, is := b.k.(Victims[R]); is {
		return v.Victims(have.(R), found)
	}
	return nil
}

func (b box[R]) survey(ctx context.Context, ns *observe.NS, kept []spec.ID) ([]spec.Resource, error) {
	s, is := b.k.(Surveyor[R])
	_, some := b.k.(Narrow[R])
	switch {
	case !is && some && ns.Partly():
		links, err := ns.Links(ctx)
		if err != nil {
			return nil, err
		}
		return b.observeLinks(ctx, ns, links)
	case !is:
		return b.Observe(ctx, ns)
	}
	var resources []R
	for _, id := range kept {
		if k, selective := b.k.(Selective[R]); selective {
			if r, ok := k.FromID(id); ok {
				resources = append(resources, r)
			}
		}
	}
	found, err := s.Survey(ctx, ns, resources)
	return generalise(found), err
}

func (b box[R]) show(page *spec.Page, found []spec.Resource, kept Kept) {
	if s, is := b.k.(Shower[R]); is {
		s.Show(page, specialise[R](found), kept)
	}
}
