package reconcile

import (
	"context"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Kind is what every kind of resource implements. R is the type of both desired and observed resources.
// Observe returns the resources that a query asks for, without the attributes that the kernel manages. Owned reports
// whether an observed resource carries linkd's mark. Diff is pure and ignores what want leaves open. Create succeeds
// if the resource exists as desired, and Delete if it does not exist.
// Capabilities are the optional abilities of a kind. See the example.
type Kind[R spec.Resource] interface {
	Observe(ctx context.Context, ns *observe.NS, query Query[R]) ([]R, error)
	Owned(have R) bool
	Diff(want, have R) []Field
	Create(ctx context.Context, ns *observe.NS, want R) error
	Update(ctx context.Context, ns *observe.NS, want, have R) error
	Delete(ctx context.Context, ns *observe.NS, have R) error
}

// Query says what Observe must find in a namespace. A kind may find more, but each resource must be complete.
type Query[R spec.Resource] struct {
	Purpose Purpose
	// Wanted are the resources that the files declare; for a kind with FromID, also those in the journal.
	Wanted []R
	// Links, unless it is nil, limits the query to the resources of these links. The engine drops resources of other
	// links. Only a kind with Link and without FromID gets it.
	Links *observe.Links
	// Memory is the cache of the look before, for a kind with Same; nil if there is none. Observe must call Recall or
	// Keep for each resource that it finds.
	Memory *Memory
}

// Purpose is the purpose of a query.
type Purpose int

const (
	// ToCompare asks for the desired resources, those with linkd's mark, and foreign ones in the place of desired
	// ones. A kind with FromID must find only the desired ones.
	ToCompare Purpose = iota
	// ToSearch asks for all resources, those of other programs too. A kind with FromID must find what carries linkd's mark, because
	// no journal says where to look.
	ToSearch
	// ToShow asks for everything that a user wants to see, and for the desired resources.
	ToShow
)

// Capabilities are the optional abilities of a kind, and what the engine must know about it. A kind with the zero
// value is looked at as a whole and only on request.
type Capabilities[R spec.Resource] struct {
	// Topics are the topics of events after which linkd looks at the kind again.
	Topics []observe.Topic
	// Follows are the topics of linkd's own changes after which it looks again, in addition to Topics.
	Follows []observe.Topic
	// Silent reports whether an observed resource can change without an event, so that linkd must look at it
	// periodically. It is nil if the kernel announces every change.
	Silent func(have R) bool
	// Programs: linkd looks at the kind and changes it by running programs. They take long, so they have a lane of
	// their own.
	Programs bool

	// Recurs: resources of the kind that linkd made and deleted can come back, because a program restores a saved state. An
	// event in a namespace in which nothing of the kind is desired or recorded makes linkd search there.
	Recurs bool
	// Samples is for a kind of which the kernel does not announce every change.
	Samples *observe.Sampling

	// Same reports whether two observations of a resource are equal. For a kind with Same, linkd compares only the
	// resources that changed since the last look.
	Same func(now, before R) bool

	// FromID is for a kind with far too many resources to look at all: linkd looks only at those that are desired,
	// made or set. It returns a resource for an ID that only the journal has; ok is false if the ID is not valid for
	// the kind.
	FromID func(id spec.ID) (r R, ok bool)
	// Link is for a kind whose resources belong to one link each: after events about a few links, linkd looks only at
	// their resources. Index is 0 for a desired resource that was not observed.
	Link func(r R) (name string, index int)
	// Connect is for a kind whose resources refer to each other across namespaces (spec.Relations.Other). It returns
	// found with a reference to other, which is the zero value if it is not known. It returns found itself if nothing
	// changes, and else a copy, because other goroutines may read found.
	Connect func(found, other R) R
	// Lookup is for a kind that can look at a few resources without a list of all.
	Lookup Lookup[R]
	// Complete is for a kind whose desired resources depend on observed ones: it fills them in before they are
	// compared. An error makes the resource pending or failed.
	Complete func(at Located, want R) (R, error)

	// Settings is for a kind whose resources always exist.
	Settings Settings[R]
	// Fill is for Settings with several attributes of which a file may manage some: Before returns those that want
	// manages, as a JSON object. Fill returns want with its open attributes as in prior.
	Fill func(want, prior R) R
	// Roams is for a kind of which the kernel changes an attribute by itself after linkd has set it, such as the endpoint of
	// a peer that roams. It returns the attribute as the files have it, "" if they leave it open, and want in a form with
	// which Diff compares the attribute too, and Update sets it. linkd uses that form until it has observed the attribute as
	// the files have it; from then on the kernel's changes are no drift.
	Roams func(want R) (value string, strict R)
	// Unseen names what the kernel would delete together with observed resources and no look has found, because it is in
	// another namespace. Ends are the resources that would be deleted, and moved those that would leave their namespace. What is
	// in a namespace after asOf counts. An error means that Unseen could not look everywhere.
	Unseen func(ns *observe.NS, ends, moved []R, asOf time.Time) ([]string, error)
	// Saving is for a kind whose changes make the kernel drop what others have set.
	Saving Saving[R]
	// Ownership says which resources are linkd's in addition to those with its mark.
	Ownership Ownership[R]
	// Fetching is for a kind of which linkd takes some resources from other places.
	Fetching Fetching[R]
	// Show writes the observed resources of one namespace into a document in the language of the files, so that
	// applying it changes nothing but marks. It leaves out defaults, unless the journal has them, and adds a remark
	// about what the language cannot express.
	Show func(doc *spec.Document, found []R, kept JournalLookup)
	// Contents returns what a resource is beyond its ID, for people, as iproute2 would write it. Lines are its parts, in
	// their order, if it has a list of them, such as the rules of a chain. It must not return a secret. R may be desired or
	// observed. A nil Contents is of a kind whose ID says everything.
	Contents func(r R) (text string, lines []string)
	// Health reports whether an observed resource that is as desired works.
	Health func(want, have R) Condition
	// Announcing is for a kind whose resources linkd has to announce to neighbours.
	Announcing Announcing[R]
	// Carries reports whether resources behind an observed resource (spec.Relations.ReachedBy) can be reached; nil means
	// always.
	Carries func(have R) Readiness
}

// Lookup is the capability of a kind that can look at a few resources without a list of all, which may have a hundred
// thousand. Its first topic is that of observe.Notification.Removed.
type Lookup[R spec.Resource] interface {
	// Subject returns how the kernel's events name a desired resource.
	Subject(want R) observe.Subject
	// Find looks for desired resources that may be gone. ok is false if only a list can tell, such as for a resource that
	// exists and is not as desired. If it misses a resource that exists, no harm is done: Create fails then.
	Find(ns *observe.NS, wanted []R) (found []R, ok bool, err error)
	// Make does the same as Create, and returns the resource that the kernel says it made, or the zero value.
	Make(ctx context.Context, ns *observe.NS, want R) (made R, err error)
}

// Settings is the capability of a kind whose resources linkd sets and restores instead of making and deleting them.
// Before returns the value of have that Prior needs to make the resource to restore. Have is the zero value if the resource
// was made together with what it is a setting of. linkd restores a setting only if it still has the value that linkd wrote.
//
// ok is false for a resource of the kind that is made and deleted after all. Before then returns those of its attributes that
// a file can leave open (see Fill), and "" if the files set none. If have is the zero value, each is a null, which stands for
// what the resource has without the file.
type Settings[R spec.Resource] interface {
	Before(want, have R) (before string, ok bool)
	Prior(have R, before string) R
}

// Saving is the capability of a kind of settings whose changes make the kernel drop what others have set. linkd writes what
// Save returns to the journal before it begins the change, so that it can restore it even if it is killed in between.
type Saving[R spec.Resource] interface {
	// Save returns what the change from have to want makes the kernel drop; "" if it is nothing. It changes nothing. An error
	// refuses the change. Have is the zero value for a setting that is made with its resource.
	Save(ns *observe.NS, want, have R) (saved string, err error)
	// Restore restores what Save returned, as far as it is missing, after the change or at the next run of linkd. It does
	// nothing if the change was not begun.
	Restore(ns *observe.NS, want R, saved string) error
}

// Ownership tells linkd's resources of a kind from foreign ones.
type Ownership[R spec.Resource] struct {
	// Fingerprint is for a kind whose resources have no room for a mark in the kernel: a resource is linkd's if the
	// journal has an entry with the same fingerprint. An empty fingerprint matches any.
	Fingerprint func(have R) string
	// Unfinished reports whether a resource without a fingerprint in the journal can be one that linkd was making when it
	// ended. It is nil for a kind that cannot tell: then any resource in that place can be.
	Unfinished func(have R) bool
	// Leftover reports whether only a linkd that was killed leaves such a resource. No file makes it, so linkd deletes it
	// whatever files it applies. It is nil for a kind that leaves none.
	Leftover func(have R) bool
	// Adopts reports whether a file tells linkd to take over have, which linkd did not make.
	Adopts func(want, have R) bool
	// Taken says what to do about have, which linkd did not make and which has the place of want. Engine is the name of the
	// container engine that made the namespace, "" if none did. Taken may be nil, and return "".
	Taken func(want, have R, engine string) string
	// Noun returns what a message calls have, such as "bridge". It is nil for a kind whose name is the noun.
	Noun func(have R) string
	// AdoptKey: the resource itself has the key "adopt", not the link that it depends on.
	AdoptKey bool
	// Separate: the kernel never changes or replaces a resource of the kind in place. So a foreign resource with an
	// ID of linkd's exists beside linkd's own, and never is linkd's own in another form.
	Separate bool
}

// Fetching is the capability of a kind of which linkd takes some resources from their origin, where somebody else
// made them, and puts them back there. Update moves a resource that was found elsewhere.
type Fetching[R spec.Resource] interface {
	// Record reads what PutBack needs to restore the resource, before linkd moves it, and its spec.Relations.Device.
	Record(ctx context.Context, ns *observe.NS, want, have R) (before, device string, err error)
	// PutBack moves have to its origin and restores what Record read there; before is "" if it is not known.
	PutBack(ctx context.Context, ns *observe.NS, have R, before string) error
	// Leaves returns which of found, the resources observed in all namespaces, are deleted when have leaves its
	// place, and which it loses until it comes back.
	Leaves(have R, found []spec.Resource) (ends, loses []spec.ID)
	// Confirm sets the spec.Relations.FetchedFrom of have, whose mark the journal confirms. From is the selector of
	// the origin's namespace.
	Confirm(have R, origin spec.ID, from spec.Selector)
	// Advice tells an administrator how to put have back by hand, or how to remove its mark.
	Advice(have R) string
}

// Always is a Capabilities.Silent for a kind whose resources can all change without an event.
func Always[R spec.Resource](R) bool { return true }

// Located returns where a namespace was at the last look, by its name in the files, or why it was not found.
type Located func(ns string) (observe.Location, error)

// Registered is a kind in the list of kinds.
type Registered struct {
	// Name is the middle part of an ID.
	Name string
	// Topics, Follows, Silent, Programs, Recurs and Samples are those of Capabilities; Silent is set if any resource can be silent.
	Topics   []observe.Topic
	Follows  []observe.Topic
	Silent   bool
	Programs bool
	Recurs   bool
	Samples  *observe.Sampling

	erased
}

// Register returns a kind for the list of kinds. The kind has exactly the capabilities in can.
func Register[R spec.Resource](name string, k Kind[R], can Capabilities[R]) Registered {
	return Registered{Name: name, Topics: can.Topics, Follows: can.Follows, Silent: can.Silent != nil, Programs: can.Programs, Recurs: can.Recurs, Samples: can.Samples, erased: adapter[R]{k, can}}
}

// Sample returns an empty resource of the kind, for tests of its type.
func (r Registered) Sample() spec.Resource { return r.sample() }

// ObserveAll returns all resources of the kind in a namespace; for a kind with FromID, only those of wanted.
func (r Registered) ObserveAll(ctx context.Context, ns *observe.NS, wanted []spec.Resource) ([]spec.Resource, error) {
	switch {
	case !r.isSelective():
		return r.Observe(ctx, ns, Query[spec.Resource]{Purpose: ToSearch})
	case len(wanted) == 0:
		return nil, nil
	}
	return r.Observe(ctx, ns, Query[spec.Resource]{Wanted: wanted})
}

// Keeper returns a function that makes the resource which restores a setting to its value before want is written;
// setting is false for a resource that is made and deleted.
func (r Registered) Keeper(want, have spec.Resource) (putBack func(now spec.Resource) spec.Resource, setting bool) {
	before, setting := r.before(want, have)
	return func(now spec.Resource) spec.Resource { return r.prior(now, before) }, setting
}

// Marks reports whether the kernel stores linkd's mark on the kind's resources.
func (r Registered) Marks() bool {
	_, unmarked := r.fingerprint(nil)
	return !unmarked
}
