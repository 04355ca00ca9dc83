package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// planDependents makes a plan complete: the kernel deletes what needs a replaced resource together with it, and linkd
// makes it again.
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
	// A resource that needs two of them is listed under the first, so that a plan is the same each time.
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
				// The next look shows where it is then.
				continue
			}
			if _, setting := kind.before(c.wanted(id), have); setting && c.found.get(cause) == nil {
				// The setting exists without the resource that is about to be made, and the journal has a value to
				// restore.
				continue
			}
			c.ops[id] = &Op{Verb: Create, Want: c.wanted(id), Because: fmt.Sprintf("made again with %s", cause), again: true, kind: kind}
			queue = append(queue, id)
		}
	}
}

// victims returns, for each op that may delete other resources, the IDs of these.
func (c *comparison) victims() map[spec.ID][]spec.ID {
	victims := map[spec.ID][]spec.ID{}
	for id, op := range c.ops {
		if !op.mayEnd() {
			continue
		}
		victims[id] = c.withDependents(op.ends(c.losses))
	}
	return victims
}

// refuseVictims drops the ops that would delete resources that linkd did not make.
func (c *comparison) refuseVictims() {
	ends := c.victims()
	waits := c.postponeEnds(ends)
	leaving := c.leaving()
	refused := map[spec.ID]bool{}
	defer func() { c.refuseTwins(refused) }()
	for id, op := range c.ops {
		if !op.mayEnd() {
			continue
		}
		var foreign []string
		otherEnds := false
		victims := ends[id]
		if i := slices.IndexFunc(victims, func(victim spec.ID) bool { return waits[victim] != nil }); i >= 0 {
			// Another op must move a resource away first, and that op is not decided yet.
			c.postponeEnd(id, waits[victims[i]])
			continue
		}
		for _, victim := range victims {
			otherEnds = otherEnds || victim.NS != id.NS
			_, fetched := fetchedFrom(c.found.get(victim))
			if fetched && !leaving[victim] || !fetched && c.isForeign(victim) {
				foreign = append(foreign, victim.String())
				c.noteInTheWay(scopeOf(victim), id)
			}
		}
		if op.onlyMarked && (otherEnds || len(foreign) > 0) {
			delete(c.ops, id)
			continue
		}
		if len(foreign) > 0 {
			delete(c.ops, id)
			refused[id] = true
			c.verdicts[id] = Verdict{State: Failed, Reason: op.wouldDelete(foreign)}
			continue
		}
		c.noteLeaving(op, victims)
	}
}

// refuseTwins drops the ops that would make a resource together with one whose place is taken by a foreign resource:
// making a pair would delete what has the name of the other end.
func (c *comparison) refuseTwins(refused map[spec.ID]bool) {
	for id, op := range c.ops {
		twin, is := alsoMakes(op.Want)
		switch {
		case !is || op.Verb == Delete:
		case refused[twin], c.ops[twin] == nil && c.found.get(twin) != nil && c.verdicts[twin].State == Failed:
			delete(c.ops, id)
			c.verdicts[id] = Verdict{State: Blocked, Reason: fmt.Sprintf("blocked by %s: %s", twin, c.verdicts[twin].Reason), Cause: c.verdicts[twin].root(twin)}
		case c.unready[twin]:
			// The twin is decided later, and this op with it (index.addRelated).
			delete(c.ops, id)
			delete(c.verdicts, id)
			c.unready[id] = true
		}
	}
}

// affectedNS is a namespace that may have resources which an op would delete. Ends: the op deletes the namespace
// itself.
type affectedNS struct {
	ns   string
	ends bool
}

// mayEnd reports whether the op may delete resources that others made.
func (op *Op) mayEnd() bool { return op.removes() || op.source != nil }

// removes reports whether the op deletes what there is, or puts it back.
func (op *Op) removes() bool { return op.Verb == Delete || op.Verb == Replace }

// affectedNamespaces returns the namespaces that may have resources which the op would delete.
func (op *Op) affectedNamespaces() (all []affectedNS) {
	if !op.mayEnd() {
		return nil
	}
	for _, ns := range op.namespaces() {
		all = append(all, affectedNS{ns: ns})
	}
	if made := makes(op.Have); made != "" {
		all = append(all, affectedNS{made, true})
	}
	return all
}

// postponeEnds drops the ops that may delete resources in namespaces that have not been looked at completely. Each op
// is decided after that look, and delays nothing else. It returns the namespaces that each op waits for.
func (c *comparison) postponeEnds(ends map[spec.ID][]spec.ID) map[spec.ID][]affectedNS {
	waits := map[spec.ID][]affectedNS{}
	for _, id := range inOrder(c.ops, spec.ID.Compare) {
		all := c.ops[id].affectedNamespaces()
		for _, victim := range ends[id] {
			// Somebody may have put something on the victim, in the victim's namespace.
			if at := (affectedNS{ns: victim.NS}); !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
		if c.postponeEnd(id, all) {
			waits[id] = all
		}
	}
	return waits
}

// postponeEnd drops an op if one of the namespaces has not been looked at completely.
func (c *comparison) postponeEnd(id spec.ID, all []affectedNS) (postponed bool) {
	for _, at := range all {
		if c.isComplete != nil && !c.isComplete(id, at) {
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

// noteInTheWay records that a resource in a scope prevents an op.
func (c *comparison) noteInTheWay(s scope, id spec.ID) {
	if c.inTheWay[s] == nil {
		c.inTheWay[s] = map[spec.ID]bool{}
	}
	c.inTheWay[s][id] = true
}

// withDependents adds the resources that the kernel deletes together with those in ends.
func (c *comparison) withDependents(ends []spec.ID) []spec.ID {
	for i := 0; i < len(ends); i++ {
		r := c.found.get(ends[i])
		if _, fetched := fetchedFrom(r); r == nil || fetched {
			continue
		}
		for _, id := range c.losses.lostWith(r) {
			if !slices.Contains(ends, id) {
				ends = append(ends, id)
			}
		}
	}
	return ends
}

// isForeign reports whether somebody else made the resource that was found under an ID and linkd will not make it
// again. The desired state or the journal may have another resource of the same ID.
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
	// An earlier verdict does not cover a resource that appeared since.
	return c.verdict(id).State != OK || len(c.kinds[id.Kind].Diff(c.wanted(id), c.found.get(id))) > 0
}

// waitForAllNeeds drops the ops whose needs are not met.
func (c *comparison) waitForAllNeeds() {
	for id := range c.ops {
		c.waitForNeeds(id)
	}
}

// waitForNeeds drops the op of a resource whose needs are not met, and returns a verdict that names the need.
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
			v, why = Verdict{State: Pending}, "it does not exist, and no file declares it"
		}
		cause := v.root(need)
		switch v.State {
		case OK, Flapping:
			continue
		case "":
			v = Verdict{State: Pending, Reason: fmt.Sprintf("waits for %s: not looked at yet", need)}
		case Pending:
			v = Verdict{State: Pending, Reason: fmt.Sprintf("waits for %s: %s", need, why)}
		default:
			v = Verdict{State: Blocked, Reason: fmt.Sprintf("blocked by %s: %s", need, why)}
		}
		if strings.HasPrefix(why, "waits for ") || strings.HasPrefix(why, "blocked by ") {
			// The user must repair the root of the chain, so the message leaves out the links between.
			v.Reason = why
		}
		v.Cause = cause
		delete(c.ops, id)
		c.verdicts[id] = v
		return v
	}
	return c.verdicts[id]
}
