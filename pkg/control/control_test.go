package control_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"linkd/pkg/control"
	"linkd/pkg/kind"
	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
	"linkd/pkg/trial"
)

// lockHere makes the test binary another linkd that locks a runtime directory until its input ends.
const lockHere = "LINKD_TEST_LOCK"

// patience bounds how long a test waits for what has to happen, to end one that hangs: it takes seconds at most.
const patience = 5 * time.Minute

func TestMain(m *testing.M) {
	// What others may write, linkd does not use.
	unix.Umask(0o022)
	if dir := os.Getenv(lockHere); dir != "" {
		_, err := control.Lock(dir)
		fmt.Println(err)
		_, _ = io.ReadAll(os.Stdin)
		os.Exit(0)
	}
	if dir := os.Getenv(serveHere); dir != "" {
		serveUntilTold(dir)
		os.Exit(0)
	}
	conform.Main(m)
}

// daemon is a daemon in a sandbox, that answers on a socket.
type daemon struct {
	dir, file string
	client    *control.Client
	stop      func()
}

func start(t *testing.T, text string) *daemon {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t, goleak.IgnoreAnyFunction("linkd/pkg/observe.work")) })
	d := &daemon{dir: t.TempDir()}
	d.file = filepath.Join(d.dir, "a.yaml")
	d.write(t, text)
	d.client = control.NewClient(d.dir)

	world := conform.Open(t).World
	world.Release()
	journal := reconcile.OpenJournal(filepath.Join(d.dir, "journal"))
	t.Cleanup(journal.Close)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	loop := reconcile.NewLoop(reconcile.NewEngine(kind.All(), world, journal, log))
	loop.Log, loop.Inbox = log, observe.NewInbox()
	loop.Declared, loop.OnStatus = func() {}, func(*reconcile.Status) {}
	loop.Stamp = func() string { return spec.Stamp([]string{d.file}) }
	loader := spec.NewLoader(kind.Language(), filepath.Join(d.dir, "kept"))
	loop.Load = func() (l reconcile.Loaded) {
		l.Desired, l.Files, l.Complete, l.Errors = loader.Load([]spec.File{spec.ReadFile(d.file)})
		return l
	}
	stop, err := control.Serve(d.dir, control.Identity{Version: "test", PID: os.Getpid()}, loop, &trial.Keeper{}, http.NotFoundHandler(), log)
	conform.Must(t, err)
	t.Cleanup(stop)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		loop.Run(ctx)
	}()
	d.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(d.stop)
	return d
}

func (d *daemon) write(t *testing.T, text string) {
	t.Helper()
	conform.Must(t, os.WriteFile(d.file, []byte(text), 0o644))
}

// say is a status in few words.
func say(s *reconcile.Status) string {
	words := []string{s.State}
	for _, r := range s.Resources {
		words = append(words, fmt.Sprintf("%s=%s", r.ID, r.State))
	}
	return strings.Join(words, " ")
}

func is(t *testing.T, want string, got *reconcile.Status, err error) {
	t.Helper()
	conform.Must(t, err)
	if d := cmp.Diff(want, say(got)); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
}

const bridge = "links: {br0: {kind: bridge, netns: name:lab}}\n"

func TestAConversationWithTheDaemon(t *testing.T) {
	d := start(t, bridge)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	status, err := d.client.Wait(ctx, nil)
	is(t, "converged lab/link/br0=ok", status, err)
	status, err = d.client.Status(ctx)
	is(t, "converged lab/link/br0=ok", status, err)
	if d := cmp.Diff([]spec.FileState{{Path: d.file, State: "loaded"}}, status.Files); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}

	d.write(t, "links: {br0: {kind: bridg, netns: name:lab}}\n")
	reloaded, err := d.client.Reload(ctx)
	conform.Must(t, err)
	is(t, "degraded lab/link/br0=ok", reloaded.Status, nil)
	if d := cmp.Diff([]string{d.file + `:1:21: kind "bridg" is not one of`}, cut(reloaded.Errors, " veth")); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}

	d.write(t, bridge+"namespaces: {later: {}}\n---\nlinks: {br1: {kind: bridge, netns: later}}\n")
	reloaded, err = d.client.Reload(ctx)
	conform.Must(t, err)
	is(t, "converging lab/link/br0=ok later/link/br1=pending", reloaded.Status, nil)
	if d := cmp.Diff([]string{}, reloaded.Errors); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
	// Of what is waited for only that counts.
	status, err = d.client.Wait(ctx, []string{"lab/link/br0"})
	is(t, "converged lab/link/br0=ok", status, err)
}

