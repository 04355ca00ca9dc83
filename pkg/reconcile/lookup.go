package reconcile

import (
	"errors"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// isKnown tells whether all of a scope was found.
func (c *Core) isKnown(s scope) bool {
	return c.found.lookErrors[s] == nil && c.found.observed[s.ns][s.kind] != nil
}

// withSubject are the wanted resources of a scope that the kernel's announcements name so.
func (x *index) withSubject(k *Registered, s scope, subject observe.Subject) []spec.ID {
	if x.subjects == nil {
		x.subjects = map[scope]map[observe.Subject][]spec.ID{}
	}
	if x.subjects[s] == nil {
		wanted := x.byScope[s]
		x.subjects[s] = make(map[observe.Subject][]spec.ID, len(wanted))
		for _, r := range wanted {
			at := k.subject(r)
			x.subjects[s][at] = append(x.subjects[s][at], r.ID())
		}
	}
	return x.subjects[s][subject]
}

// coverageOfNews is what has to be looked at after news of a scope. Of a kind that has Lookup it is the wanted resources that have
// gone, if nothing else has happened.
func (c *Core) coverageOfNews(k *Registered, s scope, n observe.Notification) coverage {
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

// onlyOf are the resources that a look has to look at; nil where it is everything.
func (c *Core) onlyOf(look Scope) (only []spec.Resource) {
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

// observeSome makes what was found of single resources part of the picture, has that compared, and returns what was there before,
// and is now.
func (c *Core) observeSome(s *observation, found map[spec.ID]spec.Resource) (gone, now map[spec.ID]spec.Resource) {
	gone, now = map[spec.ID]spec.Resource{}, map[spec.ID]spec.Resource{}
	for _, r := range s.found {
		now[r.ID()] = r
	}
	for id := range s.ids {
		before := found[id]
		if before != nil {
			gone[id] = before
		}
		delete(found, id)
		if now[id] != nil {
			found[id] = now[id]
		}
		c.plan.todo.ids[id] = true
		if (before == nil) != (now[id] == nil) {
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

// isTaken tells whether an op failed because its place is taken, by something that no look has found since only single
// resources were looked at. All is looked at, and what is to be done is decided anew.
func (c *Core) isTaken(op *Op, err error) bool {
	return errors.Is(err, unix.EEXIST) && op.Verb == Create && c.found.inPart[scopeOf(op.ID())]
}
