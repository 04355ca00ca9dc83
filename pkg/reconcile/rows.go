package reconcile

import (
	"slices"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// rows are the status of the desired resources in ID order, in pieces, so that the cost of a pass depends on what
// changed.
type rows struct {
	pieces [][]ResourceStatus
	at     map[spec.ID]int
	// counts is the number of resources in each state.
	counts map[State]int
	// shared are the pieces that a snapshot shares; they are copied before a write.
	shared []bool
}

// rowsInPiece is the number of rows in each piece but the last.
const rowsInPiece = 128

func newRows(want *spec.Set) rows {
	list := make([]ResourceStatus, want.Len())
	r := rows{at: make(map[spec.ID]int, want.Len()), counts: map[State]int{Pending: want.Len()}}
	for i, w := range want.All() {
		list[i] = row(w.ID(), Verdict{State: Pending, Reason: notLookedReason}, w.Origin().String())
		r.at[w.ID()] = i
	}
	r.pieces = slices.Collect(slices.Chunk(list, rowsInPiece))
	r.shared = make([]bool, len(r.pieces))
	return r
}

// NewResourceStatus returns the status of a resource that no file declares, without a state.
func NewResourceStatus(id string) ResourceStatus {
	netns, rest, _ := strings.Cut(id, "/")
	kind, key, _ := strings.Cut(rest, "/")
	return ResourceStatus{ID: id, NetNS: netns, Kind: kind, Key: key}
}

func row(id spec.ID, v Verdict, source string) ResourceStatus {
	r := ResourceStatus{ID: plain.Text(id.String()), NetNS: plain.Text(id.NS), Kind: id.Kind, Key: plain.Text(id.Key), Source: source}
	r.set(v)
	return r
}

func (r *rows) set(id spec.ID, v Verdict) {
	i, wanted := r.at[id]
	if !wanted {
		return
	}
	n := i / rowsInPiece
	if r.shared[n] {
		r.pieces[n], r.shared[n] = slices.Clone(r.pieces[n]), false
	}
	row := &r.pieces[n][i%rowsInPiece]
	r.counts[row.State]--
	r.counts[v.State]++
	row.set(v)
}

// snapshot returns the present rows. They do not change later.
func (r *rows) snapshot() [][]ResourceStatus {
	for n := range r.shared {
		r.shared[n] = true
	}
	return slices.Clone(r.pieces)
}
