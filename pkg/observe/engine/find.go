// Package engine finds the namespaces of containers and services by asking Docker, podman, containerd, systemd or systemd-machined, and
// follows their events.
//
// A Finder implements observe.Finder for one of them.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"time"

	godbus "github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

const (
	// answerTimeout is how long an engine may take for one answer. It usually takes one or two milliseconds.
	answerTimeout = 2 * time.Second
	// firstAnswerTimeout is how long a pass waits for the first answer about a newly declared container.
	firstAnswerTimeout = 500 * time.Millisecond
	// maxInquiries is the number of concurrent requests to an engine.
	maxInquiries = 4
)

// engine is one of those that All lists. For systemd, a container is a service.
type engine interface {
	// inspect returns the state of a container, by its name or ID. The error is errUnknown if there is none.
	inspect(ctx context.Context, value string) (state, error)
	// events returns all events from now on until ctx ends. The second channel gets the error that ends the first.
	events(ctx context.Context) (<-chan event, <-chan error)
	// withLabel returns the running containers with a label, KEY or KEY=VALUE.
	withLabel(ctx context.Context, label string) ([]spec.Instance, error)
	// ping returns why the engine does not answer; nil if it does.
	ping(ctx context.Context) error
	close()
}

var errUnknown = errors.New("no such container")

// state is the state of a container. The pid is 0 unless it runs. The sandbox is a file that stands for its network namespace; some
// engines have none. born is when the process with the pid started, in clock ticks since boot. unconfirmed: linkd found the container by
// its control group, and the engine has not answered yet.
type state struct {
	id, name, status, sandbox, started string
	pid                                int
	born                               uint64
	unconfirmed                        bool
}

// event is something that happened to a container.
type event struct {
	// everything: the engine may have missed events, so it stands for one about each container.
	everything                bool
	action, id, name, oldName string
	labels                    map[string]string
}

// Finder finds the namespaces of an engine's containers or services. While it watches, it knows their states from the engine's
// events, so that nobody waits for an engine that does not answer. Its methods may be called from any goroutine.
type Finder struct {
	description
	engine    engine
	configErr error // why there is no engine: DOCKER_HOST is invalid
	cgroups   cgroups

	mu          sync.Mutex
	targets     map[string]*target       // by the name of the namespace
	labels      map[string]*labelMembers // by the label
	watching    bool
	unreachable error         // why the engine does not answer; nil if it does
	added       chan struct{} // signals new targets or labels
}

// description describes an engine: the scheme of its selectors, its name, the noun for what it starts, and what to do when it does not
// answer.
type description struct{ scheme, name, noun, advice string }

// target is a declared namespace with the state of its container.
type target struct {
	value      string // a name, an ID, or the beginning of one
	answered   chan struct{}
	refreshing sync.Mutex // held during a request, so that no older answer comes after a newer one
	starts     int        // the number of starts known from events; the answer to an earlier request is out of date
	requested  bool       // the engine was asked for it since it was declared
	state
	err error
}

// All returns the finders of all engines. Another engine is a file like containerd.go, a line here, and its scheme in package spec.
func All() []*Finder {
	docker, err := newAPI("")
	return []*Finder{
		newFinder(dockerDescription, docker, err),
		newFinder(podmanDescription, podman{}, nil),
		newFinder(systemdDescription, systemd{}, nil),
		newFinder(containerdDescription, containerd{}, nil),
		newFinder(machinedDescription, machined{}, nil),
	}
}

func newFinder(d description, engine engine, configErr error) *Finder {
	return &Finder{
		description: d, engine: engine, configErr: configErr,
		targets: map[string]*target{}, labels: map[string]*labelMembers{}, added: make(chan struct{}, 1),
	}
}

// Advice returns what to do when the engine does not answer.
func (f *Finder) Advice() string { return f.advice }

// Schemes returns the scheme of the finder's selectors.
func (f *Finder) Schemes() []string { return []string{f.scheme} }

// SetDeclared sets the namespaces to find.
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

// wake makes the watching goroutine look for new targets and labels.
func (f *Finder) wake() { signalOnce(f.added) }

