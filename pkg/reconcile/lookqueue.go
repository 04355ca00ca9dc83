package reconcile

import (
	"iter"
	"slices"
)

// lookQueue is the lanes that have to be looked at. Those that take the same slots are first come, first served. Whether a
// lane is late does not change while it is in the queue.
type lookQueue struct {
	// lanes are by programs, and by late. n counts them, and those that are parked.
	lanes [2][2][]*lane
	n     int
	// parked are the lanes that have an op to carry out first. A lane that leaves it leaves nil behind; gaps counts these.
	parked []*lane
	gaps   int
}

func (q *lookQueue) of(l *lane) *[]*lane { return &q.lanes[boolRank(l.programs)][boolRank(l.late)] }

func (q *lookQueue) add(l *lane) {
	at := q.of(l)
	*at = append(*at, l)
	q.n++
}

func (q *lookQueue) remove(l *lane) {
	if l.parkedAt > 0 {
		q.leave(l)
		q.n--
		return
	}
	at := q.of(l)
	if i := slices.Index(*at, l); i >= 0 {
		*at = slices.Delete(*at, i, i+1)
		q.n--
	}
}

// park puts a lane aside that was in the queue, until it is unparked.
func (q *lookQueue) park(l *lane) {
	if q.gaps > len(q.parked)/2 {
		q.unpark(func(*lane) bool { return false })
	}
	q.parked = append(q.parked, l)
	l.parkedAt = len(q.parked)
}

func (q *lookQueue) leave(l *lane) {
	q.parked[l.parkedAt-1] = nil
	q.gaps++
	l.parkedAt = 0
}

// unpark puts those parked lanes at the end of the queue for which it is told so.
func (q *lookQueue) unpark(which func(*lane) bool) {
	parked := q.parked
	q.parked, q.gaps = parked[:0], 0
	for _, l := range parked {
		switch {
		case l == nil:
		case which(l):
			l.parkedAt = 0
			at := q.of(l)
			*at = append(*at, l)
		default:
			q.parked = append(q.parked, l)
			l.parkedAt = len(q.parked)
		}
	}
	clear(parked[len(q.parked):])
}

// all goes through the lanes.
func (q *lookQueue) all() iter.Seq[*lane] {
	return func(yield func(*lane) bool) {
		for _, l := range q.parked {
			if l != nil && !yield(l) {
				return
			}
		}
		for _, sorts := range q.lanes {
			for _, lanes := range sorts {
				for _, l := range lanes {
					if !yield(l) {
						return
					}
				}
			}
		}
	}
}

// choice is what becomes of a lane in the queue.
type choice int

const (
	stays choice = iota
	isTaken
	isParked
)

// take goes through the lanes that take the same slots, until there are none left, and does with each what choose says. It costs
// by how many it goes through, and not by how many there are: with 10,000 namespaces, all are in the queue.
func (q *lookQueue) take(programs, late int, free *int, choose func(*lane) choice) {
	lanes := q.lanes[programs][late]
	var stay []*lane
	i := 0
	for ; i < len(lanes) && *free > 0; i++ {
		switch l := lanes[i]; choose(l) {
		case isTaken:
			q.n--
		case isParked:
			q.park(l)
		default:
			stay = append(stay, l)
		}
	}
	if stay == nil {
		clear(lanes[:i])
		q.lanes[programs][late] = lanes[i:]
		return
	}
	// What stays moves up to what was not gone through.
	first := i - len(stay)
	copy(lanes[first:], stay)
	clear(lanes[:first])
	q.lanes[programs][late] = lanes[first:]
}

// dispatchLooks begins looks as far as there are slots. A lane with an op to carry out first, or with a request, waits.
func (c *Core) dispatchLooks(out []*Request) []*Request {
	for programs := range c.plan.looks.lanes {
		free := &c.plan.free[programs]
		for late, slots := range []*int{&free.prompt, &free.late} {
			c.plan.looks.take(programs, late, slots, func(l *lane) choice {
				switch {
				case len(l.dirty) > 0 && l.due():
					return isParked
				case len(l.dirty) > 0 && l.request != nil:
					return stays
				}
				l.queued = false
				if !l.late {
					c.plan.prompt--
				}
				if len(l.dirty) > 0 {
					*slots--
					out = append(out, c.look(l))
				}
				return isTaken
			})
		}
	}
	return out
}

// count adds to the numbers of pending tasks in a task's lanes. A parked lane goes back into the queue with its last one.
func (p *plan) count(t *task, by int) {
	origin := t.queueLane()
	for _, l := range t.lanes {
		if l.pending[origin] += by; l.pending[origin] == 0 {
			delete(l.pending, origin)
		}
		if l.parkedAt > 0 && !l.due() {
			p.looks.leave(l)
			at := p.looks.of(l)
			*at = append(*at, l)
		}
	}
}
