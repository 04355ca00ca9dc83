// Package engine finds namespaces by asking who started what is in them, Docker, podman or systemd, and follows what these
// do with it.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

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

// engine is what runs containers.
type engine interface {
	// ask tells how a container stands, by its name or ID; errUnknown is that there is none.
	ask(ctx context.Context, value string) (state, error)
	// follow tells what happens from now on, until ctx ends, or an error.
	follow(ctx context.Context) (<-chan event, <-chan error)
	// labelled are the running containers with a label, KEY or KEY=VALUE.
	labelled(ctx context.Context, label string) ([]spec.Instance, error)
	// ping returns why the engine cannot be asked; nil where it can.
	ping(ctx context.Context) error
	close()
}

var errUnknown = errors.New("no such container")

// state is how a container stands. Pid is 0 unless it runs; the sandbox is where some engines keep its namespace. One that
// is unconfirmed is known by its control group, and the engine has not answered yet.
type state struct {
	id, name, is, sandbox, started string
	pid                            int
	unconfirmed                    bool
}

// event is something that happened to a container.
type event struct {
	action, id, name, oldName string
	labels                    map[string]string
}

// Finder finds the namespaces of what an engine started: containers, or units. While it watches, it knows from the engine's events how each of
// them stands, and nobody waits for an engine that does not answer.
type Finder struct {
	scheme, name, thing string
	engine              engine
	misused             error // why there is no engine: DOCKER_HOST is not right
	groups              groups

	mu       sync.Mutex
	targets  map[string]*target     // by the name of the namespace
	counts   map[string]*labelCount // by the label
	watching bool
	down     error         // why the engine cannot be asked
	added    chan struct{} // there are targets, or labels, that nothing is known of
}

// target is a declared namespace, and what is known of its container.
type target struct {
	value    string // a name, an ID, or the beginning of one
	answered chan struct{}
	turn     sync.Mutex // one inquiry at a time, so that a late answer is no older one
	starts   int        // how often an event showed that it started; an answer asked for before that is too old
	asked    bool       // somebody asks for it, or has asked, since it was declared
	state
	err error
}

// Docker is the finder of Docker's containers. It honours DOCKER_HOST.
func Docker() *Finder {
	engine, err := newAPI("")
	return newFinder("docker", "Docker", "container", engine, err)
}

// Podman is the finder of podman's containers. It honours CONTAINER_HOST.
func Podman() *Finder { return newFinder("podman", "podman", "container", podman{}, nil) }

// Systemd is the finder of the main processes of services.
func Systemd() *Finder { return newFinder("unit", "systemd", "unit", systemd{}, nil) }

func newFinder(scheme, name, thing string, engine engine, misused error) *Finder {
	return &Finder{
		scheme: scheme, name: name, thing: thing, engine: engine, misused: misused,
		targets: map[string]*target{}, counts: map[string]*labelCount{}, added: make(chan struct{}, 1),
	}
}

// Schemes implements observe.Finder.
func (f *Finder) Schemes() []string { return []string{f.scheme} }

// SetDeclared implements observe.Finder.
func (f *Finder) SetDeclared(declared map[string]spec.Namespace) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, t := range f.targets {
		if s := declared[name].Selector; s.Scheme != f.scheme || s.Value != t.value {
			delete(f.targets, name)
		}
	}
	for name, ns := range declared {
		if ns.Selector.Scheme == f.scheme && f.targets[name] == nil {
			t := &target{value: ns.Selector.Value, answered: make(chan struct{})}
			f.targets[name] = t
			if f.watching {
				f.markStarted(t, event{id: t.value, name: name})
			}
			f.wake()
		}
	}
}

// wake tells who watches that there is something new to ask for.
func (f *Finder) wake() { nudge(f.added) }

// nudge leaves one word for whoever listens, unless there is one already.
func nudge(listener chan struct{}) {
	select {
	case listener <- struct{}{}:
	default:
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Find implements observe.Finder.
func (f *Finder) Find(ns spec.Namespace) (path string, check func(netns int) error, err error) {
	if f.misused != nil {
		return "", nil, fmt.Errorf("%s: %w", f.name, f.misused)
	}
	f.mu.Lock()
	t, watching, down := f.targets[ns.Name], f.watching, f.down
	f.mu.Unlock()
	if t == nil {
		return "", nil, observe.Pendingf("%s was not asked for %s", f.name, ns.Selector.Value)
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
	c, err := t.state, t.err
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
			f.down = errSilent
			t.err = f.silent(f.down)
		}
	}
}

var errSilent = fmt.Errorf("nothing was heard of it for %v", newcomerPatience)

func (f *Finder) silent(why error) error {
	// What the client says around it is advice for people who type docker.
	if dial := (*net.OpError)(nil); errors.As(why, &dial) {
		why = dial
	}
	return observe.Pendingf("%s does not answer: %v", f.name, why)
}

// open is where a container's namespace is. The sandbox is a file of the engine's, and needs no right to look into other
// users' processes; where it cannot be seen, as with an engine in a mount namespace of its own, there is the process.
func (f *Finder) open(c state) (path string, check func(netns int) error, err error) {
	var fs unix.Statfs_t
	if c.sandbox != "" && unix.Statfs(c.sandbox, &fs) == nil && fs.Type == unix.NSFS_MAGIC {
		return c.sandbox, func(int) error { return nil }, nil
	}
	fd, err := unix.PidfdOpen(c.pid, 0)
	if err != nil {
		return "", nil, observe.Pendingf("%s %s has just ended", f.thing, c.name)
	}
	return fmt.Sprintf("/proc/%d/ns/net", c.pid), func(int) error {
		defer unix.Close(fd)
		if c.unconfirmed {
			if !f.groups.has(c.id, c.pid) {
				return observe.Pendingf("%s %s has just ended", f.thing, c.name)
			}
			return nil
		}
		// If it still runs, as the same process, then the PID was nobody else's in between.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		now, err := f.ask(ctx, c.id)
		if err == nil && (now.pid != c.pid || now.started != c.started) {
			err = observe.Pendingf("%s %s has just been restarted", f.thing, c.name)
		}
		return err
	}, nil
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
	if f.misused == nil {
		f.engine.close()
	}
}
