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

// door is the control socket as a net.Listener. While it is open, it makes the socket again that somebody removed: without
// its file the daemon runs on, and no command reaches it.
type door struct {
	dir     string // the runtime directory
	path    string
	readers atomic.Int64 // the ID of the group that may come in, or nobody
	log     *slog.Logger

	mu       sync.Mutex
	listener net.Listener
	made     fs.FileInfo // the file, where linkd made it itself
	closed   bool
	trouble  string // why it could not be made again, as it was logged

	stop, stopped chan struct{}
}

// missPause is how often the door looks whether its file is there.
const missPause = time.Second

func newDoor(listener net.Listener, dir, path string, log *slog.Logger) *door {
	return &door{listener: listener, dir: filepath.Clean(dir), path: path, log: log, stop: make(chan struct{}), stopped: make(chan struct{})}
}

// watch looks after the file until the door is shut. A socket that systemd passed is looked after as well: in the place of
// its file, linkd puts a socket of its own, with the mode and the group that it would have without systemd. That is all
// that can be done from here: systemd's own socket has no name any more, and only systemd can give it one again. It goes
// on to pass that to each new linkd, which then does the same; `systemctl restart linkd.socket` ends this.
func (d *door) watch() {
	defer close(d.stopped)
	for tick := time.NewTicker(missPause); ; {
		select {
		case <-tick.C:
			d.restore()
		case <-d.stop:
			tick.Stop()
			return
		}
	}
}

// restore makes the socket again where there is no file. What somebody put in its place stays.
func (d *door) restore() {
	if _, err := os.Lstat(d.path); !errors.Is(err, fs.ErrNotExist) || !filepath.IsAbs(d.path) {
		// A socket of systemd's may have no file (abstract, in unix(7)).
		return
	}
	err := keepLock(d.dir)
	if err == nil {
		// A link, unlike a new name, replaces nothing: a second linkd may have come in between.
		err = d.remake(func(from, to string) error {
			if err := os.Link(from, to); err != nil {
				return err
			}
			return os.Remove(from)
		})
	}
	if err == nil {
		d.log.Warn("somebody removed the control socket: linkd has made it again", "file", d.path)
		d.trouble = ""
	} else if d.trouble != err.Error() {
		d.trouble = err.Error()
		d.log.Warn("somebody removed the control socket, and linkd cannot make it again: no command can ask this daemon", "error", err)
	}
}

func (d *door) remake(move func(from, to string) error) error {
	listener, made, readers, err := makeSocket(d.path, move, d.log)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		listener.Close()
		return os.Remove(d.path)
	}
	old := d.listener
	d.listener, d.made = listener, made
	d.readers.Store(readers)
	// Nobody can connect to it any more; whoever waits in Accept takes the new one.
	return old.Close()
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		d.mu.Lock()
		listener := d.listener
		d.mu.Unlock()
		conn, err := listener.Accept()
		d.mu.Lock()
		replaced := listener != d.listener && !d.closed
		d.mu.Unlock()
		if err == nil || !replaced {
			return conn, err
		}
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return d.listener.Close()
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listener.Addr()
}

// shut closes the door for good, and removes its file. Another's stays: whoever removes the lock's file lets a second
// daemon in. systemd's stays as well.
func (d *door) shut() {
	close(d.stop)
	<-d.stopped
	_ = d.Close()
	if now, err := os.Lstat(d.path); err == nil && d.made != nil && os.SameFile(d.made, now) {
		_ = os.Remove(d.path)
	}
}

// locks are the files that this process holds a lock on, by their directories. A record lock is the process's own, too.
var locks = struct {
	mu   sync.Mutex
	held map[string]*os.File
}{held: map[string]*os.File{}}

// keepLock makes sure that the lock on a directory is one that other linkds meet: whoever removed the socket may have
// removed the lock's file as well, and then another linkd can have a lock on a new one. Where this process never had the
// lock, as in a directory that could not be written, nothing keeps others away.
func keepLock(dir string) error {
	locks.mu.Lock()
	defer locks.mu.Unlock()
	held := locks.held[dir]
	if held == nil {
		return nil
	}
	mine, err := held.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Lstat(filepath.Join(dir, lockName)); err == nil && os.SameFile(mine, now) {
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
