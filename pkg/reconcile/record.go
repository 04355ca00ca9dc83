package reconcile

import (
	"cmp"
	"slices"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// Record is a list of finished ops. The core's goroutine adds to it until EndRecord; then one other goroutine may read it.
type Record struct {
	ops  []finished
	more int
	rank map[*Registered]int
	// dropped are the ops that create or delete something and were dropped before they were tried, for each resource the
	// first one. Another op may do the same: one that makes both ends of a pair, or all chains of a table.
	dropped map[spec.ID]*Op
}

// finished is an op that succeeded, or failed with err.
type finished struct {
	op  *Op
	err error
}

// mostRecorded limits the memory of a record.
const mostRecorded = 10_000

// Record begins a record of the ops that finish from now on.
func (c *Core) Record() *Record {
	r := &Record{rank: c.kinds.rank, dropped: map[spec.ID]*Op{}}
	c.records = append(c.records, r)
	return r
}

// EndRecord ends a record; nil is none.
func (c *Core) EndRecord(r *Record) {
	c.records = slices.DeleteFunc(c.records, func(other *Record) bool { return other == r })
}

func (r *Record) add(op *Op, err error) {
	id := op.ID()
	first := r.dropped[id]
	delete(r.dropped, id)
	if first != nil && first.Verb == Create && op.Have != nil {
		r.append(finished{first, nil})
	}
	r.append(finished{op, err})
}

func (r *Record) append(f finished) {
	if len(r.ops) >= mostRecorded {
		r.more++
		return
	}
	r.ops = append(r.ops, f)
}

// drop notes that an op was dropped before it was tried.
func (r *Record) drop(op *Op) {
	if id := op.ID(); (op.Verb == Create || op.Verb == Delete) && r.dropped[id] == nil && len(r.dropped) < mostRecorded {
		r.dropped[id] = op
	}
}

// settle notes that nothing is left to do for a resource. If its op was dropped, another op has done the same.
func (r *Record) settle(id spec.ID, exists bool) {
	if op := r.dropped[id]; op != nil && exists == (op.Verb == Create) {
		r.append(finished{op, nil})
	}
	delete(r.dropped, id)
}

// noteSettled notes in all records that nothing is left to do for a resource.
func (c *Core) noteSettled(id spec.ID, exists bool) {
	for _, r := range c.records {
		r.settle(id, exists)
	}
}

// noteDropped notes in all records that an op was dropped before it was tried.
func (c *Core) noteDropped(op *Op) {
	for _, r := range c.records {
		r.drop(op)
	}
}

// Changes returns what the ops changed, one change for each resource, and then the ops that failed and were not repeated
// with success. Their order is that of the kinds and IDs, with what was deleted last, because the order in which workers
// finish is not always the same. More is the number of ops that were not recorded.
func (r *Record) Changes() (changes []Change, more int) {
	byID := map[spec.ID][]finished{}
	var order []spec.ID
	for _, f := range r.ops {
		id := f.op.ID()
		if byID[id] == nil {
			order = append(order, id)
		}
		byID[id] = append(byID[id], f)
	}
	slices.SortFunc(order, spec.ID.Compare)
	slices.SortStableFunc(order, func(a, b spec.ID) int {
		x, y := byID[a][0].op.kind, byID[b][0].op.kind
		return cmp.Compare(r.rank[x], r.rank[y])
	})
	var deleted, failed []Change
	changes = []Change{}
	for _, id := range order {
		ops := byID[id]
		if c, changed := merged(ops); changed {
			c.Result = Done
			if c.Op == Delete.String() {
				deleted = append(deleted, c)
			} else {
				changes = append(changes, c)
			}
		}
		if last := ops[len(ops)-1]; last.err != nil {
			c := last.op.change()
			c.Result, c.Error = Undone, plain.Text(last.err.Error())
			failed = append(failed, c)
		}
	}
	slices.Reverse(deleted)
	return append(append(changes, deleted...), failed...), r.more
}

// merged returns the change that the successful ops on one resource make together; changed is false if the resource is as
// it was before.
func merged(ops []finished) (c Change, changed bool) {
	var done []*Op
	for _, f := range ops {
		if f.err == nil {
			done = append(done, f.op)
		}
	}
	switch len(done) {
	case 0:
		return c, false
	case 1:
		return done[0].change(), true
	}
	first, last := done[0], done[len(done)-1]
	whole := *last
	whole.Have, whole.Why = nil, nil
	if first.Verb != Create {
		whole.Have = first.Have
	}
	switch {
	case last.Verb == Delete && whole.Have == nil:
		return c, false
	case last.Verb == Delete:
		return whole.change(), true
	case whole.Have == nil:
		whole.Verb = Create
		return whole.change(), true
	}
	whole.Verb = Update
	if whole.Why = whole.kind.Diff(whole.Want, whole.Have); len(whole.Why) == 0 {
		return c, false
	}
	if slices.ContainsFunc(done, func(op *Op) bool { return op.Verb != Update }) {
		whole.Verb = Replace
	}
	return whole.change(), true
}

// twinLost returns an op that deletes the resource which the kernel has deleted together with the op's, or nil. Which end of a pair
// linkd deletes depends on the worker that is first.
func (c *Core) twinLost(op *Op) *Op {
	if !op.removes() {
		return nil
	}
	if _, fetched := fetchedFrom(op.Have); fetched {
		// It is put back, and its other end stays.
		return nil
	}
	twin, is := alsoMakes(op.Have)
	if !is || c.desired.set.Get(twin) != nil {
		// linkd makes it again.
		return nil
	}
	lost := c.found.get(twin)
	if lost == nil {
		return nil
	}
	return &Op{Verb: Delete, Have: lost, kind: op.kind}
}
