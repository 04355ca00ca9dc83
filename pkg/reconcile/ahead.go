package reconcile

import (
	"context"
	"sync"

	"linkd/pkg/observe"
)

// ahead looks again at the namespaces that a plan is done with, while the rest of it is carried out: the look after a
// plan is needed in any case, and the ops themselves take one processor.
type ahead struct {
	engine *Engine
	left   map[string]int // ops to come, by namespace
	todo   chan glance
	done   sync.WaitGroup
	found  []sighting
}

// glance is what to look at in a namespace.
type glance struct {
	ns *observe.NS
	at map[*Registered]extent
}

func (e *Engine) lookAhead(ctx context.Context, plan Plan) *ahead {
	a := &ahead{engine: e, left: map[string]int{}, todo: make(chan glance, len(plan))}
	for _, op := range plan {
		for _, ns := range op.namespaces() {
			a.left[ns]++
		}
	}
	a.done.Go(func() {
		for g := range a.todo {
			for k, x := range g.at {
				// What cannot be seen now is left to the look that follows.
				s := scope{g.ns.Name, k.Name}
				if seen, err := see(ctx, k, g.ns, x, e.known(s), e.index.byScope[s]); err == nil {
					a.found = append(a.found, seen)
				}
			}
		}
	})
	return a
}

// passed notes that an op is done with. After the last one of a namespace, what is dirty there is looked at.
func (a *ahead) passed(op *Op) {
	for _, name := range op.namespaces() {
		if a.left[name]--; a.left[name] > 0 {
			continue
		}
		ns, err := a.engine.world.Open(name)
		if err != nil || a.engine.seen[name] != ns.Identity {
			continue
		}
		g := glance{ns: ns, at: map[*Registered]extent{}}
		for i := range a.engine.kinds {
			// The selective kinds ask what is wanted and remembered, which is the engine's to know.
			k := &a.engine.kinds[i]
			if x, dirty := a.engine.dirty.of(name, k.Name); dirty && !k.selective() {
				g.at[k] = x
			}
		}
		// An interface goes with its other end, by a request in another namespace.
		ns.Forget()
		a.todo <- g
	}
}

// finish puts what was seen into the picture.
func (a *ahead) finish() {
	close(a.todo)
	a.done.Wait()
	for _, s := range a.found {
		a.engine.journal.confirm(s.found)
		a.engine.found.put(a.engine.byName[s.scope.kind], s, a.engine.glanced)
		delete(a.engine.blind, s.scope)
		a.engine.dirty.clean(s.scope)
	}
}
