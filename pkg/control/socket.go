package control

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// controlSocket is the control socket as a net.Listener. While it is open, it creates the socket again if somebody removes
// its file: without the file, the daemon runs on, but no command can reach it.
type controlSocket struct {
	dir     string // the runtime directory
	path    string
	readers atomic.Int64 // the ID of the group whose members may connect, or nobody
	log     *slog.Logger

	mu       sync.Mutex
	listener net.Listener
	file     fs.FileInfo // the socket's file, if linkd created it
	closed   bool
	lastErr  string // the last logged reason why linkd could not create it again; "" if it could

	stop, stopped chan struct{}
}

// checkInterval is the time between two checks whether the socket's file exists.
const checkInterval = time.Second

func newControlSocket(listener net.Listener, dir, path string, log *slog.Logger) *controlSocket {
	return &controlSocket{listener: listener, dir: filepath.Clean(dir), path: path, log: log, stop: make(chan struct{}), stopped: make(chan struct{})}
}

// watch checks the file until shutDown is called. If the file of a socket that systemd passed is removed, linkd creates a
// socket of its own in its place, with the mode and the group that it has without systemd. linkd cannot do more: systemd's own
// socket has no file any more, and only systemd can give it a new one. systemd passes the old socket to each new linkd, which
// then does the same, until somebody runs `systemctl restart linkd.socket`.
func (s *controlSocket) watch() {
	defer close(s.stopped)
	for tick := time.NewTicker(checkInterval); ; {
		select {
		case <-tick.C:
			s.restore()
		case <-s.stop:
			tick.Stop()
			return
		}
	}
}

// restore creates the socket again if its file is missing. It does not replace a file that somebody put in its place.
func (s *controlSocket) restore() {
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) || !filepath.IsAbs(s.path) {
		// A socket of systemd may have no file ("abstract" in unix(7)).
		return
	}
	err := restoreLock(s.dir)
	if err == nil {
		// link(2) replaces no file, unlike rename(2): a second linkd may have created its socket in between.
		err = s.replace(func(from, to string) error {
			if err := os.Link(from, to); err != nil {
				return err
			}
			return os.Remove(from)
		})
	}
	if err == nil {
		s.log.Warn("somebody removed the control socket: linkd has created it again", "file", s.path)
		s.lastErr = ""
	} else if s.lastErr != err.Error() {
		s.lastErr = err.Error()
		s.log.Warn("somebody removed the control socket, and linkd cannot create it again: commands cannot reach this daemon", "error", err)
	}
}

// replace creates a new socket and makes Accept use it.
func (s *controlSocket) replace(move func(from, to string) error) error {
	listener, file, readers, err := createSocket(s.path, move, s.log)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		listener.Close()
		return os.Remove(s.path)
	}
	old := s.listener
	s.listener, s.file = listener, file
	s.readers.Store(readers)
	// Nobody can connect to the old socket. An Accept that waits on it continues with the new one.
	return old.Close()
}

// Accept waits for the next connection, also while the socket is replaced.
func (s *controlSocket) Accept() (net.Conn, error) {
	for {
		s.mu.Lock()
		listener := s.listener
		s.mu.Unlock()
		conn, err := listener.Accept()
		s.mu.Lock()
		replaced := listener != s.listener && !s.closed
		s.mu.Unlock()
		if err == nil || !replaced {
			return conn, err
		}
	}
}

// Close ends Accept. The socket's file stays: see shutDown.
func (s *controlSocket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.listener.Close()
}

// Addr returns the address of the present socket.
func (s *controlSocket) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener.Addr()
}

// shutDown closes the socket, stops watch and removes the file if linkd created it. A file of systemd or of another daemon
// stays. (There can be another daemon if somebody removed the file of the lock.)
func (s *controlSocket) shutDown() {
	close(s.stop)
	<-s.stopped
	_ = s.Close()
	if now, err := os.Lstat(s.path); err == nil && s.file != nil && os.SameFile(s.file, now) {
		_ = os.Remove(s.path)
	}
}

// locks are the locked files of this process by their directories. They are global because a record lock belongs to the
// process (fcntl(2)).
var locks = struct {
	mu   sync.Mutex
	held map[string]*os.File
}{held: map[string]*os.File{}}

// restoreLock locks the directory again if the file of its lock was removed or replaced: somebody who removed the socket may
// have removed that file, too, and then another linkd could lock a new one. It does nothing if this process never had the
// lock, for example because the directory is read-only. The error is ErrLocked if another linkd has the lock now.
func restoreLock(dir string) error {
	locks.mu.Lock()
	defer locks.mu.Unlock()
	held := locks.held[dir]
	if held == nil {
		return nil
	}
	own, err := held.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Lstat(filepath.Join(dir, lockName)); err == nil && os.SameFile(own, now) {
		return nil
	}
	file, err := lockFile(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	held.Close()
	locks.held[dir] = file
	return nil
}
