package observe

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// eventSocket is a socket on which the kernel announces changes. Two read it: a goroutine that waits for the next announcement, and
// whoever empties the inbox. The kernel queues the announcement of a change before it answers the request for that, so a look
// that begins after the inbox was emptied sees all that linkd itself has just done, and need not be repeated for the news of it.
type eventSocket struct {
	inbox *Inbox
	read  func(ns int, msg []byte)

	mu       sync.Mutex
	fd       int
	closed   bool
	buf, oob []byte
}

// mostAtOnce is how many announcements are read in a row: then it is another's turn.
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

// wait reads until the file is closed. It waits in the runtime's poller, so it takes no thread.
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

// readQueued puts into the inbox what the kernel has queued, and tells whether there may be more.
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
			// Only the kernel has port 0; anybody may send to a multicast socket.
			s.read(namespaceID(s.oob[:oobn]), s.buf[:n])
		}
	}
	return true
}
