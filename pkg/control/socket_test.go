package control_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"linkd/pkg/control"
	"linkd/pkg/kind/conform"
)

// answers waits until a daemon answers behind a socket.
func answers(t *testing.T, path string) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		said, err := ask(path)
		if err == nil && said == "HTTP/1.0 404 Not Found\r\n" {
			return
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("the daemon answers %q, %v", said, err)
		}
	}
}

func ask(path string) (string, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /v1/nothing HTTP/1.0\r\n\r\n")); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

// lockAndServe is a daemon with the lock on a runtime directory, and its socket in there. The lock is released when the test
// ends.
func lockAndServe(t *testing.T) (dir, path string, stop func()) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	release, err := control.Lock(dir)
	conform.Must(t, err)
	t.Cleanup(release)
	stop, err = serve(dir)
	conform.Must(t, err)
	return dir, filepath.Join(dir, control.SocketName), stop
}

func TestARemovedSocketIsMadeAgain(t *testing.T) {
	for name, remove := range map[string]func(dir string) error{
		"the socket":      func(dir string) error { return os.Remove(filepath.Join(dir, control.SocketName)) },
		"all":             func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)) },
		"with its folder": os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			dir, path, stop := lockAndServe(t)
			for range 2 {
				answers(t, path)
				conform.Must(t, remove(dir))
				answers(t, path)
			}
			info, err := os.Lstat(path)
			conform.Must(t, err)
			if info.Mode().Perm() != socketMode() {
				t.Errorf("others may talk to it: %s", info.Mode())
			}
			if canLock(t, dir) {
				t.Error("another linkd gets the lock")
			}
			stop()
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("the socket is left: %v", err)
			}
		})
	}
}

// canLock tells whether another process can have the lock on a directory.
func canLock(t *testing.T, dir string) bool {
	t.Helper()
	said, end := otherLinkd(t, dir)
	end()
	return said == "<nil>\n"
}

// otherLinkd is a process that takes the lock on a directory, if it can.
func otherLinkd(t *testing.T, dir string) (said string, end func()) {
	t.Helper()
	other := exec.Command("/proc/self/exe")
	other.Env = append(os.Environ(), lockHere+"="+dir)
	in, err := other.StdinPipe()
	conform.Must(t, err)
	out, err := other.StdoutPipe()
	conform.Must(t, err)
	conform.Must(t, other.Start())
	said, err = bufio.NewReader(out).ReadString('\n')
	conform.Must(t, err)
	return said, func() {
		conform.Must(t, in.Close())
		conform.Must(t, other.Wait())
	}
}

// Who removes the lock's file lets a second daemon in: that one's is the socket then, until it ends.
func TestTheSocketIsTheSecondDaemonsToMake(t *testing.T) {
	dir, path, stop := lockAndServe(t)
	defer stop()
	answers(t, path)
	conform.Must(t, os.Remove(filepath.Join(dir, "lock")))
	said, end := otherLinkd(t, dir)
	if said != "<nil>\n" {
		t.Fatalf("the second does not get in: %s", said)
	}
	conform.Must(t, os.Remove(path))
	time.Sleep(2500 * time.Millisecond)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the first daemon has made its socket: %v", err)
	}
	end()
	answers(t, path)
	if canLock(t, dir) {
		t.Error("the lock is not the first daemon's again")
	}
}

// What somebody put in the place of the socket stays.
func TestWhatStandsInPlaceOfTheSocketStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, control.SocketName)
	stop, err := serve(dir)
	conform.Must(t, err)
	conform.Must(t, os.WriteFile(path+".theirs", []byte("text"), 0o600))
	conform.Must(t, os.Rename(path+".theirs", path))
	time.Sleep(2500 * time.Millisecond)
	if text, err := os.ReadFile(path); string(text) != "text" {
		t.Errorf("it is replaced: %q, %v", text, err)
	}
	conform.Must(t, os.Remove(path))
	answers(t, path)
	stop()
}

// In the place of systemd's socket, linkd puts its own, and takes that away with itself.
func TestASocketOfSystemdIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, control.SocketName)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	conform.Must(t, err)
	defer listener.Close()
	file, err := listener.File()
	conform.Must(t, err)
	defer file.Close()
	for range 2 {
		_ = os.Remove(path)
		said, end := passed(t, dir, file)
		if said != "<nil>" {
			t.Fatalf("serve: %s", said)
		}
		answers(t, path)
		end()
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("it is left: %v", err)
		}
	}
}
