package observe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// emptyNamespace makes a namespace that only the returned file holds, runs inside in it, and returns its inode.
func emptyNamespace(t *testing.T, inside func() error) (held *os.File, at Inode) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		// The thread stays in the namespace, so it ends with the goroutine.
		runtime.LockOSThread()
		done <- func() (err error) {
			if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			if held, err = os.Open("/proc/thread-self/ns/net"); err != nil {
				return err
			}
			return inside()
		}()
	}()
	err := <-done
	if errors.Is(err, unix.EPERM) {
		t.Skip("needs root, to make network namespaces")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() })
	var st unix.Stat_t
	if err := unix.Fstat(int(held.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return held, Inode{st.Dev, st.Ino}
}

// found returns the places of all namespaces of the machine, however long that takes.
func found(t *testing.T) map[Inode]place {
	t.Helper()
	s, err := newPlaceSearch()
	if err != nil {
		t.Fatal(err)
	}
	places := s.further(time.Now().Add(time.Hour))
	maps.Copy(places, s.found)
	return places
}

// foundAt searches the machine until a namespace is found at another place than a thread that is just ending.
func foundAt(t *testing.T, at Inode) place {
	t.Helper()
	for {
		p := found(t)[at]
		if !strings.HasPrefix(p.where, "the namespace of thread") {
			return p
		}
	}
}

// mustOpen checks that a place leads to the namespace.
func mustOpen(t *testing.T, p place, at Inode) {
	t.Helper()
	fd, err := p.open()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || at != (Inode{st.Dev, st.Ino}) {
		t.Error("another namespace was opened")
	}
}

// mustFind checks where a namespace is found, and that the place leads to it.
func mustFind(t *testing.T, at Inode, format string, pid int) {
	t.Helper()
	p := foundAt(t, at)
	if want := fmt.Sprintf(format, pid); p.where != want {
		t.Fatalf("found at %q; want %q", p.where, want)
	}
	mustOpen(t, p, at)
}

// FAULTS 48: a namespace that nothing but an open file, a socket, a mount elsewhere or a thread holds may have something on an
// interface of linkd's.
func TestNamespacesThatHaveNoName(t *testing.T) {
	sleeper := func(t *testing.T, extra *os.File, args ...string) int {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		if extra != nil {
			cmd.ExtraFiles = []*os.File{extra}
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		// It says when it is ready.
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return cmd.Process.Pid
	}
	t.Run("file", func(t *testing.T) {
		held, at := emptyNamespace(t, func() error { return nil })
		pid := sleeper(t, held, "sh", "-c", "echo; exec sleep 36000")
		held.Close()
		mustFind(t, at, "a namespace that process %d has open", pid)
	})
	t.Run("socket", func(t *testing.T) {
		var socket *os.File
		held, at := emptyNamespace(t, func() error {
			fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
			socket = os.NewFile(uintptr(fd), "socket")
			return err
		})
		held.Close()
		pid := sleeper(t, socket, "sh", "-c", "echo; exec sleep 36000")
		socket.Close()
		mustFind(t, at, "the namespace of a socket of process %d", pid)
	})
	t.Run("mount", func(t *testing.T) {
		held, at := emptyNamespace(t, func() error { return nil })
		pid := sleeper(t, held, "unshare", "-m", "--propagation", "private", "sh", "-c",
			"mkdir -p /mnt && mount -t tmpfs none /mnt && touch '/mnt/a b' && mount --bind /proc/self/fd/3 '/mnt/a b' && exec 3<&- && echo && exec sleep 36000")
		held.Close()
		mustFind(t, at, "/mnt/a b as process %d sees it", pid)
	})
	t.Run("thread", func(t *testing.T) {
		stay, stayed := make(chan bool), make(chan bool)
		held, at := emptyNamespace(t, func() error { return nil })
		go func() {
			runtime.LockOSThread()
			defer close(stayed)
			if err := unix.Setns(int(held.Fd()), unix.CLONE_NEWNET); err != nil {
				t.Error(err)
			}
			stayed <- true
			<-stay
		}()
		<-stayed
		defer func() { close(stay); <-stayed }()
		p := found(t)[at]
		if !strings.HasSuffix(p.where, fmt.Sprintf(" of process %d", os.Getpid())) {
			t.Fatalf("found at %q", p.where)
		}
		mustOpen(t, p, at)
	})
}

// A place where something else is by now is no namespace, and opening it has no effects.
func TestAPlaceThatLeadsElsewhere(t *testing.T) {
	pipe := t.TempDir() + "/pipe"
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if fd, err := openLinked(pipe); err == nil || fd != -1 {
		t.Errorf("a pipe was opened: %d, %v", fd, err)
	}
	if fd, err := openMounted("self", pipe); err == nil || fd != -1 {
		t.Errorf("a pipe was opened: %d, %v", fd, err)
	}
}

func TestASearchEndsInTime(t *testing.T) {
	s, err := newPlaceSearch()
	if err != nil {
		t.Fatal(err)
	}
	if further := s.further(time.Now()); len(further) != 0 {
		t.Errorf("without any time: %v", further)
	}
	hangs := surveys{searching: make(chan struct{})}
	if further := hangs.searchFurther(s); further != nil {
		t.Errorf("while another search hangs: %v", further)
	}
}
