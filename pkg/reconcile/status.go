package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// Status is how everything stands, in the JSON form that `linkd status` promises.
type Status struct {
	Version int `json:"version"`
	// State is converged; converging while something is pending; degraded when something failed, is blocked or flaps.
	State     string           `json:"state"`
	Files     []spec.FileState `json:"files"`
	Resources []ResourceStatus `json:"resources"`
	// Warnings are what is wrong with linkd's own footing, a runtime directory that cannot be written, say, and what only
	// an administrator can decide.
	Warnings []string `json:"warnings,omitempty"`
	Counters Counters `json:"counters"`
	// Took is how long the last pass took.
	Took time.Duration `json:"-"`
	// Counts is what Count returns; nil in a status that was read as JSON.
	Counts map[State]int `json:"-"`
}

// Counters count since the start.
type Counters struct {
	// Passes is how often what was to be done was done, and the status published.
	Passes int `json:"passes"`
	// Ops is how many steps of plans were tried.
	Ops int `json:"ops"`
	// Corrections is how many resources were found changed by others.
	Corrections int `json:"corrections"`
	// Overruns is how often the kernel dropped events, upon which everything is looked at.
	Overruns int `json:"overruns"`
}

// ResourceStatus is how one resource stands.
type ResourceStatus struct {
	ID     string `json:"id"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	Source string `json:"source"`
	// Kind is the middle part of the ID.
	Kind string `json:"-"`
}

// The states of the whole.
const (
	Converged  = "converged"
	Converging = "converging"
	Degraded   = "degraded"
)

// Status is how everything stands after the last pass.
func (c *Core) Status(files []spec.FileState) *Status {
	s, rows := c.status(files)
	s.Resources = listed(rows)
	return s
}

// status is the same without Resources. To list ten thousand costs more than to repair one of them, so it is left to who
// reads the list.
func (c *Core) status(files []spec.FileState) (s *Status, rows [][]ResourceStatus) {
	s = &Status{Version: 1, Files: files, Counters: c.Counters}
	if s.Files == nil {
		s.Files = []spec.FileState{}
	}
	if err := c.journal.Broken(); err != nil {
		s.Warnings = append(s.Warnings, err.Error())
	}
	s.Warnings = append(s.Warnings, c.unconfirmed()...)
	rows, s.Counts = c.rows.snapshot(), maps.Clone(c.rows.counts)
	c.addUndecided(rows, s.Counts)
	var left []ResourceStatus
	for id := range c.notOK.all() {
		// What could not be deleted has no line in a file, and no row.
		if v, judged := c.verdictOf[id]; judged && c.desired.set.Get(id) == nil {
			left = append(left, row(id, v, ""))
			s.Counts[v.State]++
		}
	}
	if len(left) > 0 {
		slices.SortFunc(left, func(a, b ResourceStatus) int { return strings.Compare(a.ID, b.ID) })
		rows = append(rows, left)
	}
	s.State = overall(s.Counts)
	behind := c.Behind()
	for _, b := range behind {
		s.Warnings = append(s.Warnings, fmt.Sprintf("namespace %s does not keep up: linkd has been waiting for it for %s",
			plain.Text(b.NS), c.Now.Sub(b.Since).Round(time.Second)))
	}
	if s.State == Converged && (!c.Quiet() || len(behind) > 0) {
		s.State = Converging
	}
	return s, rows
}

// listed are the rows as one list, which is never nil.
func listed(rows [][]ResourceStatus) []ResourceStatus {
	if list := slices.Concat(rows...); list != nil {
		return list
	}
	return []ResourceStatus{}
}

// addUndecided makes rows those of resources where of some it is not known what comes of them. What has failed is failed while
// it is tried again.
func (c *Core) addUndecided(rows [][]ResourceStatus, counts map[State]int) {
	own := map[int]bool{}
	for id := range c.notOK.all() {
		i, wanted := c.rows.at[id]
		if !wanted || !c.isUndecided(id) {
			continue
		}
		n := i / rowsInPiece
		if !own[n] {
			rows[n], own[n] = slices.Clone(rows[n]), true
		}
		v, failed := c.failed[id]
		if !failed {
			v = Verdict{Pending, "linkd is changing it"}
		}
		row := &rows[n][i%rowsInPiece]
		counts[row.State]--
		counts[v.State]++
		row.State, row.Reason = v.State, plain.Text(v.Reason)
	}
}

// rows are the status of the wanted resources in ID order, in pieces, kept so that a pass costs by what changed.
type rows struct {
	pieces [][]ResourceStatus
	at     map[spec.ID]int
	// counts is how many are in each state.
	counts map[State]int
	// given are the pieces that have been handed out, and are not written to any more.
	given []bool
}

// rowsInPiece is how many rows each piece has, but for the last.
const rowsInPiece = 128

func newRows(want *spec.Set) rows {
	list := make([]ResourceStatus, want.Len())
	r := rows{at: make(map[spec.ID]int, want.Len()), counts: map[State]int{Pending: want.Len()}}
	for i, w := range want.All() {
		list[i] = row(w.ID(), Verdict{State: Pending, Reason: "not looked at yet"}, w.Origin().String())
		r.at[w.ID()] = i
	}
	r.pieces = slices.Collect(slices.Chunk(list, rowsInPiece))
	r.given = make([]bool, len(r.pieces))
	return r
}

func row(id spec.ID, v Verdict, source string) ResourceStatus {
	return ResourceStatus{ID: plain.Text(id.String()), State: v.State, Reason: plain.Text(v.Reason), Source: source, Kind: id.Kind}
}

func (r *rows) set(id spec.ID, v Verdict) {
	i, wanted := r.at[id]
	if !wanted {
		return
	}
	n := i / rowsInPiece
	if r.given[n] {
		r.pieces[n], r.given[n] = slices.Clone(r.pieces[n]), false
	}
	row := &r.pieces[n][i%rowsInPiece]
	r.counts[row.State]--
	r.counts[v.State]++
	row.State, row.Reason = v.State, plain.Text(v.Reason)
}

// snapshot is the rows as they are now, for others to keep.
func (r *rows) snapshot() [][]ResourceStatus {
	for n := range r.given {
		r.given[n] = true
	}
	return slices.Clone(r.pieces)
}

// Count is how many resources are in each state.
func (s *Status) Count() map[State]int {
	if s.Counts != nil {
		return s.Counts
	}
	counts := map[State]int{}
	for _, r := range s.Resources {
		counts[r.State]++
	}
	return counts
}

func overall(counts map[State]int) string {
	switch {
	case counts[Failed]+counts[Blocked]+counts[Flapping] > 0:
		return Degraded
	case counts[Pending] > 0:
		return Converging
	}
	return Converged
}

// Only is the status of the resources with the given IDs, or of all where none is given; unknown are the IDs that no
// resource has.
func (s *Status) Only(ids []string) (only *Status, unknown []string) {
	if len(ids) == 0 {
		return s, nil
	}
	selected := *s
	selected.Resources = nil
	const none = -1
	at := make(map[string]int, len(ids))
	for _, id := range ids {
		at[id] = none
	}
	for i, r := range s.Resources {
		if _, asked := at[r.ID]; asked {
			at[r.ID] = i
		}
	}
	for _, id := range ids {
		i := at[id]
		if i == none {
			unknown = append(unknown, id)
			continue
		}
		selected.Resources = append(selected.Resources, s.Resources[i])
	}
	selected.Counts = nil
	selected.Counts = selected.Count()
	selected.State = overall(selected.Counts)
	return &selected, unknown
}
