package trial

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"linkd/pkg/kind"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// newKeeper returns a keeper of a directory with one valid file. Reload loads, and changes nothing.
func newKeeper(t *testing.T) (k *Keeper, path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "one.yaml")
	if err := os.WriteFile(path, []byte(linkFile("one")), 0o644); err != nil {
		t.Fatal(err)
	}
	k = &Keeper{
		Config: []string{dir}, StateDir: t.TempDir(), Loader: spec.NewLoader(kind.Language(), filepath.Join(t.TempDir(), "good")),
		Loaded: func([]spec.File, string) {},
	}
	k.Reload = func(context.Context) (*reconcile.Reloaded, error) {
		loaded := k.Load(func(*spec.Loader) {})
		return &reconcile.Reloaded{Loaded: loaded, Status: &reconcile.Status{State: reconcile.Converged}}, loaded.Err
	}
	return k, path
}

func linkFile(name string) string {
	return "links:\n  " + name + ": {kind: bridge}\n"
}

// begin begins a trial, and returns when its files are in force. ended gets its last step.
func begin(t *testing.T, k *Keeper, path string, lasts time.Duration) (ended <-chan Step) {
	t.Helper()
	applied, last := make(chan struct{}), make(chan Step, 1)
	go k.Try(t.Context(), Request{By: "a test", For: lasts, Changes: []Change{{Path: path, Text: []byte(linkFile("other")), Mode: 0o644}}}, func(s Step) {
		switch s.Step {
		case "begun":
		case "applied":
			close(applied)
		default:
			last <- s
		}
	})
	select {
	case <-applied:
	case s := <-last:
		t.Fatalf("the trial ended at once: %+v", s)
	}
	return last
}

// TestClockIsSet sets the clock that people see by a day during a trial: the trial lasts as long as before, and its deadline is
// that much later by the new time.
func TestClockIsSet(t *testing.T) {
	k, path := newKeeper(t)
	defer func(was func() time.Time) { wallClock = was }(wallClock)
	for _, jump := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		wallClock = func() time.Time { return time.Now().Round(0) }
		last := begin(t, k, path, time.Hour)
		before := k.Current().Deadline
		wallClock = func() time.Time { return time.Now().Round(0).Add(jump) }
		if moved := k.Current().Deadline.Sub(before).Round(time.Minute); moved != jump {
			t.Errorf("the clock was set by %v, and the deadline moved by %v", jump, moved)
		}
		select {
		case s := <-last:
			t.Errorf("the clock was set by %v, and the trial ended: %+v", jump, s)
		default:
		}
		if err := k.Revert("by the test"); err != nil {
			t.Error(err)
		}
		<-last
	}
}

// TestTooLate decides about trials that have ended: nobody can confirm what is reverted, nor revert what is confirmed, and the
// answer says what became of it.
func TestTooLate(t *testing.T) {
	k, path := newKeeper(t)
	if _, err := k.Confirm("a test"); !errors.Is(err, ErrNone) {
		t.Errorf("confirmed without a trial: %v", err)
	}
	last := begin(t, k, path, time.Second)
	if s := <-last; s.Step != "reverted" || !strings.Contains(s.Reason, "the time is over") {
		t.Errorf("a trial of a second: %+v", s)
	}
	if _, err := k.Confirm("a test"); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "reverted at") {
		t.Errorf("confirmed a trial that was over: %v", err)
	}
	if text, err := os.ReadFile(path); string(text) != linkFile("one") || err != nil {
		t.Errorf("the file has %q (%v)", text, err)
	}
	last = begin(t, k, path, time.Hour)
	if _, err := k.Confirm("a test"); err != nil {
		t.Fatal(err)
	}
	if s := <-last; s.Step != "confirmed" {
		t.Errorf("a confirmed trial: %+v", s)
	}
	for range 2 {
		if err := k.Revert("too late"); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "confirmed at") {
			t.Errorf("reverted what was confirmed: %v", err)
		}
	}
	if text, err := os.ReadFile(path); string(text) != linkFile("other") || err != nil {
		t.Errorf("the file has %q (%v)", text, err)
	}
}

// TestEndWhileApplying ends a trial while the daemon is still applying its files: the last step comes after the reversion, and
// that of the application never.
func TestEndWhileApplying(t *testing.T) {
	k, path := newKeeper(t)
	load, hold := k.Reload, make(chan struct{})
	first := true
	began := make(chan struct{})
	k.Reload = func(ctx context.Context) (*reconcile.Reloaded, error) {
		if first {
			first = false
			close(began)
			<-hold
		}
		return load(ctx)
	}
	var steps []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Try(t.Context(), Request{By: "a test", For: time.Hour, Changes: []Change{{Path: path, Text: []byte(linkFile("other"))}}}, func(s Step) {
			steps = append(steps, s.Step)
		})
	}()
	<-began
	if err := k.Revert("by the test"); err != nil {
		t.Fatal(err)
	}
	close(hold)
	<-done
	if got := strings.Join(steps, " "); got != "begun reverted" {
		t.Errorf("steps %s", got)
	}
	if k.Stamp() != spec.Stamp(k.Config) {
		t.Error("the files of the directory are not in force")
	}
}
