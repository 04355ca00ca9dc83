package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// readPatience is how long one scan waits for the command lines of all processes of one user.
	readPatience = 250 * time.Millisecond
	// mostHung is how many processes of one user may hang a read at a time. Each occupies a thread of linkd.
	mostHung = 8
	// longestPadding is how many NUL bytes after the last argument are ignored: programs that change their title fill
	// the rest of their old arguments with them (setproctitle(3)).
	longestPadding = 4 << 10
)

var (
	errHung     = errors.New("reading the command line hangs")
	errTooLong  = errors.New("longer than every declared command line")
	errNoMemory = errors.New("no command line")
)

// commandLineReader reads command lines of processes without waiting for a process. The kernel copies a command line
// from the memory of the process under a lock of that memory (access_remote_vm in mm/memory.c). The process can hold
// that lock for long, for example by a page fault in its own FUSE file system.
type commandLineReader struct {
	// open opens the command line of a process, as openCommandLine does.
	open func(pid int) (io.ReadCloser, error)

	mu     sync.Mutex
	hung   map[int]uint32 // the users of the processes with a pending read, by PID
	budget map[uint32]time.Duration
	misses map[uint32]int
}

func newCommandLineReader(open func(pid int) (io.ReadCloser, error)) *commandLineReader {
	r := &commandLineReader{open: open, hung: map[int]uint32{}}
	r.begin()
	return r
}

// begin begins a scan.
func (r *commandLineReader) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.budget, r.misses = map[uint32]time.Duration{}, map[uint32]int{}
}

// missed returns why the scan does not know all command lines of a user's processes; nil if it does.
func (r *commandLineReader) missed(uid uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.misses[uid] == 0 {
		return nil
	}
	lowest := 0
	for pid, user := range r.hung {
		if user == uid && (lowest == 0 || pid < lowest) {
			lowest = pid
		}
	}
	// The text is the same at each scan as long as nothing changes: each new reason is a line of the log.
	if lowest != 0 {
		return Pendingf("processes of user %d do not let their command line be read, one of them is process %d: end it", uid, lowest)
	}
	return Pendingf("processes of user %d did not let their command line be read in time", uid)
}

type lineResult struct {
	line string
	err  error
}

// read returns the arguments of a process, joined by single spaces. It reads at most longest bytes, one more, and
// padding.
func (r *commandLineReader) read(pid int, uid uint32, longest int) (string, error) {
	r.mu.Lock()
	_, hangs := r.hung[pid]
	hung := 0
	for _, user := range r.hung {
		if user == uid {
			hung++
		}
	}
	left := readPatience - r.budget[uid]
	if hangs || hung >= mostHung || left <= 0 {
		r.misses[uid]++
		r.mu.Unlock()
		return "", errHung
	}
	r.mu.Unlock()
	done := make(chan lineResult, 1)
	go func() {
		line, err := r.readAll(pid, longest)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.hung, pid)
		done <- lineResult{line, err}
	}()
	began := time.Now()
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case result := <-done:
		return result.line, result.err
	case <-timer.C:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case result := <-done:
		return result.line, result.err
	default:
	}
	r.hung[pid] = uid
	r.budget[uid] += time.Since(began)
	r.misses[uid]++
	return "", errHung
}

func openCommandLine(pid int) (io.ReadCloser, error) {
	return os.Open(fmt.Sprintf("/proc/%d/cmdline", pid))
}

func (r *commandLineReader) readAll(pid, longest int) (string, error) {
	f, err := r.open(pid)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return joinArguments(f, longest)
}

// joinArguments reads arguments that each end in a NUL byte, and returns them joined by single spaces.
func joinArguments(from io.Reader, longest int) (string, error) {
	text := make([]byte, longest+1)
	n, err := io.ReadFull(from, text)
	switch {
	case errors.Is(err, io.EOF):
		// A kernel thread, or a process that is just ending.
		return "", errNoMemory
	case err == nil:
		if text[longest] != 0 {
			return "", errTooLong
		}
		padding, err := io.ReadAll(io.LimitReader(from, longestPadding+1))
		if err != nil {
			return "", err
		}
		if len(padding) > longestPadding || len(bytes.Trim(padding, "\x00")) > 0 {
			return "", errTooLong
		}
	case !errors.Is(err, io.ErrUnexpectedEOF):
		return "", err
	}
	return string(bytes.ReplaceAll(bytes.TrimRight(text[:n], "\x00"), []byte{0}, []byte{' '})), nil
}
