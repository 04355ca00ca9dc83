package reconcile

import "linkd/pkg/spec"

// Sameable is a found resource that can tell whether it was found just so before. Of such a kind only what is another than
// at the look before is compared again: an interface may have ten thousand addresses of which one is deleted.
type Sameable interface {
	SameAs(before spec.Resource) bool
}

// changed has what is another than before compared. It is not ok where all of the scope has to be compared.
func (c *Core) changed(s *sighting, before map[spec.ID]spec.Resource, todo part) (ok bool) {
	if !c.found.compared[s.scope] || len(before) == 0 || len(s.found) == 0 {
		return false
	}
	if _, is := s.found[0].(Sameable); !is {
		return false
	}
	now := make(map[spec.ID]bool, len(s.found))
	for _, r := range s.found {
		id := r.ID()
		now[id] = true
		if old := before[id]; old == nil || !r.(Sameable).SameAs(old) {
			todo.ids[id] = true
		}
	}
	for id := range before {
		if !now[id] {
			todo.ids[id] = true
		}
	}
	return true
}
