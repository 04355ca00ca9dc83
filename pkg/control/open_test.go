package control_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/control"
	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
	"linkd/pkg/trial"
)

// serveHere makes the test binary a daemon that serves in a directory until its input ends.
const serveHere = "LINKD_TEST_SERVE"

func serveUntilTold(dir string) {
	stop, err := serve(dir)
	fmt.Println(err)
	_, _ = io.ReadAll(os.Stdin)
	if err == nil {
		stop()
	}
}

func serve(dir string) (stop func(), err error) {
	return control.Serve(dir, control.Identity{Version: "test", PID: os.Getpid()}, reconcile.NewLoop(nil), &trial.Keeper{}, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
}

// Serve does not follow a symbolic link in the place of the socket, and does not change the file that the link leads to.
func TestServeFollowsNoLinks(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(t.TempDir(), "theirs")
	conform.Must(t, os.WriteFile(theirs, []byte("text"), 0o600))
	for _, name := range []string{control.SocketName, "linkd.new"} {
		conform.Must(t, os.Symlink(theirs, filepath.Join(dir, name)))
	}
	stop, err := serve(dir)
	conform.Must(t, err)
	defer stop()
	info, err := os.Lstat(filepath.Join(dir, control.SocketName))
	conform.Must(t, err)
	if info.Mode().Type() != fs.ModeSocket {
		t.Errorf("there is no socket, but %s", info.Mode())
	}
	text, err := os.ReadFile(theirs)
	conform.Must(t, err)
	after, err := os.Stat(theirs)
	conform.Must(t, err)
	if string(text) != "text" || after.Mode() != 0o600 {
		t.Errorf("the file that the link led to is now %s, %q", after.Mode(), text)
	}
}

func TestServeLeavesADirectoryInItsPlace(t *testing.T) {
	dir := t.TempDir()
	conform.Must(t, os.Mkdir(filepath.Join(dir, control.SocketName), 0o700))
	if _, err := serve(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("serve: %v", err)
	}
	entries, err := os.ReadDir(dir)
	conform.Must(t, err)
	if len(entries) != 1 {
		t.Errorf("something is left behind: %v", entries)
	}
}

// Even with umask 0, the socket never has a mode with which other users can connect.
func TestTheSocketIsPrivateFromTheFirst(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	dir := t.TempDir()
	stopped, done := make(chan struct{}), make(chan string, 1)
	go func() {
		for seen := 0; ; {
			for _, name := range []string{control.SocketName, "linkd.new"} {
				info, err := os.Lstat(filepath.Join(dir, name))
				if err != nil {
					continue
				}
				if seen++; info.Mode().Perm()&0o007 != 0 {
					done <- fmt.Sprintf("%s was %s", name, info.Mode())
					return
				}
			}
			select {
			case <-stopped:
				done <- strings.Repeat("never looked", 1-min(seen, 1))
				return
			default:
			}
		}
	}()
	for range 200 {
		stop, err := serve(dir)
		conform.Must(t, err)
		stop()
	}
	close(stopped)
	if said := <-done; said != "" {
		t.Error(said)
	}
}

// A daemon whose lock somebody removed does not take the socket of the next one with it.
func TestServeRemovesItsOwnSocketOnly(t *testing.T) {
	dir := t.TempDir()
	stopFirst, err := serve(dir)
	conform.Must(t, err)
	stopSecond, err := serve(dir)
	conform.Must(t, err)
	defer stopSecond()
	stopFirst()
	if _, err := os.Lstat(filepath.Join(dir, control.SocketName)); err != nil {
		t.Errorf("the second daemon's socket: %v", err)
	}
}

// passed starts a daemon that gets files as systemd passes them, from descriptor 3 on (sd_listen_fds(3)).
func passed(t *testing.T, dir string, files ...*os.File) (said string, end func()) {
	t.Helper()
	self, err := os.Executable()
	conform.Must(t, err)
	// LISTEN_PID is the daemon's own, which only a process that becomes the daemon can know.
	daemon := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0"`, self)
	daemon.Env = append(os.Environ(), serveHere+"="+dir, fmt.Sprintf("LISTEN_FDS=%d", len(files)))
	daemon.ExtraFiles = files
	in, err := daemon.StdinPipe()
	conform.Must(t, err)
	out, err := daemon.StdoutPipe()
	conform.Must(t, err)
	conform.Must(t, daemon.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	conform.Must(t, err)
	return strings.TrimSpace(line), func() {
		conform.Must(t, in.Close())
		conform.Must(t, daemon.Wait())
	}
}

func TestServeTakesTheSocketOfSystemd(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, control.SocketName)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	conform.Must(t, err)
	defer listener.Close()
	before, err := os.Lstat(path)
	conform.Must(t, err)
	file, err := listener.File()
	conform.Must(t, err)
	defer file.Close()
	said, end := passed(t, dir, file)
	if said != "<nil>" {
		t.Fatalf("serve: %s", said)
	}
	conn, err := net.Dial("unix", path)
	conform.Must(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("GET /v1/nothing HTTP/1.0\r\n\r\n"))
	conform.Must(t, err)
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "HTTP/1.0 404 Not Found\r\n" {
		t.Errorf("the daemon answers %q, %v", line, err)
	}
	end()
	// It is systemd's to remove: who asks while there is no daemon has one started.
	after, err := os.Lstat(path)
	conform.Must(t, err)
	if !os.SameFile(before, after) {
		t.Error("the daemon has put another socket there")
	}
}

func TestServeTakesNothingElseOfSystemd(t *testing.T) {
	r, w, err := os.Pipe()
	conform.Must(t, err)
	defer r.Close()
	defer w.Close()
	for want, files := range map[string][]*os.File{
		"systemd passes 1 files, but linkd takes one Unix stream socket": {r},
		"systemd passes 2 files, but linkd takes one Unix stream socket": {r, w},
	} {
		said, end := passed(t, t.TempDir(), files...)
		if said != want {
			t.Errorf("serve: %s, want %s", said, want)
		}
		end()
	}
}

// What the journal says is put back and taken away as root.
func TestLockNothingThatOthersCanWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	release, err := control.Lock(dir)
	conform.Must(t, err)
	release()
	conform.Must(t, os.Chmod(dir, 0o775))
	var refused *spec.Untrusted
	if _, err := control.Lock(dir); !errors.As(err, &refused) || !strings.HasSuffix(err.Error(), "chmod go-w "+dir) {
		t.Errorf("lock: %v", err)
	}
}
