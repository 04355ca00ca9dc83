package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"linkd/pkg/bounded"
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
			return program{}, nil
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

func (p podman) reach(ctx context.Context) error {
	way, err := p.way()
	if err != nil {
		return err
	}
	defer way.close()
	return way.reach(ctx)
}

func (podman) close() {}

// program is podman(1).
type program struct{}

func (program) ask(ctx context.Context, value string) (state, error) {
	cmd := exec.CommandContext(ctx, "podman", "container", "inspect", "--", value)
	out, err := bounded.Output(cmd, answerLimit)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if strings.Contains(string(exit.Stderr), "no such container") {
			return state{}, errUnknown
		}
		return state{}, failure(err, exit.Stderr)
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

func (program) labelled(ctx context.Context, label string) (found []spec.Instance, err error) {
	out, err := bounded.Output(exec.CommandContext(ctx, "podman", "ps", "--no-trunc", "--format", "json", "--filter", "label="+label), answerLimit)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, failure(err, exit.Stderr)
	}
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
func (program) follow(ctx context.Context) (<-chan event, <-chan error) {
	messages, broken := make(chan podmanEvent), make(chan error, 1)
	now := time.Now().Format(time.RFC3339Nano)
	cmd := exec.CommandContext(ctx, "podman", "events", "--stream", "--format", "json", "--filter", "type=container", "--since", now)
	var complaint bounded.Head
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		broken <- err
		return nil, broken
	}
	go func() {
		// podman prints each event on a line.
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, eventLimit)
		for {
			m, err := nextEvent(lines)
			if err != nil {
				_ = cmd.Process.Kill()
				ended := cmd.Wait()
				if exit := (*exec.ExitError)(nil); errors.Is(err, io.EOF) && errors.As(ended, &exit) {
					err = failure(ended, complaint.Bytes())
				}
				broken <- err
				return
			}
			select {
			case messages <- m:
			case <-ctx.Done():
				_ = cmd.Wait()
				return
			}
		}
	}()
	return translate(ctx, messages, broken, func(m podmanEvent) event {
		return event{action: m.Status, id: m.ID, name: m.Name}
	})
}

// nextEvent reads a line of podman-events(1). The error at the end is io.EOF.
func nextEvent(lines *bufio.Scanner) (m podmanEvent, err error) {
	if !lines.Scan() {
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return m, &bounded.TooLarge{What: "an event from podman events", Limit: eventLimit}
		case err != nil:
			return m, err
		}
		return m, io.EOF
	}
	if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
		return m, fmt.Errorf("podman events: not what was expected: %w", err)
	}
	return m, nil
}

func (program) reach(context.Context) error {
	_, err := exec.LookPath("podman")
	return err
}

// failure says why podman failed, and what does without the program. That opens its database to be written whatever it is
// asked, and to a service almost all files are read-only (ProtectSystem= in systemd.exec(5)).
func failure(err error, complaint []byte) error {
	if text := bytes.TrimSpace(complaint); len(text) > 0 {
		err = errors.New(string(text))
	}
	return fmt.Errorf("%w (linkd asks podman's service instead where there is one: systemctl enable --now podman.socket)", err)
}

func (program) close() {}

type podmanEvent struct{ ID, Name, Status string }
