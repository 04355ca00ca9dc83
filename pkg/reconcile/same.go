package reconcile

// changed marks the resources for comparison that differ from the look before, if the kind can tell
// (Capabilities.Same): an interface may have ten thousand addresses of which one was deleted. Ok is false if the
// whole scope must be compared.
func (c *Core) changed(k *Registered, s *observation, before *resources, todo workset) (ok bool) {
	if !c.found.compared[s.scope] || before.len() == 0 || !k.comparable() {
		return false
	}
	now := s.all()
	for key, r := range now.all() {
		if old := before.get(key); old == nil || !k.same(r, old) {
			todo.ids[s.scope.id(key)] = true
		}
	}
	for key := range before.all() {
		if now.get(key) == nil {
			todo.ids[s.scope.id(key)] = true
		}
	}
	return true
}
