package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"

	"linkd/pkg/fleet"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
)

// joinFleet makes the daemon a node, if this machine is in a fleet.
func (o *options) joinFleet(log *slog.Logger) error {
	if !o.inFleet() {
		return nil
	}
	node, err := fleet.NewNode(o.fleetFile, o.fleetCache())
	if errors.Is(err, fleet.ErrNoFleet) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("join the fleet: %w", err)
	}
	node.Log = log
	o.node = node
	return nil
}

// wakeNode says that what describe returns may have changed.
func (o *options) wakeNode() {
	if o.node != nil {
		o.node.Wake()
	}
}

// announce tells the other nodes which links this machine shares with them.
func (o *options) announce(loaded reconcile.Loaded) {
	if o.node != nil {
		o.node.Announce(loaded.Desired.Members, loaded.Complete)
	}
}

// notePass says that the daemon has a status that is about the files that it has read.
func (o *options) notePass() {
	if o.node != nil {
		o.node.NotePass()
	}
}

// describe returns what the daemon reports to the fleet.
func (o *options) describe(loop *reconcile.Loop) fleet.Report {
	r := fleet.Report{State: reconcile.Converging, Facts: facts()}
	// The status is as new as the number, or newer.
	r.Revision = o.node.Passed()
	status, _ := loop.Status()
	if status == nil {
		return r
	}
	r.State, r.Resources, r.Files = status.State, status.Count(), status.NotInForce()
	r.Problems = report.Problems(status, report.Style{})
	for _, p := range status.Probes {
		r.Probes = append(r.Probes, fleet.ProbeState{Name: p.Name, State: p.State, Reason: p.Reason})
	}
	return r
}

// facts returns what a machine is.
func facts() fleet.Facts {
	f := fleet.Facts{Linkd: version}
	f.Host, _ = os.Hostname()
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		f.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	return f
}

// printFleet prints how this machine stands with its fleet, if it is in one.
func printFleet(w io.Writer, f *reconcile.Fleet) {
	if f == nil {
		return
	}
	since := stamp(f.Since)
	switch {
	case !f.Connected:
		fmt.Fprintf(w, "fleet: node %s keeps revision %d; no connection since %s: %s\n", plain.Text(f.Node), f.Revision, since, plain.Text(f.Reason))
	case f.Reason != "":
		fmt.Fprintf(w, "fleet: node %s keeps revision %d: %s\n", plain.Text(f.Node), f.Revision, plain.Text(f.Reason))
	default:
		fmt.Fprintf(w, "fleet: node %s has revision %d\n", plain.Text(f.Node), f.Revision)
	}
}
