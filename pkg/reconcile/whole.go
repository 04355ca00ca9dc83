package reconcile

import "linkd/pkg/spec"

// noteWhole records in wasOK that a resource and all that it needs are as desired, and does the same for its dependents. Before
// that, the loss of the resource is no drift: linkd still observes the end of a veth as desired for a moment after the namespace
// of its peer has ended. Then the kernel deletes that end with its port and its addresses.
func (c *Core) noteWhole(id spec.ID) {
	queue := []spec.ID{id}
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		if c.wasOK[id] || !c.isWhole(id) {
			continue
		}
		c.wasOK[id] = true
		queue = append(queue, c.desired.index.allDependents()[id]...)
	}
}

// isWhole reports whether a desired resource was last seen as desired, its twin too, and whether all desired resources that
// it needs were whole.
func (c *Core) isWhole(id spec.ID) bool {
	want := c.desired.set.Get(id)
	if want == nil || c.verdictOf.of(id).State != OK || c.notOK.has(id) {
		return false
	}
	if twin, is := alsoMakes(want); is && c.desired.set.Get(twin) != nil && c.notOK.has(twin) {
		return false
	}
	for _, need := range want.Needs() {
		if c.desired.set.Get(need) != nil && !c.wasOK[need] {
			return false
		}
	}
	return true
}
