package reconcile

import (
	"reflect"

	"linkd/pkg/spec"
)

// Repopulate sets a desired state that differs from the one before by what templates stand for: a container has come, say,
// or gone. What is wanted as before goes on as it stands, and only where something else is wanted is looked at, so that
// a newcomer does not wait until all who were there before it have been looked at.
func (e *Engine) Repopulate(d *spec.Desired, complete bool) {
	before, matteredBefore, declaredBefore := e.want, e.index.looked, e.declared
	e.declare(d, complete)
	for name, ns := range e.declared {
		if declaredBefore[name] != ns {
			e.dirty.all(name)
		}
	}
	for s := range e.index.looked {
		if !matteredBefore[s] {
			e.dirty.mark(s.ns, s.kind, everything)
		}
	}
	e.rows = newRows(e.want)
	for _, r := range e.want.All() {
		id := r.ID()
		if !reflect.DeepEqual(before.Get(id), r) {
			e.beginAnew(id)
		} else if v, judged := e.verdicts[id]; judged {
			e.rows.set(id, v)
		}
	}
	for _, r := range before.All() {
		if id := r.ID(); e.want.Get(id) == nil {
			e.beginAnew(id)
		}
	}
}

// beginAnew forgets how a resource stood, and looks at where it is or will be. Where its namespace is not declared any more,
// nothing of linkd's is left in it.
func (e *Engine) beginAnew(id spec.ID) {
	delete(e.trials, id)
	delete(e.reached, id)
	delete(e.verdicts, id)
	delete(e.troubled, id)
	e.unsettled[id] = true
	if _, declared := e.declared[id.NS]; declared {
		e.dirty.mark(id.NS, id.Kind, everything)
	}
}
