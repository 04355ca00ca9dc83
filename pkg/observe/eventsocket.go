package observe

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// eventSocket is a socket on which the kernel announces changes. Two goroutines read it: one that waits for the next
// event, and the one that empties the inbox. The kernel queues the event about a change before it answers the request
// for it. So a look that begins after the inbox was emptied covers all of linkd's own changes, and the events about
// them cause no further look.
type eventSocket struct {
	inbox *Inbox
	read  func(ns int, msg []byte)

	mu       sync.Mutex
	fd       int
	closed   bool
	buf, oob []byte
}

// mostAtOnce is how many events are read under one lock.
const mostAtOnce = 256

// readEvents reads from a socket until stop is called.
func readEvents(fd int, file *os.File, read func(ns int, msg []byte), in *Inbox) (stop func()) {
	s := &eventSocket{inbox: in, read: read, fd: fd, buf: make([]byte, longestDatagram), oob: make([]byte, unix.CmsgSpace(4))}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.wait(file)
	}()
	in.addSource(s)
	return func() {
		in.removeSource(s)
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		file.Close()
		<-done
	}
}

// wait reads until the file is closed. It waits in the runtime's poller, so it occupies no thread.
func (s *eventSocket) wait(file *os.File) {
	conn, err := file.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Read(func(uintptr) bool {
		for s.readQueued() {
		}
		return s.isClosed()
	})
}

func (s *eventSocket) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// readQueued puts the events that the kernel has queued into the inbox, and reports whether there may be more.
func (s *eventSocket) readQueued() (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range mostAtOnce {
		if s.closed {
			return false
		}
		n, oobn, _, from, err := unix.Recvmsg(s.fd, s.buf, s.oob, 0)
		switch sender, _ := from.(*unix.SockaddrNetlink); {
		case errors.Is(err, unix.EAGAIN):
			return false
		case errors.Is(err, unix.ENOBUFS):
			s.inbox.overrun()
		case err != nil:
			s.closed = true
		case sender != nil && sender.Pid == 0:
			// Only the kernel has port 0; any process may send to a multicast socket.
			s.read(namespaceID(s.oob[:oobn]), s.buf[:n])
		}
	}
	return true
}
