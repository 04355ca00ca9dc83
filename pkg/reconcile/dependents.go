package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// planDependents makes a plan show its true reach: what needs a replaced resource is gone with it, and made again.
func (c *comparison) planDependents() {
	var queue []spec.ID
	for id, op := range c.ops {
		if op.Verb == Replace || (op.Verb == Create && op.Have == nil) {
			queue = append(queue, id)
		}
	}
	if len(queue) == 0 {
		return
	}
	// What needs two of them is said to be made again with the first, so that a plan is the same each time.
	slices.SortFunc(queue, spec.ID.Compare)
	dependents := c.all.allDependents()
	for len(queue) > 0 {
		cause := queue[0]
		queue = queue[1:]
		for _, id := range dependents[cause] {
			op, have, kind := c.ops[id], c.found.get(id), c.kinds[id.Kind]
			if c.verdict(id).State != OK || (op != nil && op.Verb != Update) || have == nil {
				continue
			}
			if _, fetched := fetchedFrom(c.wanted(id)); fetched {
				// Where it is now, a look tells.
				continue
			}
			if _, setting := kind.before(c.wanted(id), have); setting && c.found.get(cause) == nil {
				// It is there without what comes to be only now, and has something to go back to.
				continue
			}
			c.ops[id] = &Op{Verb: Create, Want: c.wanted(id), Because: fmt.Sprintf("made again with %s", cause), again: true, kind: kind}
			queue = append(queue, id)
		}
	}
}

// victims is what each op would end that may end something.
func (c *comparison) victims() map[spec.ID][]spec.ID {
	var all *losses
	victims := map[spec.ID][]spec.ID{}
	for id, op := range c.ops {
		if !op.mayEnd() {
			continue
		}
		if all == nil {
			all = c.found.losses()
		}
		victims[id] = c.withDependents(op.ends(all), all)
	}
	return victims
}

// refuseVictims drops the ops that would take with them what linkd did not make.
func (c *comparison) refuseVictims() {
	ends := c.victims()
	waits := c.postponeEnds(ends)
	leaving := c.leaving()
	for id, op := range c.ops {
		if !op.mayEnd() {
			continue
		}
		var foreign []string
		beyond := false
		victims := ends[id]
		if i := slices.IndexFunc(victims, func(victim spec.ID) bool { return waits[victim] != nil }); i >= 0 {
			// What has to leave before it is not known yet.
			c.postponeEnd(id, waits[victims[i]])
			continue
		}
		for _, victim := range victims {
			beyond = beyond || victim.NS != id.NS
			_, fetched := fetchedFrom(c.found.get(victim))
			if fetched && !leaving[victim] || !fetched && c.isForeign(victim) {
				foreign = append(foreign, victim.String())
				c.noteInTheWay(scopeOf(victim), id)
			}
		}
		if op.onlyMarked && (beyond || len(foreign) > 0) {
			delete(c.ops, id)
			continue
		}
		if len(foreign) > 0 {
			slices.Sort(foreign)
			delete(c.ops, id)
			c.verdicts[id] = Verdict{Failed, fmt.Sprintf("to %s would end what linkd did not make, so it stays: %s", op.inFull(), strings.Join(foreign, ", "))}
		}
	}
}

// lookout is a namespace in which something may be that an op would end; ends: the namespace itself would end.
type lookout struct {
	ns   string
	ends bool
}

// mayEnd tells whether others may have something that would end with the op.
func (op *Op) mayEnd() bool { return op.Verb == Delete || op.Verb == Replace || op.source != nil }

// lookouts are those of an op.
func (op *Op) lookouts() (all []lookout) {
	if !op.mayEnd() {
		return nil
	}
	for _, ns := range op.namespaces() {
		all = append(all, lookout{ns: ns})
	}
	if made := makes(op.Have); made != "" {
		all = append(all, lookout{made, true})
	}
	return all
}

