package reconcile

import (
	"errors"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// An observed resource can carry a mark which claims that linkd fetched it (spec.Relations.Claim). Somebody else may
// be root in the namespace where it was found and can set any mark, so a mark alone never moves anything: it says
// which resources to look up in the journal. linkd fetched a resource if the journal has its device. The origin in
// the journal is where linkd puts it back, whatever the mark says.
// The root user of a namespace can still keep a fetched resource there: by removing the mark, by moving the resource
// to a namespace that the files do not name, or by deleting it if the kernel allows that.

// claimOf returns the origin that the mark on an observed resource names, and the resource's device. Ok is false for
// a resource without such a mark, and for one that linkd cannot have fetched.
func claimOf(r spec.Resource) (origin spec.ID, device string, ok bool) {
	relations := relationsOf(r)
	return relations.Claim, relations.Device, relations.Claim != spec.ID{}
}

// confirm tells a kind which of the observed resources with a mark linkd fetched according to the journal.
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

// FetchedFrom returns the origin from which linkd fetched a device.
func (j *Journal) FetchedFrom(device string) (origin spec.ID, known bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	origin, known = j.fetched[device]
	return origin, known && device != ""
}

// hasDevices reports whether the journal has the device of every fetched resource. A journal of an older linkd has no
// devices.
func (j *Journal) hasDevices() bool {
	for id, e := range j.all() {
		if id.Kind == fetchedKind && e.Device == "" {
			return false
		}
	}
	return true
}

// claims reports whether the mark on an observed resource names that origin.
func claims(have spec.Resource, origin spec.ID) bool {
	claimed, _, ok := claimOf(have)
	return ok && claimed == origin
}

// knowsAnother reports whether linkd fetched another device than have from an origin and did not put it back. Then
// somebody has put have in its place.
func (c *comparison) knowsAnother(have spec.Resource, origin spec.ID) bool {
	e, remembered := c.journal.Recall(fetchedEntry(origin))
	if !remembered || e.Device == "" {
		return false
	}
	return relationsOf(have).Device != e.Device
}

// rememberAdopted records the device of an adopted resource as fetched, so that linkd can put it back later. It never
// replaces the device that linkd fetched from that origin.
func (c *comparison) rememberAdopted(kind *Registered, want, have spec.Resource, origin spec.ID) {
	if _, fetched := fetchedFrom(have); fetched || !kind.adopts(want, have) || c.identity(origin.NS) == "" || c.knowsAnother(have, origin) {
		return
	}
	if _, device, ok := claimOf(have); ok && device != "" {
		e := Entry{Identity: c.identity(origin.NS), Set: true, Device: device, Files: c.declaredBy(want, Entry{})}
		c.changeJournal(fetchedEntry(origin), func(j *Journal) { j.Put(fetchedEntry(origin), e) })
	}
}

// unconfirmedKind is the kind of the journal entries for resources that carried a mark in the first pass of a boot
// without a journal. Only those are worth a warning: a resource that gets such a mark later was not fetched by linkd.
const unconfirmedKind = "unconfirmed"

func unconfirmedID(found spec.ID) spec.ID {
	return spec.ID{NS: found.NS, Kind: unconfirmedKind, Key: found.Kind + "/" + found.Key}
}

// mostUnconfirmed is how many of them the journal holds per namespace: the root user of a namespace can make any
// number of interfaces.
const mostUnconfirmed = 16

// noteClaims records which of the resources that a look found may have to be noted as unconfirmed.
func (c *Core) noteClaims(found []spec.Resource) {
	for _, r := range found {
		if _, device, ok := claimOf(r); ok && device != "" {
			c.found.claiming.add(r.ID())
		}
	}
}

// noteUnconfirmed records the resources with a mark that no journal can confirm because the journal was lost. It considers those
// that looks have found since it was last called.
func (c *Core) noteUnconfirmed() {
	claiming := map[string]map[spec.ID]string{}
	for id := range c.found.claiming.all() {
		have := c.found.get(id)
		_, fetched := fetchedFrom(have)
		if _, device, ok := claimOf(have); ok && device != "" && !fetched {
			if claiming[id.NS] == nil {
				claiming[id.NS] = map[spec.ID]string{}
			}
			claiming[id.NS][id] = device
		}
	}
	c.found.claiming = newIDSet()
	if len(claiming) == 0 {
		return
	}
	noted := map[string]int{}
	for id := range c.journal.Unconfirmed() {
		noted[id.NS]++
	}
	for _, ns := range inOrder(claiming, strings.Compare) {
		if d, declared := c.desired.declared[ns]; declared {
			c.journal.Remember(ns, d.Selector)
		}
		more := 0
		for _, id := range inOrder(claiming[ns], spec.ID.Compare) {
			_, known := c.journal.Get(unconfirmedID(id), c.identity(ns))
			if !known && noted[ns] >= mostUnconfirmed {
				more++
				continue
			}
			if !known {
				noted[ns]++
			}
			c.journal.Put(unconfirmedID(id), Entry{Identity: c.identity(ns), Device: claiming[ns][id]})
		}
		if more > 0 {
			c.log.Warn("more interfaces carry the mark of one that was fetched, and the journal that could confirm it was lost", "namespace", ns, "more", more)
		}
	}
}

// unconfirmed returns advice about each resource that is recorded as unconfirmed and still exists, sorted.
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

// forgetConfirmed drops the entries of resources that no longer exist with an unconfirmed mark.
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

// foreign reports whether somebody else may be root in a namespace: it is neither the host nor a namespace that linkd
// made.
func (c *comparison) foreign(ns string) bool {
	if ns == spec.Host {
		return false
	}
	print, made := c.journal.Made(ns)
	return !made || print == "" || print != string(c.identity(ns))
}

// onlyMarked reports whether the only evidence that linkd made a resource is a mark that somebody else can have set:
// the journal has no entry for that ID, or the entry has the fingerprint of another resource.
func (c *comparison) onlyMarked(have spec.Resource) bool {
	id := have.ID()
	print, _ := c.kinds[id.Kind].fingerprint(have)
	e, remembered := c.journal.Get(id, c.identity(id.NS))
	return c.foreign(id.NS) && !(remembered && (e.Print == "" || print == "" || e.Print == print))
}
