package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// fetchedKind is the kind of the journal entries about origins: each records what the fetched resource was there. The
// entry is in the namespace of the origin, because the namespace that took the resource may end before linkd puts it
// back.
const fetchedKind = "away"

func fetchedEntry(origin spec.ID) spec.ID {
	return spec.ID{NS: origin.NS, Kind: fetchedKind, Key: origin.Kind + "/" + origin.Key}
}

func fromOfEntry(id spec.ID) spec.ID {
	kind, key, _ := strings.Cut(id.Key, "/")
	return spec.ID{NS: id.NS, Kind: kind, Key: key}
}

// planReturn plans to put have back at its origin, unless the origin is gone or its name is taken.
func (c *comparison) planReturn(have spec.Resource, kind *Registered, origin spec.ID, because string) {
	id := have.ID()
	if c.wanted(id) != nil || c.lookErrors[scopeOf(id)] != nil {
		// The desired resource of that ID decides about it, or the last look failed and it may be back by now.
		return
	}
	if why := c.whyNotReturn(have, origin); why != "" {
		c.verdicts[id] = Verdict{State: Failed, Reason: fmt.Sprintf("it was fetched from %s, but %s: it stays where it is", place(origin), why)}
		return
	}
	c.planEnd(id, &Op{Verb: Delete, Have: have, Why: []Field{moved(id, origin)}, Because: because, kind: kind})
}

// whyNotReturn returns why a fetched resource cannot be put back; "" if it can.
func (c *comparison) whyNotReturn(have spec.Resource, origin spec.ID) (why string) {
	there := c.found.get(origin)
	switch err := c.missing(origin.NS); {
	case err != nil:
		return err.Error()
	case c.identity(origin.NS) == "":
		return "no file names that namespace any more"
	case there != nil && there.ID() != have.ID():
		return "that name is taken"
	}
	return ""
}

// forgetReturned drops the journal entries of origins to which nothing is left to put back.
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

// isReturned reports whether the entry of an origin can be dropped: the origin is gone, or the resource is back.
func (c *comparison) isReturned(recorded spec.ID, e Entry) bool {
	origin := fromOfEntry(recorded)
	if _, wanted := c.all.takers[origin]; wanted || c.fetched(origin) != nil || c.lookErrors[scopeOf(origin)] != nil {
		return false
	}
	if err := c.missing(origin.NS); err != nil {
		return errors.Is(err, observe.ErrPending)
	}
	return c.identity(origin.NS) != e.Identity || c.found.get(origin) != nil
}

// leaving returns the resources that the plan moves or deletes.
func (c *comparison) leaving() map[spec.ID]bool {
	leaving := map[spec.ID]bool{}
	for id, op := range c.ops {
		if op.source != nil {
			leaving[op.source.ID()] = true
		}
		if op.removes() {
			leaving[id] = true
		}
	}
	return leaving
}

// ends returns the other resources that would be deleted with the op.
func (op *Op) ends(all *losses) (ends []spec.ID) {
	leaves := []spec.Resource{op.source}
	if op.removes() {
		leaves = append(leaves, op.Have)
	}
	for _, r := range leaves {
		if r == nil {
			continue
		}
		if _, fetched := fetchedFrom(r); !fetched && r != op.source {
			ends = append(ends, all.lostWith(r)...)
		} else if op.leaves(r) {
			gone, _ := op.kind.leaves(r, all.found.inNS(r.ID().NS))
			ends = append(ends, gone...)
		}
	}
	return ends
}

// leaves reports whether the op moves a fetched resource to another namespace, rather than only renaming it.
func (op *Op) leaves(r spec.Resource) bool {
	if r == op.source {
		return r.ID().NS != op.Want.ID().NS
	}
	origin, _ := fetchedFrom(r)
	return r.ID().NS != origin.NS
}

// onlyRenames reports whether the op puts back a resource within its namespace, where it keeps its settings.
func (op *Op) onlyRenames() bool {
	origin, fetched := fetchedFrom(op.Have)
	return fetched && origin.NS == op.ID().NS
}

// renames returns the resource that the op only renames, because it is fetched from or put back to the same
// namespace; is reports whether there is one.
func (op *Op) renames() (id spec.ID, is bool) {
	switch {
	case op.source != nil:
		return op.source.ID(), op.source.ID().NS == op.Want.ID().NS
	case op.Verb == Delete:
		return op.ID(), op.onlyRenames()
	}
	return id, false
}

// restoreSettingsFirst drops the ops that rename a resource with settings that linkd still has to restore: the
// resource keeps them, and linkd would not find them under the new name.
func (c *comparison) restoreSettingsFirst() {
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
				c.verdicts[id] = Verdict{State: Blocked, Reason: fmt.Sprintf("blocked by %s: %s", setting, c.whyNot(setting)), Cause: c.verdict(setting).root(setting)}
			}
		}
	}
}

// isSet reports whether a resource has, or may have, a setting as linkd wrote it that the plan does not restore.
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

// whyNot returns why a setting is not restored now.
func (c *comparison) whyNot(id spec.ID) string {
	if err := c.lookErrors[scopeOf(id)]; err != nil {
		return err.Error()
	}
	return c.verdict(id).Reason
}

// explainReturns adds to the reasons of ops which resource goes back to its origin to free a name, and what other
// resources a moved one loses.
func (c *comparison) explainReturns() {
	for _, op := range c.ops {
		leaves := op.source
		origin, fetched := fetchedFrom(op.Have)
		switch {
		case fetched && op.Verb == Delete:
			leaves = op.Have
		case fetched && op.Verb == Replace:
			op.Because = "the present one is put back as " + place(origin)
		}
		if leaves == nil || !op.leaves(leaves) {
			continue
		}
		_, loses := op.kind.leaves(leaves, c.found.inNS(leaves.ID().NS))
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
