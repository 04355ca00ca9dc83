package reconcile

import (
	"fmt"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// A namespace's name can be deleted while processes are in the namespace (ip-netns(8)), and a container can be started in another
// namespace than before while a process is in that. The namespace then lives on, with what linkd made in it. linkd finds it by one of these processes, as a namespace that no file names, and
// removes what it made.

// lastLocation returns where a namespace was that a name led to before and may not lead to any more. It is zero if
// that is not known. Missing: the namespace has lost its name as soon as the name leads to none. That is so for a name that
// somebody can delete. A process or a container that has ended may come back in the same namespace, and others in it may
// use what linkd made there.
func (c *Core) lastLocation(d *domain) (was observe.Location, missing bool) {
	scheme := c.desired.declared[d.name].Selector.Scheme
	if was = d.location; was.Identity == "" {
		was = d.before
	}
	if was.Identity == "" && d.generation == 0 {
		was.Identity = c.journal.IdentityOf(d.name)
	}
	if d.name == spec.Host || !c.journal.Knows(d.name, was.Identity) {
		return observe.Location{}, false
	}
	return was, scheme == "name" || scheme == "path"
}

// keepHeld declares the namespace that a name led to before by a process in it, and moves the journal's entries to
// that name.
func (c *Core) keepHeld(d *domain, was observe.Identity, pid int) {
	selector := spec.Selector{Scheme: "pid", Value: fmt.Sprint(pid)}
	name := selector.String()
	for other, declared := range c.desired.declared {
		if declared.Selector == selector {
			name = other
		}
	}
	c.journal.Remember(name, selector)
	if !c.journal.Merge(d.name, name, was) {
		return
	}
	if _, declared := c.desired.declared[name]; !declared {
		c.desired.declared[name] = spec.Namespace{Name: name, Selector: selector, Left: true}
		c.desired.left[name] = true
		c.desired.anew = true
	}
	c.markAll(c.domain(name))
}

// Knows reports whether the journal has entries of a namespace that were recorded under a name.
func (j *Journal) Knows(name string, id observe.Identity) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.names[id].get(name) > 0
}

// IdentityOf returns the identity of a namespace that has entries under a name, the first of several; "" if there is none.
func (j *Journal) IdentityOf(name string) (first observe.Identity) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if of := j.identities[name]; len(of) > 0 {
		first = slices.Min(of)
	}
	return first
}
