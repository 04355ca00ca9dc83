// Package control is how the commands talk to the daemon: HTTP with JSON on a Unix socket in the runtime directory.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// SocketName is the socket's name in the runtime directory.
const SocketName = "linkd.sock"

// Daemon is what the server asks of the daemon.
type Daemon interface {
	Status() (*reconcile.Status, <-chan struct{})
	Check(ctx context.Context) *reconcile.Status
	Reload(ctx context.Context) (reconcile.Loaded, *reconcile.Status, error)
	Listen(ids []string) (*reconcile.Listener, error)
}

// Reloaded is the answer to a reload: what was wrong with the files, and how everything stands after it.
type Reloaded struct {
	Errors []string          `json:"errors"`
	Status *reconcile.Status `json:"status"`
}

// Identity says which program a daemon is.
type Identity struct {
	Version string `json:"version"`
	PID     int    `json:"pid"`
	// MountNamespace is the mount namespace in which the daemon names network namespaces, as a link of /proc/PID/ns has it, if
	// that is not its own.
	MountNamespace string `json:"mount_namespace,omitempty"`
}

// Serve answers until stop is called: on the socket that systemd passes, or on one of its own in dir. The identity is that of
// this process, and metrics answers who asks for those.
func Serve(dir string, identity Identity, d Daemon, metrics http.Handler, log *slog.Logger) (stop func(), err error) {
	door, err := open(dir, log)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		if status := current(r.Context(), d); status != nil {
			answer(w, status)
		}
	})
	mux.HandleFunc("GET /v1/identity", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, identity)
	})
	mux.HandleFunc("GET /v1/changed", func(w http.ResponseWriter, r *http.Request) {
		// Who has seen the status of a pass wants that of another, which may have been made since.
		after := r.URL.Query().Get("after")
		if last, changed := d.Status(); last == nil || after == "" || after == strconv.Itoa(last.Counters.Passes) {
			select {
			case <-changed:
			case <-r.Context().Done():
				return
			}
		}
		if status := current(r.Context(), d); status != nil {
			answer(w, status)
		}
	})
	mux.HandleFunc("GET /v1/wait", func(w http.ResponseWriter, r *http.Request) {
		if status := waitFor(r.Context(), d, r.URL.Query()["id"]); status != nil {
			answer(w, status)
		}
	})
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		loaded, status, err := d.Reload(r.Context())
		if err != nil {
			return
		}
		reply := Reloaded{Errors: []string{}, Status: status}
		for _, e := range loaded.Errors {
			reply.Errors = append(reply.Errors, e.Error())
		}
		if loaded.Err != nil {
			reply.Errors = append(reply.Errors, loaded.Err.Error())
		}
		answer(w, reply)
	})
	members := make(chan struct{}, mostMembers)
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) { stream(w, r, d, members) })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		hurry(w)
		metrics.ServeHTTP(w, r)
	})
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		Handler: guard(mux, &door.readers), ConnContext: withPeer, ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: longestQuestion,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go door.watch()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(&crowd{Listener: door, count: map[uint32]int{}})
	}()
	return func() {
		cancel()
		// Who listens to events is still told that this was the last of them.
		parting, end := context.WithTimeout(context.Background(), parting)
		defer end()
		if server.Shutdown(parting) != nil {
			_ = server.Close()
		}
		<-done
		door.shut()
	}, nil
}

// parting is how long a daemon that stops waits for those who listen to take what it still has to say.
const parting = time.Second

const (
	// longestQuestion bounds, in bytes, what somebody can ask: a wait for a few thousand resources.
	longestQuestion = 256 << 10
	// readTime is how long an answer is kept for somebody who does not read it.
	readTime = 30 * time.Second
)

// hurry gives who asked readTime to take the answer. That counts from when there is one, which may be hours after the
// question.
func hurry(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(readTime))
}

func answer(w http.ResponseWriter, v any) {
	hurry(w)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// current is the status, once there is one.
func current(ctx context.Context, d Daemon) *reconcile.Status {
	for {
		status, changed := d.Status()
		if status != nil {
			return status
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// waitFor waits until the resources are as wanted, all of them where no ID is given.
func waitFor(ctx context.Context, d Daemon, ids []string) *reconcile.Status {
	_, changed := d.Status()
	for status := d.Check(ctx); status != nil; status, changed = d.Status() {
		if only, unknown := status.Only(ids); len(unknown) == 0 && only.State == reconcile.Converged {
			return only
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// lockName is the file in the runtime directory that is locked.
const lockName = "lock"

// Lock takes the runtime directory for one writer, making it if need be. It is given back by release or by the end of
// the process. ErrLocked says that another has it, and a spec.Untrusted that others than root can write it: in the journal
// is what linkd puts back, and takes away.
func Lock(dir string) (release func(), err error) {
	dir = filepath.Clean(dir)
	file, err := lockFile(dir)
	if err != nil {
		return nil, err
	}
	locks.mu.Lock()
	locks.held[dir] = file
	locks.mu.Unlock()
	return func() {
		locks.mu.Lock()
		defer locks.mu.Unlock()
		// It may be another file by now: see keepLock.
		locks.held[dir].Close()
		delete(locks.held, dir)
	}, nil
}

func lockFile(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := spec.CheckTrusted(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	// A record lock, unlike one of flock(2), is the process's own: a child that linkd forks does not hold it on, not even
	// for the moment before it becomes another program (fcntl(2)).
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		f.Close()
		return nil, ErrLocked
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// ErrLocked says that another linkd works with the same runtime directory.
var ErrLocked = errors.New("another linkd is at work with this runtime directory")
