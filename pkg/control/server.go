// Package control connects the commands with the daemon: HTTP with JSON over a Unix socket in the runtime directory. It also
// locks that directory, so that only one linkd uses it.
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
	"linkd/pkg/trial"
)

// SocketName is the socket's name in the runtime directory.
const SocketName = "linkd.sock"

// Daemon is the daemon as the server uses it. reconcile.Loop implements it. All methods may be called from any goroutine.
type Daemon interface {
	// Status returns the last status, nil if there is none yet, and a channel that is closed at the next one.
	Status() (*reconcile.Status, <-chan struct{})
	// Check looks at everything and returns the status after that; nil if ctx ended before.
	Check(ctx context.Context) *reconcile.Status
	// Reload reads the files again, and returns what was loaded, what was done, and the status after that.
	Reload(ctx context.Context) (*reconcile.Reloaded, error)
	// Progress returns how far the daemon is; zero before the first status.
	Progress() reconcile.Progress
	// Listen subscribes to the events about the resources with these IDs; to all events if there are no IDs. With recent, it
	// begins with the last ones.
	Listen(ids []string, recent bool) (*reconcile.Listener, error)
}

// Reloaded is the answer to a reload: the errors of the files, what was done, and the status after that. More is the number of
// further changes.
type Reloaded struct {
	Errors []string `json:"errors"`
	// Excerpts are the lines with the errors, each with a caret under the column; "" for an error without a line.
	Excerpts []string           `json:"excerpts,omitempty"`
	Changes  []reconcile.Change `json:"changes"`
	More     int                `json:"more,omitempty"`
	Status   *reconcile.Status  `json:"status"`
}

// Identity tells which program a daemon is.
type Identity struct {
	Version string `json:"version"`
	PID     int    `json:"pid"`
	// MountNamespace is the mount namespace in which the daemon names network namespaces, in the form of /proc/PID/ns/mnt;
	// "" if that is the daemon's own.
	MountNamespace string `json:"mount_namespace,omitempty"`
}

// Serve answers requests until stop is called: on the socket that systemd passes or, if there is none, on one that it creates
// in the runtime directory dir. metrics answers requests for /metrics.
func Serve(dir string, identity Identity, d Daemon, trials *trial.Keeper, metrics http.Handler, log *slog.Logger) (stop func(), err error) {
	socket, err := open(dir, log)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		if status := current(r.Context(), d); status != nil {
			answer(w, withTrial(status, trials))
		}
	})
	mux.HandleFunc("GET /v1/progress", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, d.Progress())
	})
	mux.HandleFunc("GET /v1/identity", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, identity)
	})
	mux.HandleFunc("GET /v1/changed", func(w http.ResponseWriter, r *http.Request) {
		// The client knows the status of one pass, and a later pass may have ended already.
		after := r.URL.Query().Get("after")
		if last, changed := d.Status(); last == nil || after == "" || after == strconv.Itoa(last.Counters.Passes) {
			select {
			case <-changed:
			case <-r.Context().Done():
				return
			}
		}
		if status := current(r.Context(), d); status != nil {
			answer(w, withTrial(status, trials))
		}
	})
	mux.HandleFunc("GET /v1/wait", func(w http.ResponseWriter, r *http.Request) {
		if status := waitFor(r.Context(), d, r.URL.Query()["id"]); status != nil {
			answer(w, withTrial(status, trials))
		}
	})
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		reloaded, err := d.Reload(r.Context())
		if err != nil {
			return
		}
		reply := Reloaded{Errors: []string{}, Changes: reloaded.Changes, More: reloaded.More, Status: withTrial(reloaded.Status, trials)}
		for _, e := range reloaded.Errors {
			reply.Errors, reply.Excerpts = append(reply.Errors, e.Error()), append(reply.Excerpts, e.Excerpt)
		}
		if reloaded.Err != nil {
			reply.Errors = append(reply.Errors, reloaded.Err.Error())
		}
		answer(w, reply)
	})
	handleTrials(mux, trials)
	nonRoot := make(chan struct{}, maxNonRootStreams)
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) { stream(w, r, d, nonRoot) })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		setWriteDeadline(w)
		metrics.ServeHTTP(w, r)
	})
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		Handler: guard(mux, &socket.readers), ConnContext: withPeer, ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: maxRequestSize,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go socket.watch()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(&limitedListener{Listener: socket, byUser: map[uint32]int{}})
	}()
	return func() {
		cancel()
		// Clients that listen to events still receive the last one.
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
		<-done
		socket.shutDown()
	}, nil
}

// shutdownTime is how long a daemon that stops waits for clients to read their last answers.
const shutdownTime = time.Second

const (
	// maxRequestSize limits a request, in bytes. It is enough to wait for a few thousand resources.
	maxRequestSize = 256 << 10
	// writeTimeout is how long a client may take to read an answer.
	writeTimeout = 30 * time.Second
)

// setWriteDeadline gives the client writeTimeout to read the answer. It is called when there is an answer, which may be hours
// after the request.
func setWriteDeadline(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
}

func answer(w http.ResponseWriter, v any) {
	setWriteDeadline(w)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// current returns the last status. It waits for the first one; nil if ctx ended before.
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

// waitFor waits until the resources with these IDs have converged; all of them if there are no IDs. It returns nil if ctx ends
// before.
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

// lockName is the name of the locked file in the runtime directory.
const lockName = "lock"

// Lock locks the runtime directory, and creates it if it does not exist. The lock ends with release or with the process. The
// error is ErrLocked if another process has the lock, and a *spec.Untrusted if users other than root can write the directory:
// they could write the journal, which says what linkd restores and deletes.
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
		// restoreLock may have replaced the file.
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
	// A record lock belongs to the process (fcntl(2)), unlike one of flock(2): a forked child does not have it, not even before
	// its exec.
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

// ErrLocked means that another linkd uses the same runtime directory.
var ErrLocked = errors.New("another linkd is using this runtime directory")
