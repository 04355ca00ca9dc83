package reconcile

import (
	"errors"
	"fmt"

	"linkd/pkg/observe"
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// fetchedFrom returns the origin of a resource that linkd fetches from there instead of making it; ok is false for
// one that linkd makes.
func fetchedFrom(r spec.Resource) (origin spec.ID, ok bool) {
	origin = relationsOf(r).FetchedFrom
	return origin, origin != spec.ID{}
}

// place names where a resource is, without its kind.
func place(id spec.ID) string { return id.NS + "/" + id.Key }

// moved returns the difference between two places.
func moved(from, to spec.ID) Field {
	return Field{Path: "from", Have: place(from), Want: place(to)}
}

// fetched returns the resource that was fetched from an origin, wherever it is now.
func (c *comparison) fetched(origin spec.ID) spec.Resource {
	if c.takenFrom == nil {
		c.takenFrom = map[spec.ID]spec.Resource{}
		for _, r := range c.found.ofKind(origin.Kind) {
			h, is := fetchedFrom(r)
			if !is {
				continue
			}
			taker := c.all.takers[h]
			if other := c.takenFrom[h]; other == nil || r.ID() == taker || other.ID() != taker && r.ID().Compare(other.ID()) < 0 {
				c.takenFrom[h] = r
			}
		}
	}
	return c.takenFrom[origin]
}

// compareFetched compares a resource that linkd fetches from an origin.
func (c *comparison) compareFetched(want spec.Resource, kind *Registered, origin spec.ID) {
	id := want.ID()
	source := c.fetched(origin)
	if err := c.whyUnavailable(scopeOf(id)); err != nil {
		c.verdicts[id] = verdictOf(err)
		if source != nil && errors.Is(err, observe.ErrPending) {
			// The namespace that it was in has ended, and the kernel moved it back.
			c.planReturn(source, kind, origin, err.Error())
		}
		return
	}
	have := c.found.get(id)
	if source == nil {
		source = c.unmarkedSource(kind, want, have, origin)
	}
	if source != nil && c.lookErrors[scopeOf(source.ID())] != nil {
		c.verdicts[id] = verdictOf(c.lookErrors[scopeOf(source.ID())])
		return
	}
	foreign := have != nil && have != source && !c.owned(kind, have)
	switch {
	case foreign && source != nil:
		if _, recorded := fetchedFrom(source); recorded && source.ID() == origin {
			// The foreign one took its name after it had been put back.
			c.planReturn(source, kind, origin, putBackNote)
		}
		c.verdicts[id] = Verdict{State: Failed, Reason: fmt.Sprintf("%s, so %s stays there", describeForeign(kind, have), place(source.ID()))}
		return
	case foreign:
		c.verdicts[id] = Verdict{State: Failed, Reason: fmt.Sprintf("%s already has the %s %q, which linkd did not fetch from %s. Remove it, or write adopt: true", id.NS, nounOf(kind, have), plain.Text(id.Key), place(origin))}
		return
	case source == nil:
		if have != nil {
			op := &Op{Verb: Delete, Have: have, kind: kind}
			if other, fetched := fetchedFrom(have); fetched {
				op.Why, op.Because = []Field{moved(id, other)}, putBackNote
			}
			c.planEnd(id, op)
		}
		c.verdicts[id] = c.verdictOfAbsent(origin)
		return
	}
	full, because := want, ""
	if source == have {
		full, because = c.fillUnmanaged(kind, want, have)
	}
	why := kind.Diff(full, source)
	if source == have && len(why) == 0 {
		c.rememberAdopted(kind, want, have, origin)
		c.converged(kind, want, have)
		return
	}
	op := &Op{Verb: Update, Want: full, Have: have, Why: why, Because: because, kind: kind}
	if source != have {
		op.source = source
		op.Why = append([]Field{moved(source.ID(), id)}, why...)
		if have == nil {
			op.Have = source
		} else {
			op.Verb = Replace
		}
		if source.ID().NS == id.NS {
			c.renamed[source.ID()] = true
		}
	}
	c.verdicts[id] = Verdict{State: OK}
	c.planEnd(id, op)
}

// compareWithFetched compares a resource that linkd makes with a fetched one that has its name. The fetched one must
// go to its taker or back to its origin first.
func (c *comparison) compareWithFetched(want, have spec.Resource, kind *Registered, origin spec.ID) {
	id := want.ID()
	if taker, wanted := c.all.takers[origin]; wanted && c.whyUnavailable(scopeOf(taker)) == nil {
		c.verdicts[id] = Verdict{State: Pending, Reason: fmt.Sprintf("waits for %s, which still has that name", taker), Cause: taker}
		return
	}
	if why := c.whyNotReturn(have, origin); why != "" {
		c.verdicts[id] = Verdict{State: Failed, Reason: fmt.Sprintf("%s already has the %s %q, and linkd cannot put it back to %s: %s", id.NS, nounOf(kind, have), plain.Text(id.Key), place(origin), why)}
		return
	}
	c.verdicts[id] = Verdict{State: OK}
	c.planEnd(id, &Op{Verb: Replace, Want: want, Have: have, Why: []Field{moved(id, origin)}, kind: kind})
}

// unmarkedSource returns the resource to fetch if it has no mark: it is still at its origin, or it lost the mark
// after linkd fetched it.
func (c *comparison) unmarkedSource(kind *Registered, want, have spec.Resource, origin spec.ID) spec.Resource {
	if have != nil {
		e, remembered := c.journal.Get(want.ID(), c.identity(want.ID().NS))
		print, _ := kind.fingerprint(have)
		replaced := claims(have, origin) && c.knowsAnother(have, origin)
		_, recorded := c.journal.Recall(fetchedEntry(origin))
		if remembered && recorded && e.Fetched && e.Print != "" && e.Print == print && !c.owned(kind, have) && !replaced {
			return have
		}
	}
	there := c.found.get(origin)
	switch {
	case there != nil && !c.owned(kind, there):
		return there
	case there == nil && have != nil && (kind.adopts(want, have) || claims(have, origin)) && !c.owned(kind, have) && !c.knowsAnother(have, origin):
		return have
	}
	return nil
}

// whyUnavailable returns why a scope cannot be compared; nil if it can, or if the plan makes its namespace.
func (c *comparison) whyUnavailable(s scope) error {
	maker, made := c.maker(s.ns)
	if err := c.missing(s.ns); err != nil && !(made && c.wanted(maker) != nil && errors.Is(err, observe.ErrPending)) {
		return err
	}
	return c.lookErrors[s]
}

// verdictOfAbsent returns the verdict of a resource whose origin does not exist.
func (c *comparison) verdictOfAbsent(origin spec.ID) Verdict {
	if err := c.whyUnavailable(scopeOf(origin)); err != nil {
		return c.verdictIn(origin.NS, err)
	}
	return Verdict{State: Pending, Reason: fmt.Sprintf("%s does not exist yet, and linkd does not create it", place(origin)), Cause: origin}
}

// addFetched adds the resources that linkd fetches from the workset's places, or that were found there.
func (x *index) addFetched(p workset, found observed) {
	if len(x.takers) == 0 {
		return
	}
	note := func(id spec.ID) {
		if taker, is := x.takers[id]; is {
			p.ids[taker] = true
		}
		if origin, is := fetchedFrom(found.get(id)); is {
			if taker, is := x.takers[origin]; is {
				p.ids[taker] = true
			}
		}
	}
	for id := range p.ids {
		note(id)
	}
	for s := range p.scopes {
		if x.fetchedKinds[s.kind] {
			for key := range found.in(s).all() {
				note(s.id(key))
			}
		}
	}
}
