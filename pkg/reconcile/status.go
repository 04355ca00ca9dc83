package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// Status is the state of all resources, in the JSON form that `linkd status` prints.
type Status struct {
	Version int `json:"version"`
	// State is Converged; Converging if a resource is pending; Degraded if one is failed, blocked or flapping, or if a file
	// is not in force (NotInForce).
	State     string           `json:"state"`
	Files     []spec.FileState `json:"files"`
	Resources []ResourceStatus `json:"resources"`
	// Probes are the results of the declared probes. They do not count for State.
	Probes []ProbeStatus `json:"probes,omitempty"`
	// Warnings are problems of linkd itself, such as a runtime directory that it cannot write, and questions that
	// only an administrator can decide.
	Warnings []string `json:"warnings,omitempty"`
	Counters Counters `json:"counters"`
	// Trial is the trial that runs, if any.
	Trial *Trial `json:"trial,omitempty"`
	// Fleet is how this machine stands with its fleet; nil if it is in none.
	Fleet *Fleet `json:"fleet,omitempty"`
	// Left are the resources that an apply left alone.
	Left []LeftResource `json:"left_alone,omitempty"`
	// Behind are the namespaces that do not keep up.
	Behind []Behind `json:"-"`
	// Took is the duration of the last pass.
	Took time.Duration `json:"-"`
	// Counts is the result of Count; nil in a status that was read as JSON.
	Counts map[State]int `json:"-"`
}

// Counters count since the start.
type Counters struct {
	// Passes is the number of passes: looks, plans and ops until nothing was left to do.
	Passes int `json:"passes"`
	// Ops is the number of ops that were tried.
	Ops int `json:"ops"`
	// Corrections is the number of repairs of drift.
	Corrections int `json:"corrections"`
	// Overruns is the number of times that the kernel dropped events. linkd looks at everything after each.
	Overruns int `json:"overruns"`
}

// ResourceStatus is the state of one resource.
type ResourceStatus struct {
	ID     string `json:"id"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	Source string `json:"source"`
	// NetNS, Kind and Key are the parts of the ID.
	NetNS string `json:"netns"`
	Kind  string `json:"kind"`
	Key   string `json:"key"`
	// Cause is the ID of what the resource waits for, or of what blocks it; "" if the reason is about the resource itself.
	Cause string `json:"cause,omitempty"`
}

// Trial is a trial of files: they are in force until the deadline, unless somebody confirms them before.
type Trial struct {
	// By says who began it.
	By       string    `json:"by"`
	Since    time.Time `json:"since"`
	Deadline time.Time `json:"deadline"`
	// Files are the paths that the tried files would have in the configuration.
	Files []string `json:"files"`
}

// LeftResource is a resource that other files made than those that are applied. Files are their paths; none if the journal
// does not say which file it was.
type LeftResource struct {
	ID    string   `json:"id"`
	Files []string `json:"files,omitempty"`
}

// The overall states.
const (
	Converged  = "converged"
	Converging = "converging"
	Degraded   = "degraded"
)

// Status returns the state of all resources after the last pass.
func (c *Core) Status(files []spec.FileState) *Status {
	s, rows := c.status(files)
	s.Resources = flatten(rows)
	return s
}

// status does the same without Resources. A list of ten thousand costs more than a repair, so only the reader of a
// list makes it.
func (c *Core) status(files []spec.FileState) (s *Status, rows [][]row) {
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
	var left []row
	for id := range c.notOK.all() {
		// A resource that could not be deleted is in no file and has no row.
		if v := c.verdictOf[id]; v != nil && c.desired.set.Get(id) == nil {
			left = append(left, row{undeclared(id), v})
			s.Counts[v.State]++
		}
	}
	if len(left) > 0 {
		slices.SortFunc(left, func(a, b row) int { return a.of.ID().Compare(b.of.ID()) })
		rows = append(rows, left)
	}
	if s.State = overall(s.Counts); len(s.NotInForce()) > 0 {
		s.State = Degraded
	}
	s.Behind = c.Behind()
	for _, b := range s.Behind {
		s.Warnings = append(s.Warnings, fmt.Sprintf("namespace %s does not keep up: linkd has been waiting for it for %s",
			plain.Text(b.NS), c.Now.Sub(b.Since).Round(time.Second)))
	}
	if s.State == Converged && (!c.Quiet() || len(s.Behind) > 0) {
		s.State = Converging
	}
	return s, rows
}

// addUndecided replaces the rows of undecided resources. A failed resource stays failed while linkd tries again.
func (c *Core) addUndecided(rows [][]row, counts map[State]int) {
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
		v := &Verdict{State: Pending, Reason: changingReason}
		if failed, is := c.failed[id]; is {
			v = &failed
		}
		row := &rows[n][i%rowsInPiece]
		counts[row.State]--
		counts[v.State]++
		row.Verdict = v
	}
}

// Count returns the number of resources in each state.
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

// NotInForce returns the files whose present content is not in force: the last valid content is, or none.
func (s *Status) NotInForce() (files []spec.FileState) {
	for _, f := range s.Files {
		if f.State != spec.FileLoaded {
			files = append(files, f)
		}
	}
	return files
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

// Only returns the status of the resources with the given IDs, or of all if none is given; unknown are the IDs that
// no resource has.
func (s *Status) Only(ids []string) (only *Status, unknown []string) {
	if len(ids) == 0 {
		return s, nil
	}
	selected := *s
	selected.Resources, selected.Probes = nil, nil
	const none, done = -1, -2
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
		switch i := at[id]; i {
		case none:
			unknown = append(unknown, id)
		case done:
			// It was asked for twice.
		default:
			selected.Resources = append(selected.Resources, s.Resources[i])
			at[id] = done
		}
	}
	selected.Counts = nil
	selected.Counts = selected.Count()
	selected.State = overall(selected.Counts)
	return &selected, unknown
}
