package observe

import (
	"fmt"
	"slices"

	"linkd/pkg/spec"
)

// Finder finds the namespaces that selectors of some schemes mean. All of its methods may be called at the same time.
type Finder interface {
	// Schemes are the first words of those selectors.
	Schemes() []string
	// SetDeclared sets which namespaces are declared, by name; it forgets all others.
	SetDeclared(declared map[string]spec.Namespace)
	// Find is where a namespace can be opened. It does not wait for whoever does not answer: what is not known now is
	// ErrPending, like what is not there. Check, called with the opened namespace, tells whether it is the right one.
	Find(ns spec.Namespace) (path string, check func(netns int) error, err error)
	// Watch calls changed with the name of each namespace that comes, goes or becomes another, and populated when a
	// template stands for others than before, until stop is called.
	Watch(changed func(name string), populated func()) (stop func())
	// Release forgets what was asked for one pass.
	Release()
	// Close gives everything back.
	Close()
}

// InstanceFinder is a Finder that finds the containers a template stands for.
type InstanceFinder interface {
	Instances(template spec.Selector) ([]spec.Instance, error)
	// SetTemplates sets which templates there are; it forgets the containers of all others.
	SetTemplates(templates []spec.Selector)
}

// Instances asks the finder that knows.
func Instances(finders []Finder, template spec.Selector) ([]spec.Instance, error) {
	for _, f := range finders {
		if c, is := f.(InstanceFinder); is && slices.Contains(f.Schemes(), template.Scheme) {
			return c.Instances(template)
		}
	}
	return nil, fmt.Errorf("nothing here can find %s", template)
}

// DeclareTemplates sets the templates that stand for others.
func (w *World) DeclareTemplates(templates []spec.Template) {
	selectors := make([]spec.Selector, len(templates))
	for i, t := range templates {
		selectors[i] = t.Selector
	}
	for _, f := range w.finders {
		if c, is := f.(InstanceFinder); is {
			c.SetTemplates(selectors)
		}
	}
}

// paths is the Finder of what stands in the file system.
type paths struct{}

func (paths) Schemes() []string { return []string{"name", "path"} }

func (paths) SetDeclared(map[string]spec.Namespace) {}

func (paths) Find(ns spec.Namespace) (path string, check func(netns int) error, err error) {
	path, _ = pathOf(ns.Selector)
	return path, func(int) error { return nil }, nil
}

// Watch has nothing to do: WatchPaths does it.
func (paths) Watch(func(string), func()) (stop func()) { return func() {} }

func (paths) Release() {}

func (paths) Close() {}

func (w *World) finder(name string, s spec.Selector) (Finder, error) {
	for _, f := range w.finders {
		if slices.Contains(f.Schemes(), s.Scheme) {
			return f, nil
		}
	}
	if s.Scheme == "" {
		return nil, fmt.Errorf("namespace %q is not declared", name)
	}
	return nil, fmt.Errorf("nothing here can find %s", s)
}

// where is where a namespace can be opened, and tells afterwards whether it was the right one.
func (w *World) where(ns spec.Namespace) (path string, check func(netns int) error, err error) {
	f, err := w.finder(ns.Name, ns.Selector)
	if err != nil {
		return "", nil, err
	}
	return f.Find(ns)
}
