package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// fetchedKind is the kind, in the journal, of what is remembered of a home: what the resource was there. It is an entry of
// the home's, because where the resource was taken may be gone before it comes back.
const fetchedKind = "away"

func fetchedEntry(origin spec.ID) spec.ID {
	return spec.ID{NS: origin.NS, Kind: fetchedKind, Key: origin.Kind + "/" + origin.Key}
}

func fromOfEntry(id spec.ID) spec.ID {
	kind, key, _ := strings.Cut(id.Key, "/")
	return spec.ID{NS: id.NS, Kind: kind, Key: key}
}

// planReturn plans that have goes home, unless there is no home, or no room in it.
func (c *comparison) planReturn(have spec.Resource, kind *Registered, origin spec.ID, because string) {
	id := have.ID()
	if c.wanted(id) != nil || c.lookErrors[scopeOf(id)] != nil {
		// Whatever is wanted in its place sees to it. What was found at an earlier look may be at home by now.
		return
	}
	if why := c.whyNotReturn(have, origin); why != "" {
		c.verdicts[id] = Verdict{Failed, fmt.Sprintf("it was fetched from %s, but %s: it stays where it is", place(origin), why)}
		return
	}
	c.planEnd(id, &Op{Verb: Delete, Have: have, Why: []Field{moved(id, origin)}, Because: because, kind: kind})
}

// whyNotReturn is why what was fetched cannot be put back; "" where it can.
func (c *comparison) whyNotReturn(have spec.Resource, origin spec.ID) (why string) {
	there := c.found.get(origin)
	switch err := c.missing(origin.NS); {
	case err != nil:
		return err.Error()
	case c.identity(origin.NS) == "":
		return "no file names that namespace any more"
	case there != nil && there.ID() != have.ID():
		return "another has that name by now"
	}
	return ""
}

// forgetReturned forgets what the journal knows of homes to which nothing is left to be put back.
func (c *comparison) forgetReturned() {
	for s := range c.workset.scopes {
		if s.kind != fetchedKind {
			continue
		}
		for id, e := range c.journal.In(s) {
			if c.isReturned(id, e) {
				c.changeJournal(id, func(j *Journal) { j.Forget(id) })
			}
		}
	}
}

// isReturned tells whether what is remembered of a home can be forgotten: the home is gone, or what was fetched is back.
func (c *comparison) isReturned(away spec.ID, e Entry) bool {
	origin := fromOfEntry(away)
	if _, wanted := c.all.takers[origin]; wanted || c.fetched(origin) != nil || c.lookErrors[scopeOf(origin)] != nil {
		return false
	}
	if err := c.missing(origin.NS); err != nil {
		return errors.Is(err, observe.ErrPending)
	}
	return c.identity(origin.NS) != e.Identity || c.found.get(origin) != nil
}

// leaving are the resources that the plan takes from their places.
func (c *comparison) leaving() map[spec.ID]bool {
	leaving := map[spec.ID]bool{}
	for id, op := range c.ops {
		if op.source != nil {
			leaving[op.source.ID()] = true
		}
		if op.Verb == Delete || op.Verb == Replace {
			leaving[id] = true
		}
	}
	return leaving
}

// ends are the resources that would be no more after the op, and that it is not about.
func (op *Op) ends(all *losses) (ends []spec.ID) {
	leaves := []spec.Resource{op.source}
	if op.Verb == Delete || op.Verb == Replace {
		leaves = append(leaves, op.Have)
	}
	for _, r := range leaves {
		if r == nil {
			continue
		}
		if _, fetched := fetchedFrom(r); !fetched && r != op.source {
			ends = append(ends, all.with(r)...)
		} else if op.leaves(r) {
			gone, _ := op.kind.leaves(r, all.found)
			ends = append(ends, gone...)
		}
	}
	return ends
}

