package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// unannounced are the resources that linkd has to announce to neighbours. With 10,000 namespaces there may be as many,
// so a resource that cannot be announced yet waits for the one thing that prevents it, and nothing looks at it before that
// has changed.
type unannounced struct {
	// ids are all of them. Each is either a candidate or waits for one obstacle.
	ids map[spec.ID]bool
	// candidates are those whose obstacle may be gone, first come, first served.
	candidates []spec.ID
	waiting    map[obstacle][]spec.ID
	// compared are the resources that others wait for.
	compared idSet
	// lanes are the lanes of which an obstacle may be gone.
	lanes []obstacle
}

// obstacle is what prevents an announcement: a resource that has to be compared, or a lane that has to be looked at. If
// busy is set, the lane only has to end its request.
type obstacle struct {
	id   spec.ID
	lane *lane
	busy bool
}

func newUnannounced() unannounced {
	return unannounced{ids: map[spec.ID]bool{}, waiting: map[obstacle][]spec.ID{}, compared: newIDSet()}
}

// add adds a resource.
func (u *unannounced) add(id spec.ID) {
	if !u.ids[id] {
		u.ids[id] = true
		u.candidates = append(u.candidates, id)
	}
}

// release makes candidates of the resources that wait for an obstacle.
func (u *unannounced) release(by obstacle) {
	u.candidates = append(u.candidates, u.waiting[by]...)
	delete(u.waiting, by)
	if by.lane == nil {
		u.compared.remove(by.id)
	}
}

// noteComparison releases the resources that wait for one of a workset.
func (u *unannounced) noteComparison(todo workset) {
	if u.compared.n == 0 {
		return
	}
	for _, id := range slices.SortedFunc(u.compared.of(todo), spec.ID.Compare) {
		u.release(obstacle{id: id})
	}
}

// noteRequest records that a request to a lane has ended, or that nothing is left to look at there.
func (u *unannounced) noteRequest(l *lane) {
	for _, by := range []obstacle{{lane: l}, {lane: l, busy: true}} {
		if len(u.waiting[by]) > 0 {
			u.lanes = append(u.lanes, by)
		}
	}
}

// drop releases what waits for a lane that is no longer used.
func (u *unannounced) drop(l *lane) {
	u.release(obstacle{lane: l})
	u.release(obstacle{lane: l, busy: true})
}

// releaseAll makes candidates of all resources, because the desired state has changed.
func (u *unannounced) releaseAll() {
	u.candidates = inOrder(u.ids, spec.ID.Compare)
	u.compared, u.lanes = newIDSet(), nil
	clear(u.waiting)
}

// first returns the first candidate. A resource that waits for a lane becomes one when its turn comes, because the lane
// of linkd's own namespace has ten thousand of them, and is changed again before they are announced.
func (u *unannounced) first() (id spec.ID, ok bool) {
	for len(u.candidates) == 0 && len(u.lanes) > 0 {
		by := u.lanes[0]
		left := u.waiting[by]
		if len(left) == 0 || by.remains() {
			u.lanes = u.lanes[1:]
			continue
		}
		u.candidates = append(u.candidates, left[0])
		if u.waiting[by] = left[1:]; len(left) == 1 {
			delete(u.waiting, by)
		}
	}
	if len(u.candidates) == 0 {
		return id, false
	}
	return u.candidates[0], true
}

// wait makes the first candidate wait for an obstacle.
func (u *unannounced) wait(by obstacle) {
	id := u.candidates[0]
	u.candidates = u.candidates[1:]
	u.waiting[by] = append(u.waiting[by], id)
	if by.lane == nil {
		u.compared.add(by.id)
	}
}

// remove removes the first candidate.
func (u *unannounced) remove() {
	delete(u.ids, u.candidates[0])
	u.candidates = u.candidates[1:]
}

// remains reports whether a lane is still an obstacle.
func (by obstacle) remains() bool {
	if by.busy {
		return by.lane.request != nil
	}
	return !by.lane.isSettled()
}
