package reconcile

import "linkd/pkg/spec"

// changed marks the resources for comparison that differ from the look before, if the kind can tell
// (Capabilities.Same): an interface may have ten thousand addresses of which one was deleted. Ok is false if the
// whole scope must be compared.
func (c *Core) changed(k *Registered, s *observation, before map[spec.ID]spec.Resource, todo workset) (ok bool) {
	if !c.found.compared[s.scope] || len(before) == 0 || !k.comparable() {
		return false
	}
	now := s.all()
	for id, r := range now {
		if old := before[id]; old == nil || !k.same(r, old) {
			todo.ids[id] = true
		}
	}
	for id := range before {
		if now[id] == nil {
			todo.ids[id] = true
		}
	}
	return true
}