// leaves tells whether the op takes what is fetched to another namespace: it may only get another name.
func (op *Op) leaves(r spec.Resource) bool {
	if r == op.source {
		return r.ID().NS != op.Want.ID().NS
	}
	origin, _ := fetchedFrom(r)
	return r.ID().NS != origin.NS
}

// onlyRenames reports whether the op puts back what was fetched from the same namespace, and keeps its settings.
func (op *Op) onlyRenames() bool {
	origin, fetched := fetchedFrom(op.Have)
	return fetched && origin.NS == op.ID().NS
}

// renames is what the op gives only another name, as it is fetched from, or goes home to, the same namespace; is tells
// whether there is such.
func (op *Op) renames() (id spec.ID, is bool) {
	switch {
	case op.source != nil:
		return op.source.ID(), op.source.ID().NS == op.Want.ID().NS
	case op.Verb == Delete:
		return op.ID(), op.onlyRenames()
	}
	return id, false
}

// settingsFirst drops the ops that give something another name while it has settings that are still to be put back: it keeps
// them, and nobody would find them under that name.
func (c *comparison) settingsFirst() {
	for _, id := range inOrder(c.ops, spec.ID.Compare) {
		of, renames := c.ops[id].renames()
		if !renames {
			continue
		}
		for _, kind := range inOrder(c.kinds, strings.Compare) {
			s := scope{of.NS, kind}
			for _, setting := range inOrder(c.journal.In(s), spec.ID.Compare) {
				e, _ := c.journal.Recall(setting)
				if !e.Set {
					continue
				}
				if c.planRestore(setting, e); !c.isSet(setting, e, of) {
					continue
				}
				delete(c.ops, id)
				c.noteInTheWay(s, id)
				if c.unready[setting] {
					delete(c.verdicts, id)
					c.unready[id] = true
					continue
				}
				c.verdicts[id] = Verdict{Blocked, fmt.Sprintf("blocked by %s: %s", setting, c.whyNot(setting))}
			}
		}
	}
}

// isSet tells whether something has, or may have, a setting as linkd left it that the plan does not put back.
func (c *comparison) isSet(id spec.ID, e Entry, of spec.ID) bool {
	kind, have, op := c.kinds[id.Kind], c.found.get(id), c.ops[id]
	switch {
	case e.Identity != c.identity(id.NS) || c.wanted(id) != nil || op != nil && op.forget:
		return false
	case c.lookErrors[scopeOf(id)] != nil:
		return true
	case have == nil || !slices.Contains(have.Needs(), of):
		return false
	}
	left, some := c.stillOurs(kind, have, e)
	return some && len(kind.Diff(kind.prior(have, left), have)) > 0
}

// whyNot is why a setting is not put back now.
func (c *comparison) whyNot(id spec.ID) string {
	if err := c.lookErrors[scopeOf(id)]; err != nil {
		return err.Error()
	}
	return c.verdict(id).Reason
}

// explainReturns has the plan tell what goes home with an op that makes room for another, and what others have on a resource in
// the place that it leaves.
func (c *comparison) explainReturns() {
	var all []spec.Resource
	for _, op := range c.ops {
		leaves := op.source
		origin, fetched := fetchedFrom(op.Have)
		switch {
		case fetched && op.Verb == Delete:
			leaves = op.Have
		case fetched && op.Verb == Replace:
			op.Because = "the present one goes back to " + place(origin)
		}
		if leaves == nil || !op.leaves(leaves) {
			continue
		}
		if all == nil {
			all = c.found.all()
		}
		_, loses := op.kind.leaves(leaves, all)
		var names []string
		for _, id := range loses {
			if c.ops[id] == nil && !c.owned(c.kinds[id.Kind], c.found.get(id)) {
				names = append(names, id.String())
			}
		}
		if len(names) > 0 {
			slices.Sort(names)
			op.Because = strings.TrimPrefix(op.Because+", on it "+strings.Join(names, ", "), ", ")
		}
	}
}
