package reconcile

import (
	"context"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Kind is all that a new type of resource has to write. R is the one type for what is wanted and what is found.
//
// Observe returns everything of its kind in a namespace, whoever made it, with the bits that the kernel manages by
// itself left out. Owned tells whether a found resource carries linkd's mark. Diff is pure, and does not compare what
// want leaves open. Create of what is there already as wanted succeeds, and so does Delete of what is gone.
type Kind[R spec.Resource] interface {
	Observe(ctx context.Context, ns *observe.NS) ([]R, error)
	Owned(have R) bool
	Diff(want, have R) []Field
	Create(ctx context.Context, ns *observe.NS, want R) error
	Update(ctx context.Context, ns *observe.NS, want, have R) error
	Delete(ctx context.Context, ns *observe.NS, have R) error
}

// The rest is what some kinds have beside.
type (
	// Setting is a kind whose resources are always there, and are not made and deleted but set and put back. Before is
	// what has to be kept of have so that Prior can make of it the resource to put back; ok is false for a resource of
	// the kind that is made and deleted after all. Have is the zero value when the resource came to be together with
	// what it is a setting of. A resource is put back only while it is still as linkd set it.
	Setting[R spec.Resource] interface {
		Before(want, have R) (before string, ok bool)
		Prior(have R, before string) R
	}

	// Parted is a Setting of several parts, of which a file may manage some: Before keeps those that want manages, as a
	// JSON object. Fill is want with the parts that it leaves open as prior has them.
	Parted[R spec.Resource] interface{ Fill(want, prior R) R }

	// Adopter is a kind of which a file may ask to take over what linkd did not make.
	Adopter[R spec.Resource] interface{ Adopts(want R) bool }

	// Fixture is a kind whose resources stand on a link, and are taken over with a link that is: ComesWith tells whether
	// want is on such a link, and have is what may be marked there without harm to anybody.
	Fixture[R spec.Resource] interface{ ComesWith(want, have R) bool }

	// Unmarked is a kind whose resources the kernel gives no room for a mark: those are linkd's that the journal says
	// it made, as long as Fingerprint is what it was then, or "", which is no other's either.
	Unmarked[R spec.Resource] interface{ Fingerprint(have R) string }

	// Separate is a kind of which the kernel changes and replaces nothing: another's resource under an ID of linkd's is one
	// beside it, never linkd's own in another form, however often linkd made it.
	Separate interface{ Separate() }

	// Completer is a kind whose wanted resources depend on what is found: it fills them in before they are compared.
	// An error makes the resource pending or failed.
	Completer[R spec.Resource] interface {
		Complete(at Located, want R) (R, error)
	}

	// Selective is a kind of which far too much is there to look at it all: it is told what is wanted or was made or set,
	// and looks at that. FromID makes a resource of an ID that only the journal knows. Its Observe is called only where
	// no journal tells what to look for, and has to return what carries linkd's mark.
	Selective[R spec.Resource] interface {
		ObserveWanted(ctx context.Context, ns *observe.NS, wanted []R) ([]R, error)
		FromID(id spec.ID) (R, bool)
	}

	// Crowded is a kind of which others may have far more than anybody asks linkd for: a routing daemon has a hundred
	// thousand routes. It is told what is wanted, and finds of others' what stands in the place of that, and of linkd's
	// everything.
	Crowded[R spec.Resource] interface {
		ObserveAmong(ctx context.Context, ns *observe.NS, wanted []R) ([]R, error)
	}

	// OnLink is a kind of which each resource belongs to one link; index is 0 where it is wanted and not found. If it is
	// also Narrow or Selective, then after news of a few links only what belongs to them is looked at.
	OnLink[R spec.Resource] interface {
		OnLink(r R) (name string, index int)
	}

	// Narrow is a kind that can look at what belongs to a few links.
	Narrow[R spec.Resource] interface {
		OnLink[R]
		ObserveLinks(ctx context.Context, ns *observe.NS, links *observe.Links) ([]R, error)
	}

	// Related is a kind whose found resources refer to each other across namespaces. Places are where the kernel has a
	// resource, and what it refers to. Connect is found as it refers to other, the zero value where that is not known:
	// found itself where it does already, and else a copy, since others may be reading found.
	Related[R spec.Resource] interface {
		Places(found R) (at, other Place)
		Connect(found, other R) R
	}

	// Fetcher is a kind of which some resources are Fetched. Update moves one that was found elsewhere than it is wanted,
	// and PutBack takes have home and makes it what it was: what Record read of it before it left, "" where that is not
	// known. The device that Record returns is what Claimant.Claim returns of the same resource later. Leaves tells which of found, all that was found in all namespaces, end when have leaves its place, and which
	// it loses, that come back with it.
	Fetcher[R spec.Resource] interface {
		Record(ctx context.Context, ns *observe.NS, want, have R) (before, device string, err error)
		PutBack(ctx context.Context, ns *observe.NS, have R, before string) error
		Leaves(have R, found []spec.Resource) (ends, loses []spec.ID)
	}

	// Shower is a kind that can say in the files' own language what was found in one namespace, in that a file with it
	// changes nothing but marks. It says nothing of what is there by itself, unless it is kept; what cannot be said it
	// leaves out, with a remark.
	Shower[R spec.Resource] interface {
		Show(page *spec.Page, found []R, kept Kept)
	}

	// Surveyor is a kind whose Observe does not find all that is worth showing. Kept are the resources that are shown
	// whatever they are.
	Surveyor[R spec.Resource] interface {
		Survey(ctx context.Context, ns *observe.NS, kept []R) ([]R, error)
	}

	// Victims is a kind whose resources take others with them when they are deleted: it tells which of found, all that
	// was found in all namespaces, would be lost with have.
	Victims[R spec.Resource] interface {
		Victims(have R, found []spec.Resource) []spec.ID
	}
)

// Registered is a kind in the list of kinds.
type Registered struct {
	// Name is the middle part of an ID.
	Name string
	// Hears are the topics after which a namespace has to be looked at again.
	Hears []observe.Topic
	// Follows are the topics of changes of linkd's own after which it is looked at again, beside those that it hears.
	Follows []observe.Topic
	// Silent is set for a kind that can change without any event, and has to be looked at from time to time.
	Silent bool
	// Programs is set for a kind that is looked at and changed by running programs: they take long, and nothing else of
	// the namespace waits for them.
	Programs bool

	erased
}

// Register puts a kind into the form of the list.
func Register[R spec.Resource](name string, k Kind[R], hears ...observe.Topic) Registered {
	return Registered{Name: name, Hears: hears, erased: box[R]{k}}
}

// MaybeSilent marks a kind as one that can change without any event.
func (r Registered) MaybeSilent() Registered {
	r.Silent = true
	return r
}

// Following has a kind looked at after changes of linkd's own.
func (r Registered) Following(topics ...observe.Topic) Registered {
	r.Follows = topics
	return r
}

// ByPrograms marks a kind as one that runs programs.
func (r Registered) ByPrograms() Registered {
	r.Programs = true
	return r
}

// Located is where a namespace was found at the last look, by its name in the files, or why it was not.
type Located func(ns string) (observe.Location, error)

// Sample is a resource of the kind with nothing in it, to ask of its type what it can do.
func (r Registered) Sample() spec.Resource { return r.sample() }

// Look is what there is of the kind in a namespace, or, of a selective kind, what there is of wanted.
func (r Registered) Look(ctx context.Context, ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, error) {
	switch {
	case !r.selective():
		return r.Observe(ctx, ns)
	case len(wanted) == 0:
		return nil, nil
	}
	return r.observeWanted(ctx, ns, wanted)
}

// see is what matters of the kind in a namespace in which wanted is all that is wanted of it.
func (r Registered) see(ctx context.Context, ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, error) {
	if r.crowded() {
		return r.observeAmong(ctx, ns, wanted)
	}
	return r.Observe(ctx, ns)
}

// Keep is how to put a setting back, as it is before want is written over it; setting is false for a resource that is
// made and deleted.
func (r Registered) Keep(want, have spec.Resource) (putBack func(now spec.Resource) spec.Resource, setting bool) {
	before, setting := r.before(want, have)
	return func(now spec.Resource) spec.Resource { return r.prior(now, before) }, setting
}

// Marks tells whether the kernel keeps linkd's mark on the kind's resources.
func (r Registered) Marks() bool {
	_, unmarked := r.fingerprint(nil)
	return !unmarked
}
