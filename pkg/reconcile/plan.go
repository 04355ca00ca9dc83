package reconcile

import (
	"slices"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// Verb is what an Op does.
type Verb int

// The verbs.
const (
	Create Verb = iota
	Update
	Replace
	Delete
)

// Verbs are all of them.
func Verbs() []Verb { return []Verb{Create, Update, Replace, Delete} }

func (v Verb) String() string { return [...]string{"create", "update", "replace", "delete"}[v] }

// MarshalText writes the verb's name.
func (v Verb) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Op is one step of a Plan, and why. Want is nil for a delete, Have for a create.
type Op struct {
	Verb       Verb
	Want, Have spec.Resource
	Why        []Field
	// Because is the reason when it is not a difference of the resource itself.
	Because string

	kind *Registered
	// again: nobody undid anything, but what it needs is made anew.
	again bool
	// source is what Want is made of, where that is fetched: it is found elsewhere than it is wanted.
	source spec.Resource
	// forget: the op puts a setting back, and nothing is left to remember.
	forget bool
	// after are the ops of the plan that come before this one for a reason.
	after []*Op
	// onlyMarked: nothing but a mark that somebody else can have set says that Have is linkd's. That it cannot be deleted
	// is nobody's trouble.
	onlyMarked bool
}

// ID is the resource's.
func (o *Op) ID() spec.ID {
	if o.Want != nil {
		return o.Want.ID()
	}
	return o.Have.ID()
}

// text is what the op does, in a word.
func (o *Op) text() string {
	_, fetched := fetchedFrom(o.Have)
	switch {
	case o.source != nil:
		return "fetch"
	case o.Verb == Delete && fetched:
		return "put back"
	}
	return o.Verb.String()
}

// inFull is the deed as what is done to the resource.
func (o *Op) inFull() string {
	if deed := o.text(); deed != "put back" {
		return deed + " it"
	}
	return "put it back"
}

// namespaces are those that the op may change something in, each once.
func (o *Op) namespaces() []string {
	names := []string{o.ID().NS}
	for _, r := range []spec.Resource{o.Want, o.Have, o.source} {
		if r == nil {
			continue
		}
		for _, ns := range namespacesOf(r) {
			if !slices.Contains(names, ns) {
				names = append(names, ns)
			}
		}
	}
	return names
}

// moved tells whether all that the op changes is as it was wanted a moment ago.
func (o *Op) moved() bool {
	return len(o.Why) > 0 && !slices.ContainsFunc(o.Why, func(f Field) bool { return !f.Moved })
}

// String is one line of a plan: + create, ~ update, ± replace, - delete, with the differences.
func (o *Op) String() string {
	line := [...]string{"+", "~", "±", "-"}[o.Verb] + " " + plain.Text(o.ID().String())
	if why := o.reason(); why != "" {
		line += "  (" + why + ")"
	}
	return line
}

// mostDifferences is how many differences a line tells: a chain has hundreds of rules.
const mostDifferences = 8

// reason is the differences, and what else the op is for.
func (o *Op) reason() string {
	parts := briefly(o.Why)
	if o.Because != "" {
		parts = append(parts, plain.Text(o.Because))
	}
	return strings.Join(parts, ", ")
}

// Plan is an ordered list of Ops. Empty means converged.
type Plan []*Op

// String is what `linkd diff` prints.
func (p Plan) String() string {
	var b strings.Builder
	for _, op := range p {
		b.WriteString(op.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// State is how a resource stands.
type State string

// The states. A resource that waits for something outside is pending; one that waits for another resource that failed
// is blocked.
const (
	OK       State = "ok"
	Pending  State = "pending"
	Failed   State = "failed"
	Blocked  State = "blocked"
	Flapping State = "flapping"
)

// States are all of them.
func States() []State { return []State{OK, Pending, Failed, Blocked, Flapping} }

// Verdict is a State and why.
type Verdict struct {
	State  State
	Reason string
}
