package reconcile

import (
	"net/netip"
	"slices"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// Verb says what an Op does.
type Verb int

// The verbs.
const (
	Create Verb = iota
	Update
	Replace
	Delete
)

// Verbs returns all verbs.
func Verbs() []Verb { return []Verb{Create, Update, Replace, Delete} }

func (v Verb) String() string { return [...]string{"create", "update", "replace", "delete"}[v] }

// MarshalText returns the verb's name.
func (v Verb) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Op is one step of a Plan, and why it is needed. Want is nil for a delete, Have for a create.
type Op struct {
	Verb       Verb
	Want, Have spec.Resource
	Why        []Field
	// Because is a reason that is not a difference of the resource itself.
	Because string

	kind *Registered
	// again: the op is no repair of drift; a resource that Want needs is made anew.
	again bool
	// source is the resource that the op fetches, if it is not yet where Want is.
	source spec.Resource
	// forget: the op restores a setting; its journal entry is dropped afterwards.
	forget bool
	// leaving are the resources that leave with the op, by kind.
	leaving []leaving
	// after are the ops of the plan that must come before this one.
	after []*Op
	// frees are the IP addresses (spec.Relations.Sole) that are gone after the op.
	frees []netip.Addr
	// onlyMarked: the only evidence that Have is linkd's is a mark that somebody else can have set. If it cannot be
	// deleted, linkd reports no failure.
	onlyMarked bool
	// files is the Entry.Files of Want.
	files string
}

// ID returns the ID of the resource.
func (o *Op) ID() spec.ID {
	if o.Want != nil {
		return o.Want.ID()
	}
	return o.Have.ID()
}

// text describes the op in a word or two.
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

// phrase describes the op with "it" as the object.
func (o *Op) phrase() string {
	if text := o.text(); text != "put back" {
		return text + " it"
	}
	return "put it back"
}

// namespaces returns the namespaces that the op may change, without duplicates.
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

// moved reports whether all differences are due to a changed desired value (Field.Moved).
func (o *Op) moved() bool {
	return len(o.Why) > 0 && !slices.ContainsFunc(o.Why, func(f Field) bool { return !f.Moved })
}

// String returns one line of a plan: + create, ~ update, ± replace, - delete, with the differences.
func (o *Op) String() string {
	line := [...]string{"+", "~", "±", "-"}[o.Verb] + " " + plain.Text(o.ID().String())
	if why := o.reason(); why != "" {
		line += "  (" + why + ")"
	}
	return line
}

// mostDifferences is how many differences a line shows: a chain can have hundreds of rules.
const mostDifferences = 8

// reason returns the differences and the op's other reason.
func (o *Op) reason() string {
	parts := briefly(o.Why)
	if o.Because != "" {
		parts = append(parts, plain.Text(o.Because))
	}
	return strings.Join(parts, ", ")
}

// Plan is an ordered list of Ops. An empty Plan means that everything is converged.
type Plan []*Op

// String returns the output of `linkd diff`.
func (p Plan) String() string {
	var b strings.Builder
	for _, op := range p {
		b.WriteString(op.String())
		b.WriteByte('\n')
	}
	return b.String()
}
