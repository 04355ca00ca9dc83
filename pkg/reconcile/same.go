package reconcile

import "linkd/pkg/spec"

// changed has what is another than before compared, where the kind can tell (Capabilities.Same): an interface may have ten
// thousand addresses of which one is deleted. It is not ok where all of the scope has to be compared.
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
