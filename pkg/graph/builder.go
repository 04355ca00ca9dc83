package graph

import (
	"fmt"
	"slices"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Builder builds a picture from the desired and the observed resources. It is the reconcile.Renderer of `linkd graph`.
type Builder struct {
	// states has the status of the declared resources by their printed IDs; nil in a picture of the files alone.
	states map[string]Status
	nodes  map[string]*nodeBuilder
	lines  map[lineKey]*lineBuilder
	notes  map[string]*noteBuilder
	names  map[spec.Selector]string // the name of each namespace in the picture
	alias  map[string]string        // from all names of a namespace to that in the picture
	shown  []string
	// reached has the namespaces whose resources are not all pending, by the names in a status; nil if nobody asked a daemon.
	reached     map[string]bool
	printRemark func(string)
}

// presence says whether something is in the desired state, in the observed state, or in both.
type presence struct{ declared, found bool }

func (l *presence) add(found bool) {
	l.declared, l.found = l.declared || !found, l.found || found
}

type nodeBuilder struct {
	name, selector   string
	source           spec.Source
	declared, exists bool
	// absent is the reason why the namespace does not exist.
	absent string
	// partial: linkd looked at some of its interfaces only.
	partial bool
	ifaces  map[string]*ifaceBuilder
}

type ifaceBuilder struct {
	presence
	kind      string
	details   []string
	onlyFound bool
	resource  spec.ID
	source    spec.Source
}

type noteBuilder struct {
	presence
	node, iface, text string
	resource          spec.ID
	source            spec.Source
}

type lineKey struct {
	join     Join
	from, to End
}

type lineBuilder struct {
	presence
	// resources are those that drew the line. Both ends of a cable draw it.
	resources []spec.ID
}

// NewBuilder returns a builder of an empty picture. It calls printRemark with a sentence for everything that it cannot draw.
func NewBuilder(printRemark func(string)) *Builder {
	return &Builder{
		nodes: map[string]*nodeBuilder{}, lines: map[lineKey]*lineBuilder{}, notes: map[string]*noteBuilder{},
		names: map[spec.Selector]string{}, alias: map[string]string{}, printRemark: printRemark,
	}
}

// AddDesired adds the desired state.
func (s *Builder) AddDesired(d *spec.Desired) {
	for _, ns := range d.Namespaces {
		b := s.node(ns)
		b.declared, b.source = true, ns.Source
	}
	if slices.ContainsFunc(d.Resources.All(), func(r spec.Resource) bool { return r.ID().NS == spec.Host }) {
		// An end without a namespace is in the host, which a file need not declare.
		s.node(spec.Namespace{Name: spec.Host, Selector: spec.Selector{Scheme: spec.Host}}).declared = true
	}
	for _, t := range d.Templates {
		// In a picture of the files alone, one sample container stands for all containers of a template.
		if b := s.nodes[t.Name]; b != nil {
			b.selector = t.Selector.String()
		}
	}
	s.draw(d.Resources.All(), false)
}

// AddFound adds observed resources.
func (s *Builder) AddFound(found []spec.Resource) { s.draw(found, true) }

// SetStates adds the states of the declared resources and the changes of a plan.
func (s *Builder) SetStates(plan reconcile.Plan, status *reconcile.Status) {
	s.states = resourceStates(plan, status)
	for _, op := range plan {
		if op.Verb == reconcile.Delete {
			s.annotate(op.Have, true)
		}
	}
}

// SetStatus adds the states that a daemon reports. A namespace of which all resources are pending counts as absent, unless Declare
// says that it exists.
func (s *Builder) SetStatus(status *reconcile.Status) {
	s.states = resourceStates(nil, status)
	s.reached = map[string]bool{}
	for _, r := range status.Resources {
		if r.State != reconcile.Pending {
			s.reached[r.NetNS] = true
		}
	}
}

// Declare adds a namespace that exists. If it is not shown, the picture only has its interfaces that lines lead to.
func (s *Builder) Declare(ns spec.Namespace, shown bool) {
	b := s.node(ns)
	b.exists, b.partial = true, !shown
	if shown {
		s.shown = append(s.shown, ns.Name)
	}
}

// Shown returns the names that were declared with shown.
func (s *Builder) Shown() []string { return s.shown }

// Absent reports that a namespace cannot be shown, and why. A namespace that the files declare stays in the picture, as pending.
func (s *Builder) Absent(ns spec.Namespace, why error) {
	if name, known := s.names[ns.Selector]; known {
		s.nodes[name].absent = plain.Text(why.Error())
		return
	}
	s.Remark("", "", "not drawn: the namespace %s, because %v", ns.Name, why)
}

// Remark prints a sentence about something that is not in the picture.
func (s *Builder) Remark(_, _, format string, args ...any) {
	s.printRemark(plain.Text(fmt.Sprintf(format, args...)))
}

// Names returns the picture's names of the namespaces that args mean: names or selectors. It fails for one that is not in the
// picture.
func (s *Builder) Names(args []string) (names []string, err error) {
	for _, arg := range args {
		name, known := s.alias[arg]
		if selector, wrong := spec.ParseSelector(arg); !known && wrong == nil {
			name, known = s.names[selector]
		}
		if !known {
			return nil, fmt.Errorf("%s: no file names that namespace", plain.Text(arg))
		}
		names = append(names, name)
	}
	return names, nil
}

// node returns the builder of a namespace. It finds the namespace by its selector, because a namespace that the files only
// mention by its selector has another name in Declare.
func (s *Builder) node(ns spec.Namespace) *nodeBuilder {
	if name, known := s.names[ns.Selector]; known {
		s.alias[ns.Name] = name
		return s.nodes[name]
	}
	b := &nodeBuilder{name: ns.Name, ifaces: map[string]*ifaceBuilder{}}
	if sel := ns.Selector; sel.Scheme != spec.Host && sel != (spec.Selector{Scheme: "name", Value: ns.Name}) && sel.String() != ns.Name {
		b.selector = sel.String()
	}
	s.names[ns.Selector], s.alias[ns.Name], s.nodes[ns.Name] = ns.Name, ns.Name, b
	return b
}

func (s *Builder) draw(resources []spec.Resource, found bool) {
	for _, r := range resources {
		if d, is := r.(Drawn); is {
			d.Draw(s.pen(r, found))
		}
		s.annotate(r, found)
	}
}

// annotate adds the notes of a resource that adds some.
func (s *Builder) annotate(r spec.Resource, found bool) {
	if a, is := r.(Annotated); is {
		a.Annotate(s.pen(r, found))
	}
}

func (s *Builder) pen(r spec.Resource, found bool) *Pen {
	return &Pen{builder: s, id: r.ID(), source: r.Origin(), found: found, onlyFound: r.Relations().OnlyFound}
}

// iface returns the end and the builder of an interface, and creates them if necessary.
func (s *Builder) iface(id spec.ID) (End, *ifaceBuilder) {
	name, known := s.alias[id.NS]
	if !known {
		name = id.NS
		s.alias[name], s.nodes[name] = name, &nodeBuilder{name: name, ifaces: map[string]*ifaceBuilder{}}
	}
	b := s.nodes[name]
	if b.ifaces[id.Key] == nil {
		b.ifaces[id.Key] = &ifaceBuilder{}
	}
	return End{name, id.Key}, b.ifaces[id.Key]
}

// canonical returns the ID of a resource with the picture's name of its namespace.
func (s *Builder) canonical(id spec.ID) spec.ID {
	if name, known := s.alias[id.NS]; known {
		id.NS = name
	}
	return id
}
