package reconcile

import (
	"cmp"
	"slices"

	"linkd/pkg/spec"
)

// converged records in the journal that a resource is as desired, and returns whether it works.
func (c *comparison) converged(kind *Registered, want, have spec.Resource) (condition Condition) {
	id := want.ID()
	condition = kind.health(want, have)
	condition.State = cmp.Or(condition.State, OK)
	c.verdicts[id], c.conditions[id] = condition.Verdict, condition
	e, remembered := c.journal.Get(id, c.identity(id.NS))
	files := c.declaredBy(want, e)
	if remembered && e.Files != files {
		e.Files = files
		noted := e
		c.changeJournal(id, func(j *Journal) { j.Put(id, noted) })
	}
	print, _ := kind.fingerprint(have)
	roams, _ := kind.roams(want)
	wrote, setting := kind.before(want, want)
	switch {
	case setting && remembered && (!e.Set || e.Wrote == wrote && e.Earlier == ""):
		return condition
	case setting:
		// The setting had the desired value before linkd wrote it. This value is restored if linkd repairs the
		// setting later, unless the setting belongs to a resource that linkd adopted: then the value is as if linkd
		// had set it when it made the resource.
		before, _ := kind.before(want, have)
		if e, remembered := c.journal.ofSetting(kind, want, have, c.identity(id.NS)); remembered {
			before = originalValue(e.Before, before)
		} else if kind.adopts(want, have) {
			before, _ = kind.before(want, nil)
		}
		c.changeJournal(id, func(j *Journal) {
			j.Put(id, Entry{Identity: c.identity(id.NS), Set: true, Before: before, Wrote: wrote, Files: files})
		})
		return condition
	case !(c.owned(kind, have) || kind.adopts(want, have)) || (remembered && e.Print == print && e.Roams == roams && e.Wrote == wrote && e.Earlier == ""):
		return condition
	}
	_, fetched := fetchedFrom(want)
	before := c.beforeAttributes(kind, want, have, e)
	e = Entry{Identity: c.identity(id.NS), Print: print, Makes: makes(want), Fetched: fetched, Roams: roams, Files: files, Before: before, Wrote: wrote}
	c.changeJournal(id, func(j *Journal) { j.Put(id, e) })
	return condition
}

// roamsFrom returns the attribute of a resource that linkd set and that the kernel may have changed since; "" if linkd has not
// observed it as set.
func (c *comparison) roamsFrom(id spec.ID) string {
	e, _ := c.journal.Get(id, c.identity(id.NS))
	return e.Roams
}

// beforeAttributes returns the attributes of a resource that is as desired, as they were before its files set them; e is its entry.
// Those of a resource that linkd made are what the resource would have without the files.
func (c *comparison) beforeAttributes(kind *Registered, want, have spec.Resource, e Entry) string {
	if _, fetched := fetchedFrom(want); !fetched && !kind.adopts(want, have) {
		have = nil
	}
	before, _ := kind.before(want, have)
	return originalAttributes(e.Before, before)
}

// dropRestored makes a replacement of the desired resource: a new one has no attributes to restore. The op names them only if they
// are the reason.
func (op *Op) dropRestored(want spec.Resource) {
	op.Want = want
	if why := op.kind.Diff(want, op.Have); slices.ContainsFunc(why, func(f Field) bool { return f.Replace }) {
		op.Why, op.Because = why, ""
	}
}
