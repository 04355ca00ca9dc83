package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"linkd/pkg/kind"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
	"linkd/pkg/spec"
)

// look compares the files with the system and changes nothing. It returns what apply or the daemon would do, and the state
// of each resource. prune is that of apply.
func (o *options) look(ctx context.Context, prune bool) (reconcile.Plan, *reconcile.Status, error) {
	desired, err := o.loadValid(ctx, spec.ReadToLook)
	if err != nil {
		return nil, nil, err
	}
	desired.Within = o.within(prune)
	journal := reconcile.ReadJournal(o.inRuntimeDir(journalFile))
	engine, world, err := o.newEngine(kind.All(), journal, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, exit(exitInvalid, err)
	}
	defer world.Close()
	if err := world.LookOnly(ctx); err != nil {
		return nil, nil, exit(exitInvalid, err)
	}
	line := newProgressLine()
	defer line.Clear()
	engine.Meanwhile = func() { line.Draw(engine.Progress()) }
	engine.Want(desired, desired.Unknown == nil)
	plan, status := engine.Plan(ctx), engine.Status(nil)
	status.Left = leftAlone(engine)
	return plan, status, nil
}

// statusWithoutDaemon prints the state of the resources as a look tells it: what apply would change is pending. The error is
// noDaemon, or says why it cannot look either.
func (o *options) statusWithoutDaemon(ctx context.Context, ids []string, all bool, noDaemon error) error {
	plan, status, err := o.look(ctx, false)
	if err != nil {
		return exit(exitNoDaemon, fmt.Errorf("%w\nlinkd cannot look at the resources itself: %w", noDaemon, err))
	}
	markPlanned(plan, status)
	if err := o.printStatus(status, ids, all); err != nil {
		return err
	}
	if !o.json() {
		fmt.Fprintln(stderr)
	}
	return noDaemon
}

// markPlanned makes the resources pending that a plan changes, and adds those that it deletes.
func markPlanned(plan reconcile.Plan, status *reconcile.Status) {
	rows := map[string]*reconcile.ResourceStatus{}
	for i := range status.Resources {
		rows[status.Resources[i].ID] = &status.Resources[i]
	}
	for _, c := range plan.Changes() {
		row := rows[c.ID]
		if row == nil {
			status.Resources = append(status.Resources, reconcile.NewResourceStatus(c.ID))
			row = &status.Resources[len(status.Resources)-1]
		}
		row.State, row.Reason = reconcile.Pending, "no daemon is running: linkd apply would "+c.Op+" it"
	}
	status.Counts = nil
	if len(plan) > 0 && status.State == reconcile.Converged {
		status.State = reconcile.Converging
	}
}

// printPlan writes what would be done, and then the problems; or all of it as JSON.
func (o *options) printPlan(plan reconcile.Plan, status *reconcile.Status) error {
	changes := plan.Changes()
	if !o.json() {
		summary := report.Count(changes, 0).Planned(status)
		if len(changes) == 0 {
			// Scripts take what is on stdout for changes.
			fmt.Fprintln(stderr, summary)
		} else if err := printChanges(changes, summary); err != nil {
			return err
		}
		return printProblems(os.Stderr, status)
	}
	out := struct {
		Version int                `json:"version"`
		Changes []reconcile.Change `json:"changes"`
		// Unplanned are the resources that are not ok and that no change concerns.
		Unplanned []reconcile.ResourceStatus `json:"unplanned,omitempty"`
		Left      []reconcile.LeftResource   `json:"left_alone,omitempty"`
	}{Version: 1, Changes: changes, Left: status.Left}
	for _, r := range status.Resources {
		if r.State != reconcile.OK {
			out.Unplanned = append(out.Unplanned, r)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
