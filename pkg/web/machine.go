package web

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/vishvananda/netlink"

	"linkd/pkg/graph"
	"linkd/pkg/probe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Machine is what the page shows beside what the daemon says. Its methods may be called from any goroutine, and change nothing.
type Machine interface {
	// Draw returns the wiring of the files and of the last look, with the states of a status.
	Draw(ctx context.Context, status *reconcile.Status) *Wiring
	// Look looks at what exists, and reports whether something was found.
	Look(ctx context.Context) (found bool)
	// Counters returns the counters of an interface.
	Counters(ctx context.Context, netns, name string) (*netlink.LinkStatistics64, error)
	// Probe sends a probe that the files declare, and follows its way.
	Probe(ctx context.Context, name string) (*probe.Report, error)
}

// Wiring is the picture of a moment, and what it was drawn from.
type Wiring struct {
	Picture *graph.Picture
	// Desired is the desired state, and Files the files that declare it. They lack what the user may not read.
	Desired *spec.Desired
	Files   []spec.File
	// Remarks say what the picture lacks.
	Remarks []string
}

// same reports whether two wirings look the same.
func (w *Wiring) same(other *Wiring) bool {
	a, err := json.Marshal([]any{w.Picture, w.Remarks})
	b, wrong := json.Marshal([]any{other.Picture, other.Remarks})
	return err == nil && wrong == nil && bytes.Equal(a, b)
}
