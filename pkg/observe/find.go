package observe

import (
	"fmt"
	"slices"

	"linkd/pkg/spec"
)

// Finder finds the namespaces of selectors with certain schemes. Its methods are safe for concurrent use.
type Finder interface {
	// Schemes are the schemes of these selectors.
	Schemes() []string
	// SetDeclared sets the declared namespaces, by name. The finder drops all others.
	SetDeclared(declared map[string]spec.Namespace)
	// Find returns where a namespace can be opened. It does not wait for an engine that does not answer: if the place
	// is not known now, the error is ErrPending, as for a namespace that does not exist. After opening, check reports
	// whether it is the right namespace.
	Find(ns spec.Namespace) (path string, check func(netns int) error, err error)
	// Watch calls changed with the name of each namespace that appears, disappears or is replaced, and populated when
	// a template stands for other containers than before, until stop is called.
	Watch(changed func(name string), populated func()) (stop func())
	// Release drops the answers that were cached for one pass.
	Release()
	// Close releases all resources.
	Close()
}

// InstanceFinder is a Finder that finds the containers of a template.
type InstanceFinder interface {
	Instances(template spec.Selector) ([]spec.Instance, error)
	// SetTemplates sets the templates. The finder drops the containers of all others.
	SetTemplates(templates []spec.Selector)
}

// Instances asks the finder for the template's scheme.
func Instances(finders []Finder, template spec.Selector) ([]spec.Instance, error) {
	for _, f := range finders {
		if c, is := f.(InstanceFinder); is && slices.Contains(f.Schemes(), template.Scheme) {
			return c.Instances(template)
		}
	}
	return nil, fmt.Errorf("nothing here can find %s", template)
}

// DeclareTemplates sets the templates.
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

// paths is the Finder of namespaces in the file system.
type paths struct{}

func (paths) Schemes() []string { return []string{"name", "path"} }

func (paths) SetDeclared(map[string]spec.Namespace) {}

func (paths) Find(ns spec.Namespace) (path string, check func(netns int) error, err error) {
	path, _ = pathOf(ns.Selector)
	return path, func(int) error { return nil }, nil
}

// Watch does nothing, because WatchPaths watches the paths.
func (paths) Watch(func(string), func()) (stop func()) { return func() {} }

func (paths) Release() {}

func (paths) Close() {}

// finder returns the finder for a selector.
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

// where returns where a namespace can be opened, and a check to call after opening.
func (w *World) where(ns spec.Namespace) (path string, check func(netns int) error, err error) {
	f, err := w.finder(ns.Name, ns.Selector)
	if err != nil {
		return "", nil, err
	}
	return f.Find(ns)
}
