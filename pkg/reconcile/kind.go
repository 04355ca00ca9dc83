package reconcile

import (
	"context"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Kind is all that a new type of resource has to write. R is the one type for what is wanted and what is found.
//
// Observe returns the resources that a query asks for, with the bits that the kernel manages by itself left out. Owned tells
// whether a found resource carries linkd's mark. Diff is pure, and does not compare what want leaves open. Create succeeds
// where the resource is there already as wanted, and Delete where it is gone.
//
// What some kinds can do besides is in Capabilities. See the example.
type Kind[R spec.Resource] interface {
	Observe(ctx context.Context, ns *observe.NS, query Query[R]) ([]R, error)
	Owned(have R) bool
	Diff(want, have R) []Field
	Create(ctx context.Context, ns *observe.NS, want R) error
	Update(ctx context.Context, ns *observe.NS, want, have R) error
	Delete(ctx context.Context, ns *observe.NS, have R) error
}

// Query is what Observe has to find in a namespace. A kind may find more, but has to find each resource completely.
type Query[R spec.Resource] struct {
	Purpose Purpose
	// Wanted are the resources that the files declare, and, of a kind that has FromID, also those that the journal knows.
	Wanted []R
	// Links, unless it is nil, are the links whose resources are to be found. The engine drops what belongs to others. Only a
	// kind that has Link, and no FromID, gets them.
	Links *observe.Links
	// Memory is what the look before has left, for a kind that has Same; nil where it has left nothing. Every resource that is
	// found is either recalled or kept.
	Memory *Memory
}

// Purpose is what a query is for.
type Purpose int

const (
	// ToCompare needs what is wanted, what carries linkd's mark, and what others have in the place of what is wanted. A kind
	// that has FromID needs to find what is wanted only.
	ToCompare Purpose = iota
	// ToSearch needs everything, whoever made it. Of a kind that has FromID it needs what carries linkd's mark: no journal
	// tells what to look for.
	ToSearch
	// ToShow needs all that is worth showing to a user, and what is wanted.
	ToShow
)

// Capabilities are what a kind can do beside Kind, and what the engine has to know of it. The zero value is of a kind that
// is looked at as a whole when somebody asks.
type Capabilities[R spec.Resource] struct {
	// Topics are the topics after which a namespace has to be looked at again.
	Topics []observe.Topic
	// Follows are the topics of changes of linkd's own after which it is looked at again, beside those that it hears.
	Follows []observe.Topic
	// Silent tells of a found resource whether it can change without any event, so that it has to be looked at from time to
	// time. It is nil where the kernel announces every change.
	Silent func(have R) bool
	// Programs: the kind is looked at and changed by running programs. They take long, and nothing else of the namespace
	// waits for them.
	Programs bool

	// Same tells whether a resource was found just so before. Of a kind that has it, only what is another than at the look
	// before is compared again.
	Same func(now, before R) bool

	// FromID is for a kind of which far too much is there to look at it all: linkd looks only at what is wanted, made or set.
	// It makes a resource of an ID that only the journal knows; ok is false where the ID is not one of the kind.
	FromID func(id spec.ID) (r R, ok bool)
	// Link is for a kind of which each resource belongs to one link: after news of a few links, only what belongs to them is
	// looked at. Index is 0 where the resource is wanted and not found.
	Link func(r R) (name string, index int)
	// Connect is for a kind whose found resources refer to each other across namespaces (spec.Relations.Other). It returns
	// found as it refers to other, the zero value where that is not known: found itself where it does already, and else a
	// copy, since others may be reading found.
	Connect func(found, other R) R
	// Lookup is for a kind of which a few resources can be looked at without a list of all.
	Lookup Lookup[R]
	// Complete is for a kind whose wanted resources depend on what is found: it fills them in before they are compared. An
	// error makes the resource pending or failed.
	Complete func(at Located, want R) (R, error)

	// Settings is for a kind whose resources are always there.
	Settings Settings[R]
	// Fill is for Settings of several parts, of which a file may manage some: Before keeps those that want manages, as a JSON
	// object. Fill returns want with the parts that it leaves open as prior has them.
	Fill func(want, prior R) R
	// Ownership says which resources are linkd's beside those that carry its mark.
	Ownership Ownership[R]
	// Fetching is for a kind of which linkd takes some resources from elsewhere.
	Fetching Fetching[R]
	// Show writes in the files' own language what was found in one namespace, so that a file with it changes nothing but
	// marks. It says nothing of what is there by itself, unless it is kept; it leaves out what cannot be said, with a remark.
	Show func(doc *spec.Document, found []R, kept JournalLookup)
	// Health says of a found resource that is as wanted whether it is of use.
	Health func(want, have R) Condition
	// Announcing is for a kind whose resources have to be announced to neighbours.
	Announcing Announcing[R]
	// Carries tells of a found resource whether what is reached through it (spec.Relations.ReachedBy) can be; nil is always.
	Carries func(have R) Readiness
}

// Lookup is the capability of a kind of which a few resources can be looked at without a list of all, of which there may be a
// hundred thousand. Its first topic is that of observe.Notification.Removed.
type Lookup[R spec.Resource] interface {
	// Subject is how the kernel's announcements name a wanted resource.
	Subject(want R) observe.Subject
	// Find finds wanted resources that may have gone. ok is false where only a list can tell how they are: one that is there
	// and not as wanted, say. That one is taken for missing that is there after all does no harm: Create fails then.
	Find(ns *observe.NS, wanted []R) (found []R, ok bool, err error)
	// Make is Create, and returns what the kernel says it has made; the zero value where it does not say.
	Make(ctx context.Context, ns *observe.NS, want R) (made R, err error)
}

// Settings is the capability of a kind whose resources are not made and deleted but set and put back. Before returns what
// has to be kept of have so that Prior can make of it the resource to put back; ok is false for a resource of the kind that is
// made and deleted after all. Have is the zero value when the resource came to be together with what it is a setting of. linkd
// puts a resource back only while it is still as linkd set it.
type Settings[R spec.Resource] interface {
	Before(want, have R) (before string, ok bool)
	Prior(have R, before string) R
}

// Ownership is what tells linkd's resources of a kind from others'.
type Ownership[R spec.Resource] struct {
	// Fingerprint is for a kind whose resources the kernel gives no room for a mark: those are linkd's that the journal says
	// it made, as long as Fingerprint is what it was then, or "", which tells nothing.
	Fingerprint func(have R) string
	// Adopts tells whether a file asks linkd to take over have, which linkd did not make.
	Adopts func(want, have R) bool
	// AdoptKey: a file asks so by the key "adopt" of the resource itself, and not of the link that it stands on.
	AdoptKey bool
	// Separate: the kernel changes and replaces no resource of the kind, so another's resource under an ID of linkd's is one
	// beside it, never linkd's own in another form, however often linkd made it.
	Separate bool
}

// Fetching is the capability of a kind of which linkd takes some resources from where somebody else has them, their home, and
// puts them back there. Update moves a resource that was found elsewhere than it is wanted.
type Fetching[R spec.Resource] interface {
	// Record reads what PutBack needs to make the resource what it was, before it leaves, and its spec.Relations.Device.
	Record(ctx context.Context, ns *observe.NS, want, have R) (before, device string, err error)
	// PutBack moves have to its home, and makes it what Record read there; before is "" where that is not known.
	PutBack(ctx context.Context, ns *observe.NS, have R, before string) error
	// Leaves tells which of found, all that was found in all namespaces, end when have leaves its place, and which it loses,
	// that come back with it.
	Leaves(have R, found []spec.Resource) (ends, loses []spec.ID)
	// Confirm makes home the spec.Relations.Home of have, whose mark the journal confirms. From is how the namespace of that
	// is found.
	Confirm(have R, origin spec.ID, from spec.Selector)
	// Advice tells an administrator how to put have back by hand, or how to remove its mark.
	Advice(have R) string
}

// Always is Capabilities.Silent of a kind that can change without any event, whatever was found of it.
func Always[R spec.Resource](R) bool { return true }

// Located is where a namespace was found at the last look, by its name in the files, or why it was not.
type Located func(ns string) (observe.Location, error)

// Registered is a kind in the list of kinds.
type Registered struct {
	// Name is the middle part of an ID.
	Name string
	// Topics, Follows, Silent and Programs are those of Capabilities; Silent is set where any resource can be.
	Topics   []observe.Topic
	Follows  []observe.Topic
	Silent   bool
	Programs bool

	erased
}

// Register puts a kind into the form of the list. What the kind can do beside Kind is what can names, and nothing else.
func Register[R spec.Resource](name string, k Kind[R], can Capabilities[R]) Registered {
	return Registered{Name: name, Topics: can.Topics, Follows: can.Follows, Silent: can.Silent != nil, Programs: can.Programs, erased: adapter[R]{k, can}}
}

// Sample is a resource of the kind with nothing in it, to ask of its type what it can do.
func (r Registered) Sample() spec.Resource { return r.sample() }

// ObserveAll is what there is of the kind in a namespace, or, of a kind that has FromID, what there is of wanted.
func (r Registered) ObserveAll(ctx context.Context, ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, error) {
	switch {
	case !r.isSelective():
		return r.Observe(ctx, ns, Query[spec.Resource]{Purpose: ToSearch})
	case len(wanted) == 0:
		return nil, nil
	}
	return r.Observe(ctx, ns, Query[spec.Resource]{Wanted: wanted})
}

// Keeper is how to put a setting back, as it is before want is written over it; setting is false for a resource that is
// made and deleted.
func (r Registered) Keeper(want, have spec.Resource) (putBack func(now spec.Resource) spec.Resource, setting bool) {
	before, setting := r.before(want, have)
	return func(now spec.Resource) spec.Resource { return r.prior(now, before) }, setting
}

// Marks tells whether the kernel keeps linkd's mark on the kind's resources.
func (r Registered) Marks() bool {
	_, unmarked := r.fingerprint(nil)
	return !unmarked
}
