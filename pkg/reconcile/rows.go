package reconcile

import (
	"slices"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// rows are the states of the desired resources in ID order, in pieces, so that the cost of a pass depends on what
// changed.
type rows struct {
	pieces [][]row
	at     map[spec.ID]int
	// counts is the number of resources in each state.
	counts map[State]int
	// shared are the pieces that a snapshot shares; they are copied before a write.
	shared []bool
}

// row is the state of a resource. Its status has many texts, so only the reader of a list makes it.
type row struct {
	of named
	*Verdict
}

// named has the fields of a resource that a row needs.
type named interface {
	ID() spec.ID
	Origin() spec.Source
}

// undeclared is a resource that no file declares.
type undeclared spec.ID

func (id undeclared) ID() spec.ID         { return spec.ID(id) }
func (id undeclared) Origin() spec.Source { return spec.Source{} }

// rowsInPiece is the number of rows in each piece but the last.
const rowsInPiece = 64

func newRows(want *spec.Set) rows {
	list, unknown := make([]row, want.Len()), &Verdict{State: Pending, Reason: notLookedReason}
	r := rows{at: make(map[spec.ID]int, want.Len()), counts: map[State]int{Pending: want.Len()}}
	for i, w := range want.All() {
		list[i] = row{w, unknown}
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

// status returns what a row says.
func (r row) status() ResourceStatus {
	id := r.of.ID()
	s := ResourceStatus{
		ID: plain.Text(id.String()), NetNS: plain.Text(id.NS), Kind: id.Kind, Key: plain.Text(id.Key), Source: r.of.Origin().String(),
		State: r.State, Reason: plain.Text(r.Reason),
	}
	if r.Cause != (spec.ID{}) {
		s.Cause = plain.Text(r.Cause.String())
	}
	return s
}

func (r *rows) set(id spec.ID, v *Verdict) {
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
	row.Verdict = v
}

// snapshot returns the present rows. They do not change later.
func (r *rows) snapshot() [][]row {
	for n := range r.shared {
		r.shared[n] = true
	}
	return slices.Clone(r.pieces)
}

// flatten returns the status of all rows as one list, which is never nil.
func flatten(pieces [][]row) []ResourceStatus {
	list := []ResourceStatus{}
	for _, piece := range pieces {
		for _, r := range piece {
			list = append(list, r.status())
		}
	}
	return list
}
