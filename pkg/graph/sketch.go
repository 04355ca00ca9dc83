package graph

import (
	"fmt"
	"slices"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Sketch is a picture that is being drawn, from one of what is wanted and one of what was found. It is a
// reconcile.Paper.
type Sketch struct {
	// states are how the wanted resources stand, by their printed IDs; nil where nobody has looked.
	states map[string]Mark
	boxes  map[string]*drawnBox
	lines  map[lineKey]*drawnLine
	notes  map[string]*drawnNote
	names  map[spec.Selector]string // what each namespace is called here
	alias  map[string]string        // other names of theirs
	shown  []string
	remark func(string)
}

// layer tells in which of the two pictures a thing is.
type layer struct{ wanted, found bool }

func (l *layer) add(found bool) {
	l.wanted, l.found = l.wanted || !found, l.found || found
}

type drawnBox struct {
	name, selector string
	wanted, there  bool
	// absent is why it is not there.
	absent string
	// partly: only some of its interfaces were looked at.
	partly bool
	cards  map[string]*drawnCard
}

type drawnCard struct {
	layer
	kind    string
	details []string
	loose   bool
	from    spec.ID
}

type drawnNote struct {
	layer
	box, card, text string
	from            spec.ID
}

type lineKey struct {
	join     Join
	from, to End
}

type drawnLine struct {
	layer
	// from are the resources that drew it: both ends of a cable do.
	from []spec.ID
}

// NewSketch begins a picture. Remark is told what cannot be in it, and why.
func NewSketch(remark func(string)) *Sketch {
	return &Sketch{
		boxes: map[string]*drawnBox{}, lines: map[lineKey]*drawnLine{}, notes: map[string]*drawnNote{},
		names: map[spec.Selector]string{}, alias: map[string]string{}, remark: remark,
	}
}

// Want draws what the files want.
func (s *Sketch) Want(d *spec.Desired) {
	for _, ns := range d.Namespaces {
		s.box(ns).wanted = true
	}
	if slices.ContainsFunc(d.Resources.All(), func(r spec.Resource) bool { return r.ID().NS == spec.Host }) {
		// An end that names no namespace is in the host, which no file has to name.
		s.box(spec.Namespace{Name: spec.Host, Selector: spec.Selector{Scheme: spec.Host}}).wanted = true
	}
	for _, t := range d.Templates {
		// It is in the picture where one made-up container stands for all of its own.
		if b := s.boxes[t.Name]; b != nil {
			b.selector = t.Selector.String()
		}
	}
	s.draw(d.Resources.All(), false)
}

// Find draws what was found in the namespaces that were declared.
func (s *Sketch) Find(found []spec.Resource) { s.draw(found, true) }

// Judge lays over the picture how the wanted resources stand, and what a plan would do.
func (s *Sketch) Judge(plan reconcile.Plan, status *reconcile.Status) { s.states = marks(plan, status) }

// Declare implements reconcile.Paper.
func (s *Sketch) Declare(ns spec.Namespace, shown bool) {
	b := s.box(ns)
	b.there, b.partly = true, !shown
	if shown {
		s.shown = append(s.shown, ns.Name)
	}
}

// Shown implements reconcile.Paper.
func (s *Sketch) Shown() []string { return s.shown }

// Absent implements reconcile.Paper. A namespace that the files name is in the picture all the same.
func (s *Sketch) Absent(ns spec.Namespace, why error) {
	if name, known := s.names[ns.Selector]; known {
		s.boxes[name].absent = plain.Text(why.Error())
		return
	}
	s.Remark("", "", "not drawn: the namespace %s, because %v", ns.Name, why)
}

// Remark implements reconcile.Paper.
func (s *Sketch) Remark(_, _, format string, args ...any) {
	s.remark(plain.Text(fmt.Sprintf(format, args...)))
}

// Names are what the picture calls the namespaces that args mean.
func (s *Sketch) Names(args []string) (names []string, err error) {
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

// box is a namespace in the picture. It is found by its selector, for one that the files name by that alone may be
// declared under another name.
func (s *Sketch) box(ns spec.Namespace) *drawnBox {
	if name, known := s.names[ns.Selector]; known {
		s.alias[ns.Name] = name
		return s.boxes[name]
	}
	b := &drawnBox{name: ns.Name, cards: map[string]*drawnCard{}}
	if sel := ns.Selector; sel.Scheme != spec.Host && sel != (spec.Selector{Scheme: "name", Value: ns.Name}) && sel.String() != ns.Name {
		b.selector = sel.String()
	}
	s.names[ns.Selector], s.alias[ns.Name], s.boxes[ns.Name] = ns.Name, ns.Name, b
	return b
}

func (s *Sketch) draw(resources []spec.Resource, found bool) {
	for _, r := range resources {
		if d, is := r.(Drawn); is {
			d.Draw(&Pen{sketch: s, id: r.ID(), found: found, loose: r.Relations().OnlyFound})
		}
	}
}

// at is the box and the name of an interface, and makes them where nothing has drawn them yet.
func (s *Sketch) at(id spec.ID) (End, *drawnCard) {
	name, known := s.alias[id.NS]
	if !known {
		name = id.NS
		s.alias[name], s.boxes[name] = name, &drawnBox{name: name, cards: map[string]*drawnCard{}}
	}
	b := s.boxes[name]
	if b.cards[id.Key] == nil {
		b.cards[id.Key] = &drawnCard{}
	}
	return End{name, id.Key}, b.cards[id.Key]
}

// canonical is the ID under which the files know a resource.
func (s *Sketch) canonical(id spec.ID) spec.ID {
	if name, known := s.alias[id.NS]; known {
		id.NS = name
	}
	return id
}
