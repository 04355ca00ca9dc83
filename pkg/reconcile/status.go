package reconcile

import (
	"maps"
	"slices"

	"linkd/pkg/spec"
)

// Status is how everything stands, in the JSON form that `linkd status` promises.
type Status struct {
	Version int `json:"version"`
	// State is converged; converging while something is pending; degraded when something failed, is blocked or flaps.
	State     string           `json:"state"`
	Files     []spec.FileState `json:"files"`
	Resources []ResourceStatus `json:"resources"`
	// Warnings are what is wrong with linkd's own footing: a runtime directory that cannot be written, say.
	Warnings []string `json:"warnings,omitempty"`
	Counters Counters `json:"counters"`
}

// Counters count since the start.
type Counters struct {
	// Passes is how often linkd looked and compared.
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
}

// The states of the whole.
const (
	Converged  = "converged"
	Converging = "converging"
	Degraded   = "degraded"
)

// Status is how everything stands after the last pass.
func (e *Engine) Status(files []spec.FileState) *Status {
	s := &Status{Version: 1, Files: files, Resources: make([]ResourceStatus, 0, len(e.verdicts)), Counters: e.Counters}
	if s.Files == nil {
		s.Files = []spec.FileState{}
	}
	if err := e.journal.Broken(); err != nil {
		s.Warnings = append(s.Warnings, err.Error())
	}
	for _, id := range slices.SortedFunc(maps.Keys(e.verdicts), spec.ID.Compare) {
		v := e.verdicts[id]
		r := ResourceStatus{ID: escape(id.String()), State: v.State, Reason: escape(v.Reason)}
		if want := e.want.Get(id); want != nil {
			r.Source = want.Origin().String()
		}
		s.Resources = append(s.Resources, r)
	}
	s.State = overall(s.Resources)
	return s
}

func overall(resources []ResourceStatus) string {
	state := Converged
	for _, r := range resources {
		switch r.State {
		case Failed, Blocked, Flapping:
			return Degraded
		case Pending:
			state = Converging
		}
	}
	return state
}

// Only is the status of the resources with the given IDs, or of all where none is given; unknown are the IDs that no
// resource has.
func (s *Status) Only(ids []string) (only *Status, unknown []string) {
	if len(ids) == 0 {
		return s, nil
	}
	selected := *s
	selected.Resources = nil
	for _, id := range ids {
		i := slices.IndexFunc(s.Resources, func(r ResourceStatus) bool { return r.ID == id })
		if i < 0 {
			unknown = append(unknown, id)
			continue
		}
		selected.Resources = append(selected.Resources, s.Resources[i])
	}
	selected.State = overall(selected.Resources)
	return &selected, unknown
}