func cut(lines []string, at string) (before []string) {
	for _, line := range lines {
		head, _, _ := strings.Cut(line, at)
		before = append(before, head)
	}
	return before
}

func TestWaitForWhatComesLater(t *testing.T) {
	d := start(t, "namespaces: {later: {}}\n")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer := make(chan string, 1)
	go func() {
		s, err := d.client.Wait(ctx, []string{"lab/link/br0"})
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- say(s)
	}()
	changed := make(chan error, 1)
	d.write(t, bridge)
	go func() {
		_, err := d.client.Changed(ctx, nil)
		changed <- err
	}()
	_, err := d.client.Reload(ctx)
	conform.Must(t, err)
	if got := <-answer; got != "converged lab/link/br0=ok" {
		t.Errorf("wait answers %s", got)
	}
	// Whoever asks for the next status gets one, be it of the reload or of a pass after it.
	for {
		select {
		case err := <-changed:
			conform.Must(t, err)
			return
		default:
			_, err := d.client.Reload(ctx)
			conform.Must(t, err)
		}
	}
}

func TestWaitNoLongerThanAsked(t *testing.T) {
	d := start(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := d.client.Status(ctx)
	conform.Must(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := d.client.Wait(ctx, []string{"lab/link/never"})
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
}

func TestThereIsNoDaemon(t *testing.T) {
	dir := t.TempDir()
	want := fmt.Sprintf("no daemon is running (%s/linkd.sock)", dir)
	if _, err := control.NewClient(dir).Status(t.Context()); !errors.Is(err, control.ErrNoDaemon) || err.Error() != want {
		t.Errorf("no socket: %v", err)
	}
	dead(t, dir)
	if _, err := control.NewClient(dir).Status(t.Context()); !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("a dead daemon's socket: %v", err)
	}
}

// dead leaves the socket of a daemon that was killed.
func dead(t *testing.T, dir string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, control.SocketName), Net: "unix"})
	conform.Must(t, err)
	l.SetUnlinkOnClose(false)
	conform.Must(t, l.Close())
}

func TestServeTakesTheSocketOfADeadDaemon(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	dead(t, dir)
	stop, err := serve(dir)
	conform.Must(t, err)
	info, err := os.Stat(filepath.Join(dir, control.SocketName))
	conform.Must(t, err)
	// Where linkd is installed, there is the group linkd.
	want := socketMode()
	if info.Mode().Perm() != want {
		t.Errorf("others may talk to it: %s", info.Mode())
	}
	stop()
	if _, err := os.Stat(filepath.Join(dir, control.SocketName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestOneLinkdAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	said, end := otherLinkd(t, dir)
	if said != "<nil>\n" {
		t.Fatalf("the other does not get the lock: %s", said)
	}
	if _, err := control.Lock(dir); !errors.Is(err, control.ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	end()
	release, err := control.Lock(dir)
	conform.Must(t, err)
	release()
	again, err := control.Lock(dir)
	conform.Must(t, err)
	again()
}

// socketMode is the mode of the socket here: where the package is installed, its group may use it.
func socketMode() fs.FileMode {
	if _, err := user.LookupGroup(control.Group); err == nil {
		return 0o660
	}
	return 0o600
}
