// Package docker finds the namespaces of containers by the Docker Engine API (https://docs.docker.com/reference/api/engine),
// which podman speaks, too.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

const (
	// patience bounds what the engine may take for one answer. It is asked for a container in a millisecond or two.
	patience = 2 * time.Second
	// newcomerPatience bounds how long a pass waits for what the engine says of a container that was not asked for before.
	newcomerPatience = 500 * time.Millisecond
	// inquiries is how many containers are asked for side by side.
	inquiries = 4
)

// Finder finds the namespaces of an engine's containers. While it watches, it knows from the engine's events how each of
// them stands, and nobody waits for an engine that does not answer.
type Finder struct {
	scheme, engine string
	api            *client.Client
	misused        error // why there is no client: DOCKER_HOST is not right

	mu       sync.Mutex
	targets  map[string]*target // by the name of the namespace
	watching bool
	down     error         // why the engine cannot be asked
	added    chan struct{} // there are targets that nothing is known of
}

// target is a declared namespace, and what is known of its container.
type target struct {
	value    string // a name, an ID, or the beginning of one
	answered chan struct{}
	turn     sync.Mutex // one inquiry at a time, so that a late answer is no older one
	container
	err error
}

// container is a running one. Its sandbox is where the engine keeps its namespace.
type container struct {
	id, name, sandbox string
	pid               int
	started           string
}

// New is the finder of an engine's containers. The options are over those of the environment (DOCKER_HOST and its like).
func New(scheme, engine string, options ...client.Opt) *Finder {
	f := &Finder{scheme: scheme, engine: engine, targets: map[string]*target{}, added: make(chan struct{}, 1)}
	f.api, f.misused = client.New(append([]client.Opt{client.FromEnv}, options...)...)
	return f
}

// Schemes implements observe.Finder.
func (f *Finder) Schemes() []string { return []string{f.scheme} }

// Keep implements observe.Finder.
func (f *Finder) Keep(declared map[string]spec.Namespace) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, t := range f.targets {
		if s := declared[name].Selector; s.Scheme != f.scheme || s.Value != t.value {
			delete(f.targets, name)
		}
	}
	for name, ns := range declared {
		if ns.Selector.Scheme == f.scheme && f.targets[name] == nil {
			f.targets[name] = &target{value: ns.Selector.Value, answered: make(chan struct{})}
			select {
			case f.added <- struct{}{}:
			default:
			}
		}
	}
}

// Find implements observe.Finder.
func (f *Finder) Find(ns spec.Namespace) (path string, check func() error, err error) {
	if f.misused != nil {
		return "", nil, fmt.Errorf("%s: %w", f.engine, f.misused)
	}
	f.mu.Lock()
	t, watching, down := f.targets[ns.Name], f.watching, f.down
	f.mu.Unlock()
	if t == nil {
		return "", nil, observe.Pendingf("%s was not asked for %s", f.engine, ns.Selector.Value)
	}
	switch {
	case t.known():
	case down != nil:
		return "", nil, f.silent(down)
	case watching:
		f.await(t)
	default:
		_, _ = f.inquire(context.Background(), t)
	}
	f.mu.Lock()
	c, err := t.container, t.err
	f.mu.Unlock()
	if err != nil {
		return "", nil, err
	}
	return f.open(c)
}

// await gives the engine a moment to tell of what it was just asked for. If it does not, nobody else waits for it.
func (f *Finder) await(t *target) {
	timer := time.NewTimer(newcomerPatience)
	defer timer.Stop()
	select {
	case <-t.answered:
	case <-timer.C:
		f.mu.Lock()
		defer f.mu.Unlock()
		if !t.known() {
			f.down = fmt.Errorf("nothing was heard of it for %v", newcomerPatience)
			t.err = f.silent(f.down)
		}
	}
}

func (f *Finder) silent(why error) error {
	// What the client says around it is advice for people who type docker.
	if dial := (*net.OpError)(nil); errors.As(why, &dial) {
		why = dial
	}
	return observe.Pendingf("%s does not answer: %v", f.engine, why)
}

// open is where a container's namespace is. The sandbox is a file of the engine's, and needs no right to look into other
// users' processes; where it cannot be seen, as with an engine in a mount namespace of its own, there is the process.
func (f *Finder) open(c container) (path string, check func() error, err error) {
	var fs unix.Statfs_t
	if c.sandbox != "" && unix.Statfs(c.sandbox, &fs) == nil && fs.Type == unix.NSFS_MAGIC {
		return c.sandbox, func() error { return nil }, nil
	}
	fd, err := unix.PidfdOpen(c.pid, 0)
	if err != nil {
		return "", nil, observe.Pendingf("container %s has just ended", c.name)
	}
	return fmt.Sprintf("/proc/%d/ns/net", c.pid), func() error {
		defer unix.Close(fd)
		// If it still runs, as the same process, then the PID was nobody else's in between.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		now, err := f.ask(ctx, c.id)
		if err == nil && (now.pid != c.pid || now.started != c.started) {
			err = observe.Pendingf("container %s has just been restarted", c.name)
		}
		return err
	}, nil
}

// inquire asks the engine for a target, and tells whether the answer is another than before. An error is errUnanswered.
func (f *Finder) inquire(ctx context.Context, t *target) (news bool, _ error) {
	t.turn.Lock()
	defer t.turn.Unlock()
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := f.ask(asking, t.value)
	if ctx.Err() != nil {
		return false, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(err, errUnanswered) {
		f.down = err
		if t.container == (container{}) {
			t.err = f.silent(err)
		}
		return false, err
	}
	f.down = nil
	news = t.container != c || (t.err == nil) != (err == nil) || (err != nil && err.Error() != t.err.Error())
	t.container, t.err = c, err
	if !t.known() {
		close(t.answered)
		news = true
	}
	return news, nil
}

// errUnanswered: it was the engine that failed, not the container that is not there.
var errUnanswered = errors.New("no answer")

type unanswered struct{ error }

func (unanswered) Is(target error) bool { return target == errUnanswered }

// ask asks the engine for a container by name or ID.
func (f *Finder) ask(ctx context.Context, value string) (container, error) {
	answer, err := f.api.ContainerInspect(ctx, value, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return container{}, observe.Pendingf("%s has no container %s", f.engine, value)
	case err != nil:
		return container{}, unanswered{err}
	}
	now := answer.Container
	name := now.Name
	if name != "" && name[0] == '/' {
		name = name[1:]
	}
	if now.State == nil || !now.State.Running || now.State.Pid == 0 {
		state := "not running"
		if now.State != nil {
			state = string(now.State.Status)
		}
		return container{}, observe.Pendingf("container %s is %s", name, state)
	}
	c := container{id: now.ID, name: name, pid: now.State.Pid, started: now.State.StartedAt}
	if now.NetworkSettings != nil {
		c.sandbox = now.NetworkSettings.SandboxKey
	}
	return c, nil
}

// Release implements observe.Finder: who does not watch asks anew in the next pass.
func (f *Finder) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watching {
		return
	}
	f.down = nil
	for _, t := range f.targets {
		t.answered = make(chan struct{})
	}
}

// Close implements observe.Finder.
func (f *Finder) Close() {
	if f.api != nil {
		_ = f.api.Close()
	}
}
