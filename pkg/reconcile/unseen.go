package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// leaving are the resources of one kind that an op deletes, itself or with others, and those that it moves to another
// namespace. The kernel may delete others with them that no look has found (Capabilities.Unseen).
type leaving struct {
	kind        *Registered
	ends, moved []spec.Resource
}

// noteLeaving records in an op what leaves with it. Victims are the resources that the op deletes besides its own.
func (c *comparison) noteLeaving(op *Op, victims []spec.ID) {
	note := func(r spec.Resource, moved bool) {
		kind := c.kinds[r.ID().Kind]
		if !kind.looksForUnseen() {
			return
		}
		at := slices.IndexFunc(op.leaving, func(l leaving) bool { return l.kind == kind })
		if at < 0 {
			at = len(op.leaving)
			op.leaving = append(op.leaving, leaving{kind: kind})
		}
		if moved {
			op.leaving[at].moved = append(op.leaving[at].moved, r)
		} else {
			op.leaving[at].ends = append(op.leaving[at].ends, r)
		}
	}
	op.leaving = nil
	if op.source != nil && op.leaves(op.source) {
		note(op.source, true)
	}
	if op.removes() {
		if _, fetched := fetchedFrom(op.Have); !fetched {
			note(op.Have, false)
		} else if op.leaves(op.Have) {
			note(op.Have, true)
		}
	}
	for _, id := range victims {
		if r := c.found.get(id); r != nil {
			note(r, false)
		}
	}
}

// refuseUnseen refuses an op with which the kernel would delete what no look has found.
func (op *Op) refuseUnseen(ns *observe.NS, asOf time.Time) error {
	for _, l := range op.leaving {
		unseen, err := l.kind.unseen(ns, l.ends, l.moved, asOf)
		if err != nil {
			return fmt.Errorf("linkd does not %s, because it cannot tell what else that would delete: %w", op.phrase(), err)
		}
		if len(unseen) > 0 {
			return errors.New(op.wouldDelete(unseen))
		}
	}
	return nil
}

// dropRefused returns a plan without the ops that a worker would refuse because of what no look has found, and without those that
// have to come after one of them. AsOf is when the plan was begun.
func (e *Engine) dropRefused(plan Plan, asOf time.Time) (kept Plan) {
	refused := map[*Op]bool{}
	for _, op := range plan {
		var verdict Verdict
		if first := slices.IndexFunc(op.after, func(first *Op) bool { return refused[first] }); first >= 0 {
			cause := op.after[first].ID()
			verdict = Verdict{State: Blocked, Reason: fmt.Sprintf("blocked by %s: %s", cause, e.verdictOf[cause].Reason), Cause: e.verdictOf[cause].root(cause)}
		} else if len(op.leaving) > 0 {
			ns, err := e.Worker.World.Open(op.ID().NS)
			if err == nil {
				// A namespace that does not exist yet has nothing to delete.
				err = op.refuseUnseen(ns, asOf)
				if err != nil {
					verdict = verdictOf(err)
				}
			}
		}
		if verdict == (Verdict{}) {
			kept = append(kept, op)
			continue
		}
		refused[op] = true
		e.setVerdict(op.ID(), verdict)
	}
	return kept
}

// wouldDelete says why linkd refuses an op.
func (op *Op) wouldDelete(others []string) string {
	slices.Sort(others)
	return fmt.Sprintf("linkd does not %s, because that would delete resources that it did not make: %s", op.phrase(), strings.Join(others, ", "))
}
