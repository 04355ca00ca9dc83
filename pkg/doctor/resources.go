package doctor

import (
	"context"
	"errors"
	"fmt"

	"linkd/pkg/control"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

var resources = newCheck("resources", "no resource has failed",
	"A resource has *failed* if the kernel or a program refuses it. linkd tries again after a pause. A resource is *flapping* if\nanother program undoes it again and again. `linkd status` shows all resources.",
	func(ctx context.Context, m *Machine) ([]reconcile.ResourceStatus, error) {
		if _, err := m.running(ctx); errors.Is(err, control.ErrNoDaemon) {
			return nil, needless("no daemon runs, so linkd cannot tell what has failed")
		}
		status, err := control.NewClient(m.RuntimeDir).Status(ctx)
		if err != nil {
			return nil, err
		}
		return status.Resources, nil
	}, judgeResources)

func judgeResources(_ *spec.Desired, saw []reconcile.ResourceStatus) (findings []Finding) {
	for _, r := range saw {
		f := Finding{Resource: r.ID, Source: r.Source}
		switch r.State {
		case reconcile.Failed:
			f.Level, f.Text, f.Advice = Error, fmt.Sprintf("%s has failed: %s", r.ID, r.Reason), "remove the cause: linkd tries again after a pause"
		case reconcile.Flapping:
			f.Level, f.Text, f.Advice = Warning, fmt.Sprintf("%s is flapping: %s", r.ID, r.Reason), "stop the program that undoes it, or remove it from the files"
		default:
			continue
		}
		findings = append(findings, f)
	}
	return findings
}
