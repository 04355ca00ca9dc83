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

// podmanSocket is where podman-system-service(1) listens for the administrator.
const podmanSocket = "/run/podman/podman.sock"

// podman is asked by its Docker-compatible API where its service runs, or CONTAINER_HOST names one, and else by its
// program: podman needs no daemon.
type podman struct{}

func (podman) way() (engine, error) {
	host := os.Getenv("CONTAINER_HOST")
	if host == "" {
		if _, err := os.Stat(podmanSocket); err != nil {
			return command{}, nil
		}
		host = "unix://" + podmanSocket
	}
	return newAPI(host)
}

func (p podman) ask(ctx context.Context, value string) (state, error) {
	way, err := p.way()
	if err != nil {
		return state{}, err
	}
	defer way.close()
	return way.ask(ctx, value)
}

func (p podman) labelled(ctx context.Context, label string) ([]spec.Instance, error) {
	way, err := p.way()
	if err != nil {
		return nil, err
	}
	defer way.close()
	return way.labelled(ctx, label)
}

func (p podman) follow(ctx context.Context) (<-chan event, <-chan error) {
	way, err := p.way()
	if err != nil {
		broken := make(chan error, 1)
		broken <- err
		return nil, broken
	}
	context.AfterFunc(ctx, way.close)
	return way.follow(ctx)
}

func (p podman) ping(ctx context.Context) error {
	way, err := p.way()
	if err != nil {
		return err
	}
	defer way.close()
	return way.ping(ctx)
}

func (podman) close() {}

// command is podman(1).
type command struct{}

const (
	// podmanTime is how long podman(1) may take for an answer.
	podmanTime = 10 * time.Second
	// longestAnswer is how many bytes that may have, and longestEvent those of one event.
	longestAnswer = 16 << 20
	longestEvent  = 1 << 20
)

func runPodman(ctx context.Context, args ...string) ([]byte, error) {
	out, err := program.Run{Name: "podman", Args: args, Timeout: podmanTime, MaxOutput: longestAnswer}.Output(ctx)
	return out, failure(err)
}

func (command) ask(ctx context.Context, value string) (state, error) {
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
		return state{}, fmt.Errorf("podman inspect %s: not what was expected: %w", value, err)
	}
	now := found[0]
	s := state{id: now.ID, name: now.Name, is: now.State.Status, started: now.State.StartedAt.String()}
	if now.State.Running {
		s.pid, s.sandbox = now.State.Pid, now.NetworkSettings.SandboxKey
	}
	return s, nil
}

func (command) labelled(ctx context.Context, label string) (found []spec.Instance, err error) {
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
		return nil, fmt.Errorf("podman ps: not what was expected: %w", err)
	}
	for _, c := range running {
		if len(c.Names) > 0 {
			found = append(found, spec.Instance{Name: c.Names[0], ID: c.ID, Labels: c.Labels})
		}
	}
	sortByName(found)
	return found, nil
}

// follow reads what podman-events(1) prints, from this moment on, however long it takes podman to start.
func (command) follow(ctx context.Context) (<-chan event, <-chan error) {
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
				one.N = longestEvent
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
		broken <- failure(cmp.Or(err, io.EOF))
	}()
	return translate(ctx, messages, broken, func(m podmanEvent) event {
		return event{action: m.Status, id: m.ID, name: m.Name}
	})
}

func (command) ping(context.Context) error {
	_, err := exec.LookPath("podman")
	return err
}

// failure says why podman failed, and what does without the program. That opens its database to be written whatever it is
// asked, and to a service almost all files are read-only (ProtectSystem= in systemd.exec(5)).
func failure(err error) error {
	failed := (*program.Failure)(nil)
	if !errors.As(err, &failed) {
		return err
	}
	return &unfit{failed}
}

// unfit is podman(1) that failed.
type unfit struct{ *program.Failure }

func (u *unfit) Unwrap() error { return u.Failure }

func (u *unfit) Error() string {
	text := strings.TrimSpace(u.Stderr)
	if text == "" {
		text = u.State.String()
	}
	return text + " (linkd asks podman's service instead where there is one: systemctl enable --now podman.socket)"
}

func (command) close() {}

type podmanEvent struct{ ID, Name, Status string }
