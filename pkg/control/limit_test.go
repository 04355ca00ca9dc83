package control_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/control"
	"linkd/pkg/kind/conform"
)

const (
	readersGroup = 4711
	aMember      = 4000
	anotherOne   = 4001
	mostAtATime  = 32
	mostOfAll    = 256
)

// connectAs connects as another user, who is in the readers' group: the kernel notes who a thread is.
func connectAs(t *testing.T, uid int, path string) net.Conn {
	t.Helper()
	conn, errs := make(chan net.Conn, 1), make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, readersGroup, readersGroup, readersGroup); errno != 0 {
			errs <- errno
			return
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			errs <- errno
			return
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		}
		if err != nil {
			errs <- err
			return
		}
		file := os.NewFile(uintptr(fd), path)
		defer file.Close()
		c, err := net.FileConn(file)
		if err != nil {
			errs <- err
			return
		}
		conn <- c
	}()
	select {
	case c := <-conn:
		t.Cleanup(func() { c.Close() })
		return c
	case err := <-errs:
		t.Fatal(err)
		return nil
	}
}

// asked is the status of an answer, and "closed" where the connection is.
func asked(t *testing.T, conn net.Conn, path string) string {
	t.Helper()
	conform.Must(t, conn.SetDeadline(time.Now().Add(patience)))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: linkd\r\n\r\n", path); err != nil {
		return "closed"
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if os.IsTimeout(err) {
		t.Fatal(err)
	}
	if err != nil {
		return "closed"
	}
	return resp.Status
}

// openToTheGroup starts a daemon on a socket that the readers' group may connect to.
func openToTheGroup(t *testing.T) (path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	// A temporary directory of the test's own is nobody else's to enter.
	dir, err := os.MkdirTemp("", "linkd-crowd")
	conform.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	conform.Must(t, os.Chmod(dir, 0o755))
	path = filepath.Join(dir, control.SocketName)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	conform.Must(t, err)
	t.Cleanup(func() { listener.Close() })
	conform.Must(t, os.Chown(path, 0, readersGroup))
	conform.Must(t, os.Chmod(path, 0o660))
	file, err := listener.File()
	conform.Must(t, err)
	t.Cleanup(func() { file.Close() })
	said, end := passed(t, dir, file)
	if said != "<nil>" {
		t.Fatalf("serve: %s", said)
	}
	t.Cleanup(end)
	return path
}

// A member of the group who connects as often as possible keeps nobody else out, and takes no descriptors that linkd needs.
func TestNobodyTakesAllConnections(t *testing.T) {
	path := openToTheGroup(t)
	var held []net.Conn
	for range mostAtATime {
		conn := connectAs(t, aMember, path)
		if got := asked(t, conn, "/v1/identity"); got != "200 OK" {
			t.Fatalf("connection %d is answered %s", len(held)+1, got)
		}
		held = append(held, conn)
	}
	if got := asked(t, connectAs(t, aMember, path), "/v1/identity"); got != "closed" {
		t.Errorf("one more is answered %s", got)
	}
	if got := asked(t, connectAs(t, anotherOne, path), "/v1/identity"); got != "200 OK" {
		t.Errorf("another member is answered %s", got)
	}
	for range 2 * mostAtATime {
		conn, err := net.Dial("unix", path)
		conform.Must(t, err)
		defer conn.Close()
		if got := asked(t, conn, "/v1/identity"); got != "200 OK" {
			t.Fatalf("root is answered %s", got)
		}
	}
	// Who goes makes room, once the daemon has noticed.
	held[0].Close()
	for deadline := time.Now().Add(patience); asked(t, connectAs(t, aMember, path), "/v1/identity") != "200 OK"; {
		if time.Now().After(deadline) {
			t.Fatal("there is no room for another when one has gone")
		}
	}
}

// One member is many users in a user namespace, by /etc/subuid.
func TestMembersTogetherHaveABound(t *testing.T) {
	path := openToTheGroup(t)
	for i := range mostOfAll {
		if got := asked(t, connectAs(t, 100000+i, path), "/v1/identity"); got != "200 OK" {
			t.Fatalf("connection %d is answered %s", i+1, got)
		}
	}
	if got := asked(t, connectAs(t, aMember, path), "/v1/identity"); got != "closed" {
		t.Errorf("one more is answered %s", got)
	}
	conn, err := net.Dial("unix", path)
	conform.Must(t, err)
	defer conn.Close()
	if got := asked(t, conn, "/v1/identity"); got != "200 OK" {
		t.Errorf("root is answered %s", got)
	}
}

// Nor can they ask for more at a time than the daemon has use for.
func TestAQuestionHasABound(t *testing.T) {
	path := openToTheGroup(t)
	long := "/v1/identity?id=" + strings.Repeat("a", 1<<19)
	if got := asked(t, connectAs(t, aMember, path), long); got != "431 Request Header Fields Too Large" && got != "closed" {
		t.Errorf("a question of half a mebibyte is answered %s", got)
	}
	if got := asked(t, connectAs(t, aMember, path), long[:1<<17]); got != "200 OK" {
		t.Errorf("one of an eighth of a mebibyte is answered %s", got)
	}
}
