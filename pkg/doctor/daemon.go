package doctor

import (
	"context"
	"errors"
	"fmt"

	"linkd/pkg/control"
	"linkd/pkg/spec"
)

var daemon = newCheck("daemon", "the daemon runs, and has the same version as this program",
	"If you do not restart the daemon after an upgrade, it keeps running the old version. Without a daemon, nothing reverts drift\nand nothing configures new namespaces.",
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
