package tests

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// stepsProgram, as the first argument, makes this test binary the program that runs another one step by step.
	stepsProgram = "step-by-step"
	// stoppingProgram makes it the program that becomes the other one, with the kernel told which calls to stop at.
	stoppingProgram = "stop-at-steps"
)

// noMatchStatus is its exit status when there was no step to do something before.
const noMatchStatus = 99

// killedStatus is its exit status when it killed the other one, as a shell's would be.
const killedStatus = 128 + 9

// A step is a system call by which a program, or one that it started, changes what will outlive it: a netlink request
// that is no question, a table of iptables set, a file written, made, renamed or removed, a mount.
//
// strace can kill at the N-th call as well, but it counts each thread for itself, and a Go program's work wanders from
// thread to thread: some steps would never be hit.
func init() {
	if len(os.Args) > 2 && os.Args[1] == stoppingProgram {
		fmt.Fprintln(os.Stderr, becomeStopping(os.Args[2:]))
		os.Exit(1)
	}
	if len(os.Args) < 2 || os.Args[1] != stepsProgram {
		return
	}
	// The kernel takes ptrace(2) requests only from the thread that traces.
	runtime.LockOSThread()
	f := flag.NewFlagSet(stepsProgram, flag.ExitOnError)
	var t tracer
	f.IntVar(&t.kill, "kill", 0, "kill the program right before this step, counted from 1")
	f.Func("kill-before", "kill the program right before the first step that matches this pattern", func(s string) (err error) {
		t.killBefore, err = regexp.Compile(s)
		return err
	})
	f.Func("before", "run the command right before the first step that matches this pattern", func(s string) (err error) {
		t.before, err = regexp.Compile(s)
		return err
	})
	f.StringVar(&t.do, "do", "", "the command")
	f.BoolVar(&t.list, "list", false, "print the steps")
	f.Parse(os.Args[2:])
	os.Exit(t.run(f.Args()))
}

// tracer runs a program under ptrace(2).
type tracer struct {
	kill       int
	killBefore *regexp.Regexp
	before     *regexp.Regexp
	do         string
	list       bool

	root   int
	count  int
	killed bool
	last   map[int]string // the last step of each thread
}

// stops are the system calls of which some are steps. Of an openat that makes nothing none is, but it tells a second
// write to a file from one that the kernel has started again.
var stops = []uint32{
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_OPENAT, unix.SYS_SYMLINKAT,
	unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_MOUNT, unix.SYS_UMOUNT2,
	unix.SYS_SETSOCKOPT,
}

// becomeStopping makes this process another program, which the kernel stops for its tracer at those calls alone
// (SECCOMP_RET_TRACE in seccomp(2)): to stop at each and every one takes three times as long.
func becomeStopping(args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	// The filter is that of the thread that becomes the program (execve(2)).
	runtime.LockOSThread()
	const number = 0 // where the call's number is in struct seccomp_data
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number}}
	for i, call := range stops {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: uint8(len(stops) - i)})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return unix.Exec(path, args, os.Environ())
}

func (t *tracer) run(args []string) int {
	cmd := exec.Command(self(), append([]string{stoppingProgram}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	t.root, t.last = cmd.Process.Pid, map[int]string{}
	code := 0
	for known := map[int]bool{}; ; {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			// There is no process left.
			break
		}
		if ws.Exited() || ws.Signaled() {
			if tid == t.root {
				code = ws.ExitStatus()
			}
			delete(known, tid)
			continue
		}
		signal := 0
		switch stop := ws.StopSignal(); {
		case !known[tid]:
			// The first stop of the program itself, and of every thread and process that it starts.
			known[tid] = true
			if tid == t.root {
				options := unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
					unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
				if err := unix.PtraceSetOptions(tid, options); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return 1
				}
			}
		case stop == unix.SIGTRAP && ws.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
			t.enter(tid)
		case stop == unix.SIGTRAP && ws.TrapCause() > 0:
		default:
			signal = int(stop)
		}
		// A thread that was killed in the meantime cannot go on, and is waited for.
		_ = unix.PtraceCont(tid, signal)
	}
	switch {
	case t.before != nil:
		fmt.Fprintf(os.Stderr, "no step matched %q\n", t.before)
		return noMatchStatus
	case t.killed || code < 0:
		return killedStatus
	case t.list:
		fmt.Fprintln(os.Stderr, t.count, "steps")
	}
	return code
}

// enter is called before a system call is carried out.
func (t *tracer) enter(tid int) {
	step := describe(tid)
	again := step == t.last[tid] && strings.HasPrefix(step, "write /proc/sys/")
	t.last[tid] = step
	// The kernel has a call start again that finds its lock taken (restart_syscall in include/linux/sched/signal.h).
	if step == "" || again || t.killed {
		return
	}
	t.count++
	if t.list {
		fmt.Fprintf(os.Stderr, "%3d  %s\n", t.count, step)
	}
	if t.count == t.kill || t.killBefore != nil && t.killBefore.MatchString(step) {
		fmt.Fprintf(os.Stderr, "killed before step %d: %s\n", t.count, step)
		t.killed = true
		// As systemd kills a service: with all that it has started.
		_ = unix.Kill(t.root, unix.SIGKILL)
		_ = unix.Kill(tid, unix.SIGKILL)
	}
	if t.before != nil && t.before.MatchString(step) {
		t.before = nil
		cmd := exec.Command("sh", "-e", "-c", t.do)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "before step %d, %s: %v\n", t.count, step, err)
			os.Exit(1)
		}
	}
}

