package observe_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
)

// giantProgram, as the first argument, makes this test binary a process whose command line is giantSize bytes long and
// begins with the second argument.
const (
	giantProgram = "giant-command-line"
	giantSize    = 3 << 30
)

func init() {
	if len(os.Args) < 3 || os.Args[1] != giantProgram {
		return
	}
	if err := growCommandLine(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Whoever started it waits for this line, and it ends with its standard input.
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// mmMap is struct prctl_mm_map in linux/prctl.h.
type mmMap struct {
	startCode, endCode, startData, endData, startBrk, brk, startStack uint64
	argStart, argEnd, envStart, envEnd, auxv                          uint64
	auxvSize, exeFD                                                   uint32
}

// growCommandLine tells the kernel that the arguments are a sparse mapping (prctl(2), PR_SET_MM_MAP), which takes no right.
func growCommandLine(begin string) error {
	area, err := unix.Mmap(-1, 0, giantSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return err
	}
	copy(area, strings.ReplaceAll(begin, " ", "\x00"))
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	field := func(n int) (value uint64) {
		_, _ = fmt.Sscan(fields[n-3], &value)
		return value
	}
	brk, _, _ := unix.Syscall(unix.SYS_BRK, 0, 0, 0)
	start := uint64(uintptr(unsafe.Pointer(&area[0])))
	m := mmMap{
		startCode: field(26), endCode: field(27), startData: field(45), endData: field(46),
		startBrk: field(47), brk: uint64(brk), startStack: field(28),
		argStart: start, argEnd: start + giantSize, envStart: field(50), envEnd: field(51), exeFD: ^uint32(0),
	}
	err = unix.Prctl(unix.PR_SET_MM, unix.PR_SET_MM_MAP, uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m), 0)
	runtime.KeepAlive(area)
	return err
}

// giant starts a process with a giant command line, as a user, in a network namespace of its own.
func giant(t *testing.T, uid uint32, begin string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	conform.Must(t, err)
	p := exec.Command(self, giantProgram, begin)
	p.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	if uid != 0 {
		// The binary is in a directory that only root can enter.
		binary, err := os.ReadFile(self)
		conform.Must(t, err)
		dir, err := os.MkdirTemp("/run", "giant")
		conform.Must(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		conform.Must(t, os.Chmod(dir, 0o755))
		p.Path = filepath.Join(dir, "giant")
		conform.WriteProgram(t, p.Path, binary)
		p.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
	}
	in, err := p.StdinPipe()
	conform.Must(t, err)
	out, err := p.StdoutPipe()
	conform.Must(t, err)
	var why strings.Builder
	p.Stderr = &why
	conform.Must(t, p.Start())
	t.Cleanup(func() {
		in.Close()
		end(p)
	})
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		_ = p.Wait()
		t.Skipf("this kernel gives no process another command line (CONFIG_CHECKPOINT_RESTORE): %s", why.String())
	}
	return p
}

// bytesRead is how much this process has read from all files (proc_pid_io(5)).
func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	conform.Must(t, err)
	_, err = fmt.Sscanf(string(text), "rchar: %d", &n)
	conform.Must(t, err)
	return n
}

func TestACommandLineOfGigabytes(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	text := fmt.Sprint("sleep 6", os.Getpid())
	for _, test := range []struct {
		name  string
		uid   uint32
		begin string
		user  string
	}{
		{"root's", 0, "", ""},
		{"root's, and begins as the declared one", 0, text, ""},
		{"another user's", nobody, text, ""},
		{"that of the user whom the entry names", nobody, text, fmt.Sprint(nobody)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.uid != 0 {
				needUsers(t)
			}
			giant(t, test.uid, test.begin)
			declareUser(t, w, "web", text, test.user)
			before := bytesRead(t)
			_, err := w.Open("web")
			read := bytesRead(t) - before
			if !strings.HasPrefix(said(err), "pending: no process of ") {
				t.Errorf("got %v", err)
			}
			// All other processes of this machine are in it, with less than 4 KiB each.
			if read > 8<<20 {
				t.Errorf("%d bytes were read", read)
			}
			t.Logf("%d bytes were read", read)
		})
	}
}