// postponeEnds drops the ops that would end something where not all is known of what may stand on that. Each is decided
// once that was looked at, and nothing else waits for it. It returns what they wait for.
func (c *comparison) postponeEnds(ends map[spec.ID][]spec.ID) map[spec.ID][]lookout {
	waits := map[spec.ID][]lookout{}
	for _, id := range inOrder(c.ops, spec.ID.Compare) {
		all := c.ops[id].lookouts()
		for _, victim := range ends[id] {
			// Others may have put something on it, in the namespace that it is in.
			if at := (lookout{ns: victim.NS}); !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
		if c.postponeEnd(id, all) {
			waits[id] = all
		}
	}
	return waits
}

// postponeEnd drops an op if not all is known that it depends on.
func (c *comparison) postponeEnd(id spec.ID, all []lookout) (postponed bool) {
	for _, at := range all {
		if c.surveyed != nil && !c.surveyed(id, at) {
			postponed = true
		}
	}
	if postponed {
		delete(c.ops, id)
		delete(c.verdicts, id)
		c.unready[id] = true
	}
	return postponed
}

// noteInTheWay notes that what is in a scope is in the way of an op.
func (c *comparison) noteInTheWay(s scope, id spec.ID) {
	if c.inTheWay[s] == nil {
		c.inTheWay[s] = map[spec.ID]bool{}
	}
	c.inTheWay[s][id] = true
}

// withDependents adds to what would end what would end with that.
func (c *comparison) withDependents(ends []spec.ID, all *losses) []spec.ID {
	for i := 0; i < len(ends); i++ {
		r := c.found.get(ends[i])
		if _, fetched := fetchedFrom(r); r == nil || fetched {
			continue
		}
		for _, id := range all.with(r) {
			if !slices.Contains(ends, id) {
				ends = append(ends, id)
			}
		}
	}
	return ends
}

// isForeign tells whether others made what was found, and linkd will not make it again: something else may be wanted or
// remembered under the same ID.
func (c *comparison) isForeign(id spec.ID) bool {
	e, remembered := c.journal.Get(id, c.identity(id.NS))
	switch {
	case c.claimed(c.kinds[id.Kind], c.found.get(id)), remembered && e.Set:
		return false
	case c.wanted(id) == nil:
		return true
	}
	if v, compared := c.verdicts[id]; compared {
		return v.State != OK
	}
	// How it stood says nothing of what has come to be there since.
	return c.verdict(id).State != OK || len(c.kinds[id.Kind].Diff(c.wanted(id), c.found.get(id))) > 0
}

func (c *comparison) waitForAllNeeds() {
	for id := range c.ops {
		c.waitForNeeds(id)
	}
}

// waitForNeeds drops the op of a resource that has to wait for another, and says for which.
func (c *comparison) waitForNeeds(id spec.ID) Verdict {
	op := c.ops[id]
	if op == nil || op.Verb == Delete || op.forget || c.settled[id] {
		return c.verdict(id)
	}
	c.settled[id] = true
	for _, need := range c.needs(op.Want) {
		v, why := Verdict{State: OK}, ""
		if c.wanted(need) != nil {
			v = c.waitForNeeds(need)
			why = v.Reason
		} else if c.found.get(need) == nil {
			v, why = Verdict{State: Pending}, "it is not there, and no file declares it"
		}
		switch v.State {
		case OK, Flapping:
			continue
		case "":
			v = Verdict{Pending, fmt.Sprintf("waits for %s: not looked at yet", need)}
		case Pending:
			v = Verdict{Pending, fmt.Sprintf("waits for %s: %s", need, why)}
		default:
			v = Verdict{Blocked, fmt.Sprintf("blocked by %s: %s", need, why)}
		}
		if strings.HasPrefix(why, "waits for ") || strings.HasPrefix(why, "blocked by ") {
			// The root of a chain is what has to be mended; its links in between are noise.
			v.Reason = why
		}
		delete(c.ops, id)
		c.verdicts[id] = v
		return v
	}
	return c.verdicts[id]
}