// syscallInfo is struct ptrace_syscall_info (ptrace(2), PTRACE_GET_SYSCALL_INFO), for a stop by seccomp(2).
type syscallInfo struct {
	op        uint8
	_         [3]uint8
	_         uint32
	_, _      uint64
	nr        uint64
	args      [6]uint64
	remainder [2]uint64
}

// describe says in words what step a thread is about to do; "" is none.
func describe(tid int) string {
	var info syscallInfo
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info),
		uintptr(unsafe.Pointer(&info)), 0, 0); errno != 0 {
		return ""
	}
	arg := func(i int) uintptr { return uintptr(info.args[i]) }
	text := func(i int) string { return peekString(tid, arg(i)) }
	switch info.nr {
	case unix.SYS_SENDTO:
		return request(peek(tid, arg(1), int(min(info.args[2], 4096))))
	case unix.SYS_SENDMSG:
		// msg_iov is the third word of struct msghdr, and its first is where the message is.
		vector := peek(tid, arg(1)+16, 8)
		if base := peek(tid, word(vector), 16); len(base) == 16 {
			if step := request(peek(tid, word(base), 16)); step == "newlink" {
				// A batch begins with the same number (NFNL_MSG_BATCH_BEGIN, linux/netfilter/nfnetlink.h).
				return "iptables"
			}
		}
	case unix.SYS_WRITE, unix.SYS_PWRITE64:
		file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, info.args[0]))
		lasting := strings.HasPrefix(file, "/run/") || strings.HasPrefix(file, "/proc/sys/")
		// What it says is not what it does.
		if err == nil && lasting && filepath.Ext(file) != ".out" {
			return "write " + file
		}
	case unix.SYS_OPENAT:
		if _, err := os.Lstat(text(1)); info.args[2]&unix.O_CREAT != 0 && err != nil {
			return "make " + text(1)
		}
	case unix.SYS_SYMLINKAT:
		return "symlink " + text(2)
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		return "rename to " + text(3)
	case unix.SYS_UNLINKAT:
		return "remove " + text(1)
	case unix.SYS_MKDIRAT:
		return "mkdir " + text(1)
	case unix.SYS_MOUNT:
		return "mount " + text(1)
	case unix.SYS_UMOUNT2:
		return "umount " + text(0)
	case unix.SYS_SETSOCKOPT:
		// IPT_SO_SET_REPLACE and IP6T_SO_SET_REPLACE (linux/netfilter_ipv4/ip_tables.h): the legacy backend.
		if (info.args[1] == unix.SOL_IP || info.args[1] == unix.SOL_IPV6) && info.args[2] == 64 {
			return "iptables"
		}
	}
	return ""
}

// requests are the names of the netlink requests that a story may want to stop at (rtnetlink(7)).
var requests = map[uint16]string{
	unix.RTM_NEWLINK: "newlink", unix.RTM_DELLINK: "dellink", unix.RTM_SETLINK: "setlink",
	unix.RTM_NEWADDR: "newaddr", unix.RTM_DELADDR: "deladdr",
	unix.RTM_NEWROUTE: "newroute", unix.RTM_DELROUTE: "delroute", unix.RTM_NEWNSID: "newnsid",
}

// request says what a route message asks for, unless it is only a question.
func request(msg []byte) string {
	if len(msg) < unix.SizeofNlMsghdr {
		return ""
	}
	header := (*unix.NlMsghdr)(unsafe.Pointer(&msg[0]))
	if header.Type < unix.RTM_BASE || header.Type > unix.RTM_MAX || header.Type&3 == 2 {
		return ""
	}
	name := requests[header.Type]
	if name == "" {
		name = fmt.Sprint("request ", header.Type)
	}
	return name
}

func peek(tid int, at uintptr, length int) []byte {
	if length == 0 {
		return nil
	}
	b := make([]byte, length)
	local := unix.Iovec{Base: &b[0]}
	local.SetLen(length)
	n, err := unix.ProcessVMReadv(tid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: at, Len: length}}, 0)
	if err != nil {
		return nil
	}
	return b[:n]
}

func peekString(tid int, at uintptr) string {
	// The string may end in front of a page that is not there.
	page := uintptr(os.Getpagesize())
	b := peek(tid, at, int(page-at%page))
	if len(b) < 256 {
		b = append(b, peek(tid, at+uintptr(len(b)), 256)...)
	}
	return unix.ByteSliceToString(b)
}

func word(b []byte) uintptr {
	if len(b) < 8 {
		return 0
	}
	return uintptr(*(*uint64)(unsafe.Pointer(&b[0])))
}
