package reconcile

import (
	"errors"
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// A found resource can carry a mark which claims that linkd fetched it (spec.Relations.Claim). Somebody else may be root in
// the namespace where it was found and can set any mark, so a mark alone never moves anything: it says which resources to
// look up in the journal. linkd fetched a resource if the journal has its device, and the home in the journal is where linkd
// puts it back, whatever the mark says.
//
// What remains for whoever is root in a namespace to do: keep a fetched resource there, by removing the mark, by moving it to
// a namespace that the files do not name, or by deleting it where the kernel allows that.

// claimOf is the home that the mark on a found resource names, and the resource's device. Ok is false for a resource without
// such a mark, and for one that cannot have been fetched.
func claimOf(r spec.Resource) (origin spec.ID, device string, ok bool) {
	relations := relationsOf(r)
	return relations.Claim, relations.Device, relations.Claim != spec.ID{}
}

// confirm looks up in the journal what was found of a kind with a mark of linkd's.
func (j *Journal) confirm(kind *Registered, found []spec.Resource) {
	if !kind.fetches() {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range found {
		if _, device, ok := claimOf(r); ok {
			if origin, known := j.fetched[device]; known && device != "" {
				kind.confirm(r, origin, j.namespaces[origin.NS])
			}
		}
	}
}

// FetchedFrom is the home from which linkd fetched a device.
func (j *Journal) FetchedFrom(device string) (origin spec.ID, known bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	origin, known = j.fetched[device]
	return origin, known && device != ""
}

// hasDevices reports whether the journal has the device of everything that was fetched. That of an earlier linkd has none.
func (j *Journal) hasDevices() bool {
	for id, e := range j.all() {
		if id.Kind == fetchedKind && e.Device == "" {
			return false
		}
	}
	return true
}

// claims tells whether the mark on a found resource names that home.
func claims(have spec.Resource, origin spec.ID) bool {
	claimed, _, ok := claimOf(have)
	return ok && claimed == origin
}

// knowsAnother reports whether linkd fetched another device than have from a home and did not put it back. Then somebody has
// put have in its place.
func (c *comparison) knowsAnother(have spec.Resource, origin spec.ID) bool {
	e, remembered := c.journal.Recall(fetchedEntry(origin))
	if !remembered || e.Device == "" {
		return false
	}
	return relationsOf(have).Device != e.Device
}

// rememberAdopted notes the device of what a file tells linkd to adopt as fetched, so that linkd can put it back later. It
// never takes the place of the device that linkd fetched from that home.
func (c *comparison) rememberAdopted(kind *Registered, want, have spec.Resource, origin spec.ID) {
	if _, fetched := fetchedFrom(have); fetched || !kind.adopts(want, have) || c.identity(origin.NS) == "" || c.knowsAnother(have, origin) {
		return
	}
	if _, device, ok := claimOf(have); ok && device != "" {
		e := Entry{Identity: c.identity(origin.NS), Set: true, Device: device}
		c.changeJournal(fetchedEntry(origin), func(j *Journal) { j.Put(fetchedEntry(origin), e) })
	}
}

// unconfirmedKind is the kind, in the journal, of what the first pass found with a mark when there was no journal of this
// boot. Only that is worth a warning: linkd did not fetch what gets such a mark later.
const unconfirmedKind = "unconfirmed"

func unconfirmedID(found spec.ID) spec.ID {
	return spec.ID{NS: found.NS, Kind: unconfirmedKind, Key: found.Kind + "/" + found.Key}
}

// mostUnconfirmed is how much of that is told of one namespace: whoever is root there can make any number of interfaces.
const mostUnconfirmed = 16

// noteUnconfirmed remembers what cannot be confirmed because the journal was lost.
func (c *Core) noteUnconfirmed() {
	for _, ns := range slices.Sorted(maps.Keys(c.found.observed)) {
		claiming := map[spec.ID]string{}
		for _, found := range c.found.observed[ns] {
			for id, r := range found {
				if _, fetched := fetchedFrom(r); fetched {
					continue
				}
				if _, device, ok := claimOf(r); ok && device != "" {
					claiming[id] = device
				}
			}
		}
		if d, declared := c.desired.declared[ns]; declared && len(claiming) > 0 {
			c.journal.Remember(ns, d.Selector)
		}
		ids := slices.SortedFunc(maps.Keys(claiming), spec.ID.Compare)
		for _, id := range ids[:min(len(ids), mostUnconfirmed)] {
			c.journal.Put(unconfirmedID(id), Entry{Identity: c.identity(ns), Device: claiming[id]})
		}
		if more := len(ids) - mostUnconfirmed; more > 0 {
			c.log.Warn("more interfaces carry the mark of one that was fetched, and the journal that could confirm it was lost", "namespace", ns, "more", more)
		}
	}
}

// unconfirmed says what to do about what is remembered as unconfirmed and is still there, in order.
func (c *Core) unconfirmed() (advice []string) {
	for id, entry := range c.journal.Unconfirmed() {
		have := c.found.get(fromOfEntry(id))
		_, device, ok := claimOf(have)
		if _, known := c.journal.FetchedFrom(device); ok && !known && device == entry.Device {
			advice = append(advice, c.kinds.byName[have.ID().Kind].advice(have))
		}
	}
	slices.Sort(advice)
	return advice
}

// forgetConfirmed forgets what is not there any more with a mark that cannot be confirmed.
func (c *comparison) forgetConfirmed() {
	for id, e := range c.journal.Unconfirmed() {
		if c.lookErrors[scopeOf(fromOfEntry(id))] != nil || c.identity(id.NS) == "" && c.missing(id.NS) == nil {
			continue
		}
		if err := c.missing(id.NS); err != nil {
			if !errors.Is(err, observe.ErrPending) {
				continue
			}
		} else if have := c.found.get(fromOfEntry(id)); have != nil && c.identity(id.NS) == e.Identity {
			_, device, ok := claimOf(have)
			if _, known := c.journal.FetchedFrom(device); ok && !known && device == e.Device {
				continue
			}
		}
		c.changeJournal(id, func(j *Journal) { j.Forget(id) })
	}
}

// foreign reports whether somebody else may be root in a namespace: it is neither the host nor a namespace that linkd made.
func (c *comparison) foreign(ns string) bool {
	if ns == spec.Host {
		return false
	}
	print, made := c.journal.Made(ns)
	return !made || print == "" || print != string(c.identity(ns))
}

// onlyMarked reports whether only a mark that somebody else can have set says that linkd made a resource: the journal has
// none of that ID, or another one, whose place somebody has given to this one.
func (c *comparison) onlyMarked(have spec.Resource) bool {
	id := have.ID()
	print, _ := c.kinds[id.Kind].fingerprint(have)
	e, remembered := c.journal.Get(id, c.identity(id.NS))
	return c.foreign(id.NS) && !(remembered && (e.Print == "" || print == "" || e.Print == print))
}
