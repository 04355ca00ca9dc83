package reconcile

import (
	"maps"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Want sets the one desired state. Unless it is complete, nothing is taken for undeclared. Everything is looked at
// again, and what failed before is tried again.
func (e *Engine) Want(d *spec.Desired, complete bool) {
	e.declare(d, complete)
	clear(e.trials)
	clear(e.reached)
	clear(e.blind)
	clear(e.verdicts)
	clear(e.troubled)
	clear(e.feared)
	e.rows = newRows(e.want)
	e.recount = true
	e.LookAtAll()
}

// declare takes a desired state over.
func (e *Engine) declare(d *spec.Desired, complete bool) {
	e.want, e.index, e.partial = d.Resources, newIndex(d.Resources), !complete
	e.whole = true
	e.named, e.declared = d.Namespaces, maps.Clone(d.Namespaces)
	if e.declared == nil {
		e.declared = map[string]spec.Namespace{}
	}
	e.declareLeft()
	// Linkd's own namespace is always looked at: most of what it may have left is there.
	e.declared[spec.Host] = spec.Namespace{Name: spec.Host, Selector: spec.Selector{Scheme: spec.Host}}
	e.world.Declare(e.declared)
	e.world.DeclareTemplates(d.Templates)
	e.world.Pin(e.wired())
	for name := range e.missing {
		if _, declared := e.declared[name]; !declared {
			delete(e.missing, name)
		}
	}
	for name := range e.found {
		if _, declared := e.declared[name]; !declared {
			delete(e.found, name)
		}
	}
}

// wired are the namespaces that were found by a PID, as they were when linkd did something there: who has that PID now
// may be a stranger.
func (e *Engine) wired() map[string]observe.Identity {
	wired := map[string]observe.Identity{}
	for id, entry := range e.journal.all() {
		if e.declared[id.NS].Selector.Scheme == "pid" {
			wired[id.NS] = entry.Identity
		}
	}
	return wired
}

// declareLeft adds the namespaces in which linkd has left something and that the files do not name any more. What is
// remembered follows a namespace to another name of it, and does not stay with a name that is another's now.
func (e *Engine) declareLeft() {
	named := map[spec.Selector]string{}
	for name, ns := range e.declared {
		named[ns.Selector] = name
	}
	left, renamed := e.journal.Namespaces(), map[string]string{}
	for name, selector := range left {
		if now, is := named[selector]; is && now != name {
			renamed[name] = now
		} else if _, taken := e.declared[name]; taken && !is {
			renamed[name] = selector.String()
		}
	}
	e.journal.Rename(renamed)
	for name, selector := range left {
		if now, is := renamed[name]; is {
			name = now
		}
		if _, declared := e.declared[name]; !declared {
			e.declared[name] = spec.Namespace{Name: name, Selector: selector, Left: true}
		}
	}
}

// forgetNamespaces stops looking for namespaces that are gone, that no file names, and in which nothing of linkd's can
// be left.
func (e *Engine) forgetNamespaces() {
	if len(e.missing) == 0 {
		return
	}
	remembered := e.journal.Namespaces()
	for name := range e.missing {
		_, named := e.named[name]
		if _, left := remembered[name]; !named && !left {
			delete(e.missing, name)
			delete(e.declared, name)
		}
	}
}
