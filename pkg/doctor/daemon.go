package doctor

import (
	"context"
	"errors"
	"fmt"

	"linkd/pkg/control"
	"linkd/pkg/spec"
)

var daemon = newCheck("daemon", "the daemon runs, and is of the version of this program",
	"A daemon that was not restarted after an upgrade goes on as it was. Without a daemon, nothing is put right by itself, and\nnothing that comes later is wired.",
	func(ctx context.Context, m *Machine) (versions, error) {
		id, err := m.running(ctx)
		switch {
		case errors.Is(err, control.ErrNoDaemon):
			return versions{}, needless("no daemon is running: nothing reverts drift until the next `linkd apply`")
		case err != nil:
			return versions{}, err
		}
		return versions{id.Version, m.Version}, nil
	}, judgeDaemon)

type versions struct{ daemon, program string }

func judgeDaemon(_ *spec.Desired, saw versions) []Finding {
	if saw.daemon == saw.program {
		return nil
	}
	return []Finding{{
		Level: Warning, Text: fmt.Sprintf("the daemon is linkd %s, and this program is linkd %s", saw.daemon, saw.program),
		Advice: "restart it (systemctl restart linkd): everything that it configured stays meanwhile",
	}}
}
