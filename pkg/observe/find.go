package observe

import (
	"fmt"

	"linkd/pkg/spec"
)

// Finder finds the namespaces that selectors of some schemes mean. All of its methods may be called at the same time.
type Finder interface {
	// Schemes are the first words of those selectors.
	Schemes() []string
	// Keep tells which namespaces are declared, by name; the others are forgotten.
	Keep(declared map[string]spec.Namespace)
	// Find is where a namespace can be opened. It does not wait for whoever does not answer: what is not known now is
	// ErrPending, like what is not there. Check, called after the namespace was opened, tells whether it was the right one.
	Find(ns spec.Namespace) (path string, check func() error, err error)
	// Watch calls changed with the name of each namespace that comes, goes or becomes another, until stop is called.
	Watch(changed func(name string)) (stop func())
	// Release forgets what was asked for one pass.
	Release()
	// Close gives everything back.
	Close()
}

// paths is the Finder of what stands in the file system.
type paths struct{}

func (paths) Schemes() []string { return []string{"name", "path"} }

func (paths) Keep(map[string]spec.Namespace) {}

func (paths) Find(ns spec.Namespace) (path string, check func() error, err error) {
	path, _ = pathOf(ns.Selector)
	return path, func() error { return nil }, nil
}

// Watch has nothing to do: WatchPaths does it.
func (paths) Watch(func(name string)) (stop func()) { return func() {} }

func (paths) Release() {}

func (paths) Close() {}

func (w *World) finder(name string, s spec.Selector) (Finder, error) {
	for _, f := range w.finders {
		for _, scheme := range f.Schemes() {
			if scheme == s.Scheme {
				return f, nil
			}
		}
	}
	if s.Scheme == "" {
		return nil, fmt.Errorf("namespace %q is not declared", name)
	}
	return nil, fmt.Errorf("nothing here can find %s", s)
}
