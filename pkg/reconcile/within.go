package reconcile

import (
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// fileSeparator separates the paths in Entry.Files. No path contains it.
const fileSeparator = "\x00"

// declaredBy returns the Entry.Files of a desired resource: the file that declares it, and the files outside of the
// desired state's paths that declared it before.
func (c *comparison) declaredBy(want spec.Resource, before Entry) string {
	file := want.Origin().File
	if file == "" {
		return before.Files
	}
	file = c.within.Absolute(file)
	files := append(c.otherFiles(before), file)
	if len(files) == 1 {
		return file
	}
	slices.Sort(files)
	return strings.Join(slices.Compact(files), fileSeparator)
}

// otherFiles returns the files of an entry that are outside of the desired state's paths.
func (c *comparison) otherFiles(e Entry) []string {
	if c.within.All() || e.Files == "" {
		return nil
	}
	return slices.DeleteFunc(strings.Split(e.Files, fileSeparator), c.within.Contains)
}

// isLeft reports whether a resource that is not desired stays, because another file than those at the desired state's
// paths declared it, or because the journal does not say which one did. It notes the resource for LeftAlone.
func (c *comparison) isLeft(id spec.ID) bool {
	if c.within.All() || c.kinds[id.Kind].leftover(c.found.get(id)) {
		return false
	}
	e, remembered := c.journal.Get(id, c.identity(id.NS))
	if origin, fetched := fetchedFrom(c.found.get(id)); fetched && !remembered {
		// Somebody may have given it another name.
		e, remembered = c.journal.Get(fetchedEntry(origin), c.identity(origin.NS))
	} else if !remembered {
		e, remembered = c.entryBeforeRenaming(c.found.get(id))
	}
	others := c.otherFiles(e)
	if remembered && e.Files != "" && len(others) == 0 {
		return false
	}
	c.left[id] = others
	return true
}

// leave keeps a resource that isLeft.
func (c *comparison) leave(id spec.ID, have spec.Resource, kind *Registered) {
	_, remembered := c.journal.Get(id, c.identity(id.NS))
	if remembered || c.foreign(id.NS) {
		c.releaseShared(id)
		return
	}
	// Without an entry, a later linkd that has to remove it would not look for it.
	print, _ := kind.fingerprint(have)
	e := Entry{Identity: c.identity(id.NS), Print: print, Makes: makes(have)}
	c.changeJournal(id, func(j *Journal) { j.Put(id, e) })
}

// releaseShared drops from an entry the files at the desired state's paths: they do not declare the resource any more.
func (c *comparison) releaseShared(id spec.ID) {
	e, remembered := c.journal.Recall(id)
	others := c.otherFiles(e)
	if files := strings.Join(others, fileSeparator); remembered && len(others) > 0 && files != e.Files {
		e.Files = files
		c.changeJournal(id, func(j *Journal) { j.Put(id, e) })
	}
}

// refuseOthers drops the ops that would change what another file made in a way that it did not ask for.
func (c *comparison) refuseOthers() {
	if c.within.All() {
		return
	}
	for id, op := range c.ops {
		if op.Have == nil || op.Want == nil {
			continue
		}
		e, remembered := c.journal.Get(id, c.identity(id.NS))
		others := c.otherFiles(e)
		wrote, setting := op.kind.before(op.Want, op.Want)
		switch {
		case !remembered || len(others) == 0 || strings.Count(e.Files, fileSeparator)+1 > len(others):
		case setting && e.Set && wrote == e.Wrote:
			// Both files want the same, and somebody else has changed it.
		default:
			delete(c.ops, id)
			c.verdicts[id] = Verdict{State: Failed, Reason: strings.Join(others, ", ") + " made it, and it differs from this file (" +
				strings.Join(Strings(op.Why), ", ") + "): apply both files together, or use --prune to remove what other files made"}
		}
	}
}

// LeftAlone returns the resources that other files made and that are not desired, with those files; none where the
// journal does not say which file made a resource.
func (c *Core) LeftAlone() map[spec.ID][]string { return c.desired.leftAlone }