// signalOnce sends to a channel with room for one signal, unless it has one already.
func signalOnce(listener chan struct{}) {
	select {
	case listener <- struct{}{}:
	default:
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Find returns the file of a namespace. Call check with the opened file: it returns an error if the container has ended
// meanwhile. The errors are observe.ErrPending.
func (f *Finder) Find(ns spec.Namespace) (path string, check func(netns int) error, err error) {
	if f.configErr != nil {
		return "", nil, fmt.Errorf("%s: %w", f.name, f.configErr)
	}
	f.mu.Lock()
	t, watching, unreachable := f.targets[ns.Name], f.watching, f.unreachable
	f.mu.Unlock()
	if t == nil {
		return "", nil, observe.Pendingf("%s was not asked for %s", f.name, ns.Selector.Value)
	}
	switch {
	case t.isKnown():
	case unreachable != nil:
		return "", nil, f.noAnswer(unreachable)
	case watching:
		f.awaitAnswer(t)
	default:
		_, _ = f.refresh(context.Background(), t)
	}
	f.mu.Lock()
	c, err := t.state, t.err
	f.mu.Unlock()
	if err != nil {
		return "", nil, err
	}
	return f.locate(c)
}

// awaitAnswer waits up to firstAnswerTimeout for the first answer about a target. After that the engine counts as unreachable, and
// nobody waits for it.
func (f *Finder) awaitAnswer(t *target) {
	timer := time.NewTimer(firstAnswerTimeout)
	defer timer.Stop()
	select {
	case <-t.answered:
	case <-timer.C:
		f.mu.Lock()
		defer f.mu.Unlock()
		if !t.isKnown() {
			f.unreachable = errNoAnswerYet
			t.err = f.noAnswer(f.unreachable)
		}
	}
}

var errNoAnswerYet = fmt.Errorf("no answer for %v", firstAnswerTimeout)

// noAnswer returns the error of a namespace whose engine does not answer, and why.

func (f *Finder) noAnswer(reason error) error {
	// The client adds advice for users of the docker command.
	if dial := (*net.OpError)(nil); errors.As(reason, &dial) {
		reason = dial
	}
	if isAbsent(reason) {
		return observe.Pendingf("%s is not installed: %s", f.name, f.advice)
	}
	return observe.Pendingf("%s does not answer: %v", f.name, reason)
}

// isAbsent reports whether the program or the D-Bus service of an engine does not exist.
func isAbsent(reason error) bool {
	unknown := godbus.Error{}
	return errors.Is(reason, exec.ErrNotFound) || errors.As(reason, &unknown) && unknown.Name == "org.freedesktop.DBus.Error.ServiceUnknown"
}

// locate returns the file of a container's namespace, see Find. It prefers the sandbox, because that needs no permission for
// other users' processes. If linkd cannot see the sandbox, because the engine has a mount namespace of its own, it uses the
// process.
func (f *Finder) locate(c state) (path string, check func(netns int) error, err error) {
	var fs unix.Statfs_t
	if c.sandbox != "" && unix.Statfs(c.sandbox, &fs) == nil && fs.Type == unix.NSFS_MAGIC {
		return c.sandbox, func(int) error { return nil }, nil
	}
	fd, err := unix.PidfdOpen(c.pid, 0)
	if err != nil {
		return "", nil, observe.Pendingf("%s %s has just ended", f.noun, c.name)
	}
	return fmt.Sprintf("/proc/%d/ns/net", c.pid), func(int) error {
		defer unix.Close(fd)
		if c.unconfirmed {
			if !f.cgroups.contains(c.id, c.pid) {
				return observe.Pendingf("%s %s has just ended", f.noun, c.name)
			}
			return nil
		}
		// If the container still runs as the same process, the PID had no other owner in between.
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		now, err := f.inspect(ctx, c.id)
		if errors.Is(err, errEngine) {
			if born, _ := observe.StartedAt(c.pid); born != 0 && born == c.born {
				// It is the process that the engine has named.
				return nil
			}
			return f.noAnswer(err)
		}
		if err == nil && (now.pid != c.pid || now.started != c.started) {
			err = observe.Pendingf("%s %s has just been restarted", f.noun, c.name)
		}
		return err
	}, nil
}

// Release drops what is known, so that the next pass asks again. It does nothing while the finder watches.
func (f *Finder) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watching {
		return
	}
	f.unreachable = nil
	for _, t := range f.targets {
		t.answered = make(chan struct{})
	}
}

// Close closes the connection to the engine.
func (f *Finder) Close() {
	if f.configErr == nil {
		f.engine.close()
	}
}
