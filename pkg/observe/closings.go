package observe

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// closings reports when a process closes a file (inotify(7)). If the kernel has no inotify instance left, it reports
// nothing.
type closings struct {
	// seen is readable if the file was closed since the last read.
	seen chan struct{}

	path  string
	file  *os.File
	ended chan struct{}

	mu    sync.Mutex
	added bool
}

func watchClosings(path string) *closings {
	c := &closings{seen: make(chan struct{}, 1), path: path, ended: make(chan struct{})}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		close(c.ended)
		return c
	}
	c.file = os.NewFile(uintptr(fd), "inotify")
	c.add()
	go c.read()
	return c
}

// add starts to watch the file, if it exists and is not watched yet. A file that replaces it needs a new watch.
func (c *closings) add() {
	if c.file == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.added {
		return
	}
	conn, err := c.file.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		_, err := unix.InotifyAddWatch(int(fd), c.path, unix.IN_CLOSE)
		c.added = err == nil
	})
}

func (c *closings) read() {
	defer close(c.ended)
	buf := make([]byte, 64*unix.SizeofInotifyEvent)
	for {
		n, err := c.file.Read(buf)
		if err != nil {
			return
		}
		// The watch is on a file, not on a directory, so no event has a name.
		for at := 0; at+unix.SizeofInotifyEvent <= n; at += unix.SizeofInotifyEvent {
			if binary.NativeEndian.Uint32(buf[at+4:])&unix.IN_IGNORED != 0 {
				c.mu.Lock()
				c.added = false
				c.mu.Unlock()
			}
		}
		select {
		case c.seen <- struct{}{}:
		default:
		}
		// Whoever may read the file can close it half a million times a second. The kernel joins equal events that wait.
		time.Sleep(closingsPause)
	}
}

// closingsPause is the shortest time between two reads of events.
const closingsPause = 20 * time.Millisecond

func (c *closings) close() {
	if c.file != nil {
		c.file.Close()
	}
	<-c.ended
}
