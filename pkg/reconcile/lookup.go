package reconcile

import (
	"errors"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// isKnown reports whether a scope was observed completely.
func (c *Core) isKnown(s scope) bool {
	return c.found.lookErrors[s] == nil && c.found.in(s) != nil
}

// withSubject returns the desired resources of a scope that the kernel's events name by a subject.
func (x *index) withSubject(k *Registered, s scope, subject observe.Subject) []spec.ID {
	if x.subjects == nil {
		x.subjects = map[scope]map[observe.Subject][]spec.ID{}
	}
	if x.subjects[s] == nil {
		wanted := x.in(s)
		x.subjects[s] = make(map[observe.Subject][]spec.ID, len(wanted))
		for _, r := range wanted {
			at := k.subject(r)
			x.subjects[s][at] = append(x.subjects[s][at], r.ID())
		}
	}
	return x.subjects[s][subject]
}

// coverageOfEvent returns what to look at after an event in a scope. For a kind with Lookup, that is only the removed
// resources if the event says nothing else.
func (c *Core) coverageOfEvent(k *Registered, s scope, n observe.Notification) coverage {
	if len(n.Removed) == 0 || !k.hasLookup() || n.Topic != k.Topics[0] {
		return coverLinks(n.Links)
	}
	x := coverage{ids: map[spec.ID]bool{}}
	for _, subject := range n.Removed {
		wanted := c.desired.index.withSubject(k, s, subject)
		if len(wanted) == 0 {
			return wholeScope
		}
		for _, id := range wanted {
			x.ids[id] = true
		}
	}
	return x
}

// resourcesToLookUp returns the resources to look at; nil for everything.
func (c *Core) resourcesToLookUp(look Scope) (only []spec.Resource) {
	if look.covers.all || !look.known {
		return nil
	}
	for _, id := range inOrder(look.covers.ids, spec.ID.Compare) {
		want := c.desired.set.Get(id)
		if want == nil {
			return nil
		}
		only = append(only, want)
	}
	return only
}

// observeSome adds an observation of single resources to the observed state and marks it for comparison. It returns
// the resources that were there before and those that are there now.
func (c *Core) observeSome(s *observation, found *resources) (gone, now *resources) {
	gone, now = &resources{}, &resources{}
	for _, r := range s.found {
		now.put(r.ID().Key, r)
	}
	for id := range s.ids {
		before, after := found.get(id.Key), now.get(id.Key)
		if before != nil {
			gone.put(id.Key, before)
		}
		if after != nil {
			found.put(id.Key, after)
		} else {
			found.remove(id.Key)
		}
		c.plan.todo.ids[id] = true
		if (before == nil) != (after == nil) {
			c.noteChange(id)
		}
	}
	c.found.inPart[s.scope] = true
	if !c.found.compared[s.scope] {
		c.plan.todo.scopes[s.scope] = true
	}
	return gone, now
}

// madeBy is what an op made, as far as the kernel says, as if it had been looked at. It is nil where a look has to tell.
func (c *Core) madeBy(t *task, r *Result) *observation {
	id := t.op.ID()
	made, s := r.made[id], scopeOf(id)
	if made == nil || !c.isKnown(s) {
		return nil
	}
	for _, at := range t.at {
		if at.identity == "" || at.identity != c.identity(at.name) {
			return nil
		}
	}
	return &observation{scope: s, found: []spec.Resource{made}, ids: map[spec.ID]bool{id: true}, memory: c.found.memories[s]}
}

// isTaken reports whether an op failed because a resource exists that no look has found, since only single resources
// were looked at. The core then looks at everything and decides anew.
func (c *Core) isTaken(op *Op, err error) bool {
	return errors.Is(err, unix.EEXIST) && op.Verb == Create && c.found.inPart[scopeOf(op.ID())]
}
