package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"linkd/pkg/program"
	"linkd/pkg/spec"
)

// podmanSocket is the socket of root's podman-system-service(1).
const podmanSocket = "/run/podman/podman.sock"

// podman uses podman's Docker-compatible API if its service runs or CONTAINER_HOST is set. Otherwise it runs the podman program,
// because podman needs no daemon.
type podman struct{}

var podmanDescription = description{
	scheme: "podman", name: "podman", noun: "container",
	advice: "install podman, and start its socket for linkd's service (systemctl enable --now podman.socket), or set CONTAINER_HOST for linkd to the address on which its service listens",
}

// client returns the API or the program. The caller closes it.
func (podman) client() (engine, error) {
	host := os.Getenv("CONTAINER_HOST")
	if host == "" {
		if _, err := os.Stat(podmanSocket); err != nil {
			return podmanCLI{}, nil
		}
		host = "unix://" + podmanSocket
	}
	return newAPI(host)
}

func (p podman) inspect(ctx context.Context, value string) (state, error) {
	client, err := p.client()
	if err != nil {
		return state{}, err
	}
	defer client.close()
	return client.inspect(ctx, value)
}

func (p podman) withLabel(ctx context.Context, label string) ([]spec.Instance, error) {
	client, err := p.client()
	if err != nil {
		return nil, err
	}
	defer client.close()
	return client.withLabel(ctx, label)
}

func (p podman) events(ctx context.Context) (<-chan event, <-chan error) {
	client, err := p.client()
	if err != nil {
		broken := make(chan error, 1)
		broken <- err
		return nil, broken
	}
	context.AfterFunc(ctx, client.close)
	return client.events(ctx)
}

func (p podman) ping(ctx context.Context) error {
	client, err := p.client()
	if err != nil {
		return err
	}
	defer client.close()
	return client.ping(ctx)
}

func (podman) close() {}

// podmanCLI runs podman(1).
type podmanCLI struct{}

const (
	// podmanTimeout is how long podman(1) may take for an answer.
	podmanTimeout = 10 * time.Second
	// maxOutput is the largest answer in bytes, and maxEventSize the largest event.
	maxOutput    = 16 << 20
	maxEventSize = 1 << 20
)

func runPodman(ctx context.Context, args ...string) ([]byte, error) {
	out, err := program.Run{Name: "podman", Args: args, Timeout: podmanTimeout, MaxOutput: maxOutput}.Output(ctx)
	return out, asPodmanError(err)
}

func (podmanCLI) inspect(ctx context.Context, value string) (state, error) {
	out, err := runPodman(ctx, "container", "inspect", "--", value)
	if failed := (*program.Failure)(nil); errors.As(err, &failed) && strings.Contains(failed.Stderr, "no such container") {
		return state{}, errUnknown
	}
	if err != nil {
		return state{}, err
	}
	var found []struct {
		ID    string `json:"Id"`
		Name  string
		State struct {
			Status    string
			Running   bool
			Pid       int
			StartedAt time.Time
		}
		NetworkSettings struct{ SandboxKey string }
	}
	if err := json.Unmarshal(out, &found); err != nil || len(found) != 1 {
		return state{}, fmt.Errorf("podman inspect %s: unexpected output: %w", value, err)
	}
	now := found[0]
	s := state{id: now.ID, name: now.Name, status: now.State.Status, started: now.State.StartedAt.String()}
	if now.State.Running {
		s.pid, s.sandbox = now.State.Pid, now.NetworkSettings.SandboxKey
	}
	return s, nil
}

func (podmanCLI) withLabel(ctx context.Context, label string) (found []spec.Instance, err error) {
	out, err := runPodman(ctx, "ps", "--no-trunc", "--format", "json", "--filter", "label="+label)
	if err != nil {
		return nil, err
	}
	var running []struct {
		ID     string `json:"Id"`
		Names  []string
		Labels map[string]string
	}
	if err := json.Unmarshal(out, &running); err != nil {
		return nil, fmt.Errorf("podman ps: unexpected output: %w", err)
	}
	for _, c := range running {
		if len(c.Names) > 0 {
			found = append(found, spec.Instance{Name: c.Names[0], ID: c.ID, Labels: c.Labels})
		}
	}
	sortByName(found)
	return found, nil
}

// events reads the output of podman-events(1), beginning with the present time, also if podman takes long to start.
func (podmanCLI) events(ctx context.Context) (<-chan event, <-chan error) {
	messages, broken := make(chan podmanEvent), make(chan error, 1)
	now := time.Now().Format(time.RFC3339Nano)
	events := program.Run{Name: "podman", Args: []string{
		"events", "--stream", "--format", "json", "--filter", "type=container", "--since", now,
	}}
	go func() {
		err := events.Read(ctx, func(out io.Reader) error {
			one := &io.LimitedReader{R: out}
			from := json.NewDecoder(one)
			for {
				one.N = maxEventSize
				var m podmanEvent
				if err := from.Decode(&m); errors.Is(err, io.EOF) && one.N > 0 {
					return nil
				} else if err != nil {
					return err
				}
				select {
				case messages <- m:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
		broken <- asPodmanError(cmp.Or(err, io.EOF))
	}()
	return convertEvents(ctx, messages, broken, func(m podmanEvent) event {
		return event{action: m.Status, id: m.ID, name: m.Name}
	})
}

func (podmanCLI) ping(context.Context) error {
	_, err := exec.LookPath("podman")
	return err
}

// asPodmanError adds advice to the error of a failed podman program. The program opens its database for writing whatever its
// command is. As a systemd service linkd has almost no writable files (ProtectSystem= in systemd.exec(5)), so the program can
// fail there.
func asPodmanError(err error) error {
	failed := (*program.Failure)(nil)
	if !errors.As(err, &failed) {
		return err
	}
	return &podmanError{failed}
}

// podmanError is the error of a podman(1) that failed.
type podmanError struct{ *program.Failure }

func (u *podmanError) Unwrap() error { return u.Failure }

func (u *podmanError) Error() string {
	text := strings.TrimSpace(u.Stderr)
	if text == "" {
		text = u.State.String()
	}
	return text + " (linkd needs podman's service here: systemctl enable --now podman.socket)"
}

func (podmanCLI) close() {}

type podmanEvent struct{ ID, Name, Status string }
