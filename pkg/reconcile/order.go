package reconcile

import (
	"container/heap"
	"slices"

	"linkd/pkg/spec"
)

// order sorts ops so that each comes after what it builds on: a make after the makes of what it needs, a delete
// before the deletes and replaces of what it needs. What lets go of something that is deleted does so before that, if
// it can: it cannot where it has to wait for the delete in turn. Otherwise what is made comes before what is deleted, kinds come
// in the order of their list, and resources in that of their IDs, so a plan is the same whenever the difference is.
func order(ops []*Op, rank map[*Registered]int, needs func(spec.Resource) []spec.ID) Plan {
	slices.SortFunc(ops, func(a, b *Op) int { return compareOps(a, b, rank) })
	at := make(map[spec.ID]int, len(ops))
	for i, op := range ops {
		at[op.ID()] = i
	}
	after := make([][]int, len(ops)) // after[i]: the ops that wait for op i
	waits := make([]int, len(ops))
	edge := func(first, then int) {
		after[first] = append(after[first], then)
		waits[then]++
	}
	better := make([][]int, len(ops)) // better[i]: the ops that come after op i if they can
	would := make([]int, len(ops))
	for i, op := range ops {
		if op.Want != nil {
			for _, need := range needs(op.Want) {
				if j, planned := at[need]; planned && ops[j].Verb != Delete && !ops[j].waitsFor(op, needs) {
					edge(j, i)
				}
			}
			for _, first := range relationsOf(op.Want).After {
				if j, planned := at[first]; planned && op.waitsFor(ops[j], needs) {
					better[j] = append(better[j], i)
					would[i]++
				}
			}
		}
		if op.Have == nil {
			continue
		}
		for _, need := range needs(op.Have) {
			j, planned := at[need]
			switch {
			case !planned || (ops[j].Verb != Delete && ops[j].Verb != Replace):
			case op.Verb == Delete:
				edge(i, j)
			case ops[j].Verb == Delete:
				better[i] = append(better[i], j)
				would[j]++
			}
		}
	}
	for i, op := range ops {
		if op.source == nil {
			continue
		}
		for j, other := range ops {
			switch {
			case i == j:
			case (other.Verb == Delete || other.forget) && (other.ID() == op.source.ID() || slices.Contains(other.Have.Needs(), op.source.ID())):
				// What linkd has there, or has set of it, is not what is put back one day.
				edge(j, i)
			case other.Verb == Delete && slices.Contains(needs(op.source), other.ID()):
				// It leaves a namespace that ends.
				edge(i, j)
			}
		}
	}
	// Those that may come but had better not yet are taken only when nothing else is left.
	ready, reluctant := &intHeap{}, &intHeap{}
	queue := func(i int) {
		switch {
		case waits[i] > 0:
		case would[i] > 0:
			heap.Push(reluctant, i)
		default:
			heap.Push(ready, i)
		}
	}
	for i := range ops {
		queue(i)
	}
	plan := make(Plan, 0, len(ops))
	placed := make([]bool, len(ops))
	for ready.Len() > 0 || reluctant.Len() > 0 {
		from := ready
		if ready.Len() == 0 {
			from = reluctant
		}
		i := heap.Pop(from).(int)
		if placed[i] {
			continue
		}
		plan = append(plan, ops[i])
		placed[i] = true
		for _, j := range after[i] {
			if waits[j]--; waits[j] == 0 {
				queue(j)
			}
		}
		for _, j := range better[i] {
			if would[j]--; would[j] == 0 && !placed[j] {
				queue(j)
			}
		}
	}
	// What is found can need each other in a circle, unlike what is wanted: two foreign bridges' ports, say. Then any
	// order is as good, and the ops must not be lost.
	for i, op := range ops {
		if !placed[i] {
			plan = append(plan, op)
		}
	}
	chain(ops, plan, after, better)
	return plan
}

// waitsFor reports whether an op comes after another one though it does not need that (spec.Relations.After). An op that makes
// what the other one needs comes first.
func (op *Op) waitsFor(first *Op, needs func(spec.Resource) []spec.ID) bool {
	return op.Want != nil && first.Want != nil && slices.Contains(relationsOf(op.Want).After, first.ID()) &&
		(op.Verb == Update || !slices.Contains(needs(first.Want), op.ID()))
}

// chain has each op of a plan name those that come before it for a reason.
func chain(ops []*Op, plan Plan, after, better [][]int) {
	at := make(map[*Op]int, len(plan))
	for i, op := range plan {
		at[op] = i
	}
	for i, op := range ops {
		for _, j := range slices.Concat(after[i], better[i]) {
			if then := ops[j]; at[op] < at[then] {
				then.after = append(then.after, op)
			}
		}
	}
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

func direction(op *Op) int {
	if op.Verb == Delete {
		return -1
	}
	return 1
}

type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
