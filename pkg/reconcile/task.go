package reconcile

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// task is an op that waits to be carried out.
type task struct {
	op    *Op
	since time.Time
	// epoch is the plan's epoch when the task was made.
	epoch int
	// place is the position of the op in its plan.
	place int
	// waits counts the tasks that this one waits for, and next are the tasks that wait for this one.
	waits int
	next  []*task
	// firsts are the tasks that this one was made to wait for.
	firsts []*task
	lanes  []*lane
	// at are the namespaces that the op was planned for.
	at    []located
	state taskState
	// blocked: the task is ready, and waits for another lane than that of its heap.
	blocked bool
}

// located is a name and the namespace that it led to.
type located struct {
	name     string
	identity observe.Identity
}

type taskState int

const (
	taskWaits taskState = iota
	taskReady
	taskRuns
	taskOver
)

// queueLane returns the lane whose heap has the task: that of linkd's own namespace if the task needs it, because
// most tasks need it, and else the first.
func (t *task) queueLane() *lane {
	for _, l := range t.lanes {
		if l.domain.name == spec.Host {
			return l
		}
	}
	return t.lanes[0]
}

// before reports whether a comes first of two tasks that are both ready.
func (a *task) before(b *task, rank map[*Registered]int) bool {
	return cmp.Or(compareOps(a.op, b.op, rank), cmp.Compare(a.place, b.place)) < 0
}

// compareOps is the preferred order of ops: creates come before deletes, kinds come in the order of their list, and
// for deletes in the opposite order, and resources come in the order of their IDs.
func compareOps(a, b *Op, rank map[*Registered]int) int {
	return cmp.Or(
		cmp.Compare(boolRank(a.Verb == Delete), boolRank(b.Verb == Delete)),
		cmp.Compare(direction(a)*rank[a.kind], direction(b)*rank[b.kind]),
		a.ID().Compare(b.ID()),
	)
}

// taskHeap is a heap of tasks, the first on top.
type taskHeap []*task

func (h *taskHeap) push(t *task, rank map[*Registered]int) {
	heap.Push(&rankedHeap{h, rank}, t)
}

func (h *taskHeap) pop(rank map[*Registered]int) *task {
	return heap.Pop(&rankedHeap{h, rank}).(*task)
}

type rankedHeap struct {
	tasks *taskHeap
	rank  map[*Registered]int
}

func (h *rankedHeap) Len() int { return len(*h.tasks) }
func (h *rankedHeap) Less(i, j int) bool {
	return (*h.tasks)[i].before((*h.tasks)[j], h.rank)
}
func (h *rankedHeap) Swap(i, j int) {
	tasks := *h.tasks
	tasks[i], tasks[j] = tasks[j], tasks[i]
}
func (h *rankedHeap) Push(x any) { *h.tasks = append(*h.tasks, x.(*task)) }
func (h *rankedHeap) Pop() any {
	tasks := *h.tasks
	last := tasks[len(tasks)-1]
	tasks[len(tasks)-1] = nil
	*h.tasks = slices.Delete(tasks, len(tasks)-1, len(tasks))
	return last
}
