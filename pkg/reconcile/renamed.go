package reconcile

import (
	"errors"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// renamedKind is the kind of the journal entries for resources that linkd made and that somebody renamed. linkd deletes such
// a resource because of its mark. Something that depends on it may prevent that, and the entry keeps linkd in the namespace until
// the resource is gone, even if no file names the namespace. It says nothing about who may delete the resource: whoever takes
// the mark away, too, keeps it.
const renamedKind = "renamed"

func renamedEntry(found spec.ID) spec.ID {
	return spec.ID{NS: found.NS, Kind: renamedKind, Key: found.Kind + "/" + found.Key}
}

// rememberRenamed records a resource that carries the mark, has no entry, and is what linkd made under another name.
func (c *comparison) rememberRenamed(have spec.Resource) {
	id := have.ID()
	e, remembered := c.entryBeforeRenaming(have)
	if _, has := c.journal.Get(id, c.identity(id.NS)); has || !remembered {
		return
	}
	e = Entry{Identity: e.Identity, Files: e.Files}
	c.changeJournal(renamedEntry(id), func(j *Journal) { j.Put(renamedEntry(id), e) })
}

// entryBeforeRenaming returns the entry for a renamed resource, or that for the name under which linkd made it, which has
// its fingerprint.
func (c *comparison) entryBeforeRenaming(have spec.Resource) (e Entry, remembered bool) {
	if have == nil {
		return e, false
	}
	id := have.ID()
	ns := c.identity(id.NS)
	if e, remembered = c.journal.Get(renamedEntry(id), ns); remembered {
		return e, true
	}
	print, _ := c.kinds[id.Kind].fingerprint(have)
	if print == "" {
		return e, false
	}
	return c.journal.withPrint(scopeOf(id), ns, print)
}

// forgetRenamed drops the entries of renamed resources that no longer exist with their mark and are in the workset's
// namespaces.
func (c *comparison) forgetRenamed() {
	namespaces := map[string]bool{}
	for s := range c.workset.scopes {
		namespaces[s.ns] = true
	}
	for id := range c.workset.ids {
		namespaces[id.NS] = true
	}
	for ns := range namespaces {
		for entry, e := range c.journal.In(scope{ns, renamedKind}) {
			if c.isGone(fromOfEntry(entry), e) {
				c.changeJournal(entry, func(j *Journal) { j.Forget(entry) })
			}
		}
	}
}

// isGone reports whether a renamed resource no longer exists with its mark.
func (c *comparison) isGone(id spec.ID, e Entry) bool {
	if err := c.missing(id.NS); err != nil {
		return errors.Is(err, observe.ErrPending)
	}
	if c.identity(id.NS) == "" || c.lookErrors[scopeOf(id)] != nil {
		return false
	}
	have := c.found.get(id)
	return c.identity(id.NS) != e.Identity || have == nil || !c.kinds[id.Kind].Owned(have) || c.wanted(id) != nil
}
