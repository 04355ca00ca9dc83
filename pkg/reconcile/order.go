package reconcile

import (
	"container/heap"
	"slices"

	"linkd/pkg/spec"
)

// order sorts ops so that each comes after the ops that it builds on: a create after those of its needs, a delete
// before the deletes and replaces of its needs. An update that releases a resource comes before the delete of that
// resource, unless it has to wait for that delete. Otherwise creates come before deletes, kinds come in the order of
// their list, and resources in the order of their IDs, so that equal differences give equal plans.
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
	preferAfter := make([][]int, len(ops)) // preferAfter[i]: the ops that come after op i if possible
	preferWaits := make([]int, len(ops))
	for i, op := range ops {
		if op.Want != nil {
			for _, need := range needs(op.Want) {
				if j, planned := at[need]; planned && ops[j].Verb != Delete && !ops[j].waitsFor(op, needs) {
					edge(j, i)
				}
			}
			for _, first := range relationsOf(op.Want).After {
				if j, planned := at[first]; planned && op.waitsFor(ops[j], needs) {
					preferAfter[j] = append(preferAfter[j], i)
					preferWaits[i]++
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
				preferAfter[i] = append(preferAfter[i], j)
				preferWaits[j]++
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
				// The origin must not be restored with resources or settings of linkd.
				edge(j, i)
			case other.Verb == Delete && slices.Contains(needs(op.source), other.ID()):
				// The source leaves a namespace that ends.
				edge(i, j)
			}
		}
	}
	for first, thens := range freedBy(ops) {
		for _, then := range thens {
			preferAfter[first] = append(preferAfter[first], then)
			preferWaits[then]++
		}
	}
	// Deferred ops are taken only when no other op is ready.
	ready, deferred := &intHeap{}, &intHeap{}
	queue := func(i int) {
		switch {
		case waits[i] > 0:
		case preferWaits[i] > 0:
			heap.Push(deferred, i)
		default:
			heap.Push(ready, i)
		}
	}
	for i := range ops {
		queue(i)
	}
	plan := make(Plan, 0, len(ops))
	placed := make([]bool, len(ops))
	for ready.Len() > 0 || deferred.Len() > 0 {
		from := ready
		if ready.Len() == 0 {
			from = deferred
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
		for _, j := range preferAfter[i] {
			if preferWaits[j]--; preferWaits[j] == 0 && !placed[j] {
				queue(j)
			}
		}
	}
	// Unlike desired resources, observed ones can need each other in a circle, such as two foreign bridges' ports.
	// Then any order is valid, and no op may be lost.
	for i, op := range ops {
		if !placed[i] {
			plan = append(plan, op)
		}
	}
	chain(ops, plan, after, preferAfter)
	return plan
}

// waitsFor reports whether an op comes after another one though it does not need that (spec.Relations.After). An op that makes
// what the other one needs comes first.
func (op *Op) waitsFor(first *Op, needs func(spec.Resource) []spec.ID) bool {
	return op.Want != nil && first.Want != nil && slices.Contains(relationsOf(op.Want).After, first.ID()) &&
		(op.Verb == Update || !slices.Contains(needs(first.Want), op.ID()))
}

// chain records in each op of a plan the ops that must come before it.
func chain(ops []*Op, plan Plan, after, preferAfter [][]int) {
	at := make(map[*Op]int, len(plan))
	for i, op := range plan {
		at[op] = i
	}
	for i, op := range ops {
		for _, j := range slices.Concat(after[i], preferAfter[i]) {
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
