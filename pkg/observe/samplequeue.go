package observe

import (
	"container/heap"
	"time"
)

// sampleQueue are the namespaces in the order in which their samples are due, so that a round costs by the samples that it
// takes: with 10,000 namespaces most are overdue, and there is no time for them.
type sampleQueue []dueSample

// dueSample is outdated once the sample of the namespace is due at another time.
type dueSample struct {
	ns  string
	due time.Time
}

func (q *sampleQueue) add(ns string, due time.Time) { heap.Push(q, dueSample{ns, due}) }

// take removes and returns the namespace that is due first; ok is false if none is due.
func (q *sampleQueue) take(now time.Time) (first dueSample, ok bool) {
	if len(*q) == 0 || now.Before((*q)[0].due) {
		return first, false
	}
	return heap.Pop(q).(dueSample), true
}

// Len, Less, Swap, Push and Pop are for package heap.
func (q sampleQueue) Len() int           { return len(q) }
func (q sampleQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q sampleQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *sampleQueue) Push(x any)        { *q = append(*q, x.(dueSample)) }
func (q *sampleQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = dueSample{}
	*q = (*q)[:last]
	return x
}
