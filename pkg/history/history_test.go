package history

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func files(texts ...string) (list []spec.File) {
	for i, text := range texts {
		list = append(list, spec.File{Path: fmt.Sprintf("/etc/linkd.d/%d.yaml", i), Text: []byte(text)})
	}
	return list
}

func add(s *Store, text string) (*Entry, error) {
	state := files(text)
	return s.Add(state, Entry{Time: time.Now(), Cause: "files", Digest: Digest(state)})
}

func TestOldestGo(t *testing.T) {
	s := Open(t.TempDir() + "/history")
	for i := range MaxStates + 10 {
		if e, err := add(s, fmt.Sprint(i)); err != nil || e.Number != i+1 {
			t.Fatalf("state %d: %v, %v", i+1, e, err)
		}
	}
	entries, err := s.Entries()
	if err != nil || len(entries) != MaxStates || entries[0].Number != 11 {
		t.Fatalf("%d entries from %d (%v), want %d from 11", len(entries), entries[0].Number, err, MaxStates)
	}
	if _, err := s.Files(10); err == nil {
		t.Error("state 10 is still there")
	}
	if got, err := s.Files(11); err != nil || string(got[0].Text) != "10" {
		t.Errorf("state 11: %v, %v", got, err)
	}
	if e, err := add(s, fmt.Sprint(MaxStates+9)); e != nil || err != nil {
		t.Errorf("the same files are a new state: %v, %v", e, err)
	}
}

// TestLargeStates adds states that cannot be compressed: all together they stay below the limit.
func TestLargeStates(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 8 {
		text := make([]byte, 10<<20)
		for i := range text {
			text[i] = byte(random.Uint32())
		}
		if _, err := add(s, string(text)); err != nil {
			t.Fatal(i, err)
		}
	}
	var total int64
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > MaxBytes || total < MaxBytes/2 {
		t.Errorf("%d bytes, want at most %d", total, MaxBytes)
	}
}

func TestDamage(t *testing.T) {
	s := Open(t.TempDir())
	for _, text := range []string{"a", "b"} {
		if _, err := add(s, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(s.entryPath(2), []byte("{"), 0o600), os.Truncate(s.filesPath(1), 20)); err != nil {
		t.Fatal(err)
	}
	if entries, err := s.Entries(); err == nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if _, err := s.Files(1); err == nil {
		t.Error("a truncated state is read")
	}
	if e, err := add(s, "c"); err != nil || e.Number != 3 {
		t.Errorf("after damage: %v, %v", e, err)
	}
}

func TestRecorder(t *testing.T) {
	s := Open(t.TempDir())
	now := time.Now()
	r := NewRecorder(s, func(err error) { t.Error(err) })
	r.now = func() time.Time { return now }
	op := func(verb reconcile.Verb) []reconcile.Event {
		return []reconcile.Event{{Event: reconcile.OpDone, Op: verb.String()}, {Event: reconcile.OpDone, Op: verb.String(), Error: "failed"}}
	}
	r.Loaded(files("a"), "files")
	r.Note(op(reconcile.Create))
	r.Passed(reconcile.Converging)
	r.Note(op(reconcile.Update))
	r.Passed(reconcile.Converged)
	// A repair is no part of the state.
	r.Note(op(reconcile.Create))
	r.Passed(reconcile.Converged)
	r.Loaded(files("b"), "trial")
	r.Note(op(reconcile.Delete))
	r.Passed(reconcile.Converged)
	r.Loaded(files("b"), "confirmed")
	r.Loaded(files("c"), "files")
	r.Close()
	entries, err := s.Entries()
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Number: 1, Cause: "files", Created: 1, Changed: 1, State: reconcile.Converged},
		{Number: 2, Cause: "confirmed", Deleted: 1, State: reconcile.Converged},
		{Number: 3, Cause: "files"},
	}
	for i, e := range entries {
		e.Time, e.Digest = time.Time{}, ""
		if i >= len(want) || e != want[i] {
			t.Errorf("entry %+v", e)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("%d entries, want %d", len(entries), len(want))
	}
}
