package reconcile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/spec"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// partial writes what remembers reads into a journal on the disk.
func journalOf(t *testing.T, path, text string) *Journal {
	t.Helper()
	j := OpenJournal(path)
	t.Cleanup(j.Close)
	must(t, j.Broken())
	for id, e := range remembers(text).all() {
		j.Put(id, e)
	}
	return j
}

func TestJournalIsReadByTheNextRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run/journal")
	j := journalOf(t, path, "lab/box/a made\nlab/note/b made print=7\nlab/knob/c set before=1 wrote=2\nlab/box/d made\nhost/box/e made")
	j.Forget(parseID("lab/box/d"))
	j.Put(parseID("lab/box/a"), Entry{Identity: instance, Print: "8"})
	j.Remember("lab", spec.Selector{Scheme: "name", Value: "lab"})
	j.Remember("old", spec.Selector{Scheme: "pid", Value: "7"})
	want := "host/box/e made\nlab/box/a made print=8\nlab/knob/c set before=1 wrote=2\nlab/note/b made print=7\n"
	for range 2 {
		for _, again := range []*Journal{ReadJournal(path), journalOf(t, path, "")} {
			if d := cmp.Diff(want, again.text()); d != "" {
				t.Errorf("read again (-want +got):\n%s", d)
			}
			// Of namespaces only those in which something is remembered matter.
			if d := cmp.Diff(map[string]spec.Selector{"lab": {Scheme: "name", Value: "lab"}}, again.Namespaces()); d != "" {
				t.Errorf("namespaces (-want +got):\n%s", d)
			}
		}
	}
}

func TestJournalIsOfThisBoot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	old := journalOf(t, path, "lab/box/a made")
	old.boot = "a-boot-long-ago"
	must(t, old.compact())
	old.Close()
	j := journalOf(t, path, "")
	if got := j.text(); got != "" {
		t.Errorf("remembered from another boot:\n%s", got)
	}
	if j.Fresh || !j.Lost {
		t.Error("there was a journal, though of another boot")
	}
	if !OpenJournal(path + ".none").Fresh {
		t.Error("there was no journal")
	}
}

func TestJournalSpeaksOfOneInstanceOfANamespace(t *testing.T) {
	j := remembers("lab/box/a made\nlab/box/b made long-ago")
	for id, want := range map[string]bool{"lab/box/a": true, "lab/box/b": false, "lab/box/c": false} {
		if _, got := j.Get(parseID(id), instance); got != want {
			t.Errorf("%s is remembered: %v", id, got)
		}
	}
}

// A crash, or a full disk, cuts the last line off at any byte. All before it is read, and what is written after it is
// read as well.
func TestJournalAfterACrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	j := journalOf(t, path, "lab/box/a made")
	must(t, j.Broken())
	text, err := os.ReadFile(path)
	must(t, err)
	header := len(text)
	states := map[string]bool{j.text(): true}
	step := func(do func()) {
		do()
		states[j.text()] = true
	}
	step(func() { j.Put(parseID("lab/knob/b"), Entry{Identity: instance, Set: true, Before: "1", Wrote: "2"}) })
	step(func() { j.Forget(parseID("lab/box/a")) })
	step(func() { j.Put(parseID("lab/note/c"), Entry{Identity: instance, Print: "7"}) })
	text, err = os.ReadFile(path)
	must(t, err)

	for length := header; length <= len(text); length++ {
		cut := filepath.Join(dir, fmt.Sprint("cut-", length))
		must(t, os.WriteFile(cut, text[:length], 0o600))
		after := journalOf(t, cut, "")
		got := after.text()
		if !states[got] {
			t.Fatalf("after a crash at byte %d of\n%swas read\n%s", length, text, got)
		}
		after.Put(parseID("lab/box/z"), Entry{Identity: instance})
		if d := cmp.Diff(after.text(), ReadJournal(cut).text()); d != "" {
			t.Fatalf("written after a crash at byte %d (-want +got):\n%s", length, d)
		}
		after.Close()
	}
	if len(states) != 4 {
		t.Errorf("%d states", len(states))
	}
}

func TestJournalDoesNotGrowForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := journalOf(t, path, "lab/box/a made")
	for i := range 10_000 {
		j.Put(parseID("lab/knob/b"), Entry{Identity: instance, Set: true, Before: "1", Wrote: fmt.Sprint(i)})
		if i%3 == 0 {
			j.Forget(parseID("lab/knob/b"))
		}
	}
	must(t, j.Broken())
	text, err := os.ReadFile(path)
	must(t, err)
	if lines := bytes.Count(text, []byte("\n")); lines > 2_000 {
		t.Errorf("%d lines for two things", lines)
	}
	if d := cmp.Diff(j.text(), ReadJournal(path).text()); d != "" {
		t.Errorf("read again (-want +got):\n%s", d)
	}
}

func TestJournalWhereNothingCanBeWritten(t *testing.T) {
	dir := t.TempDir()
	block := filepath.Join(dir, "run")
	must(t, os.WriteFile(block, nil, 0o600))
	path := filepath.Join(block, "journal")
	j := OpenJournal(path)
	defer j.Close()
	j.Put(parseID("lab/box/a"), Entry{Identity: instance})
	if _, known := j.Get(parseID("lab/box/a"), instance); !known {
		t.Error("forgotten")
	}
	if err := j.Broken(); err == nil || !strings.HasPrefix(err.Error(), "the journal cannot be written, so a restart will not know what to put back: ") {
		t.Errorf("broken: %v", err)
	}
	// Once it can be written, all of it is.
	must(t, os.Remove(block))
	j.Put(parseID("lab/box/b"), Entry{Identity: instance})
	must(t, j.Broken())
	if d := cmp.Diff("lab/box/a made\nlab/box/b made\n", ReadJournal(path).text()); d != "" {
		t.Errorf("read again (-want +got):\n%s", d)
	}
}

func TestReadJournalWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run/journal")
	j := ReadJournal(path)
	j.Put(parseID("lab/box/a"), Entry{Identity: instance})
	j.Remember("lab", spec.Selector{Scheme: "name", Value: "lab"})
	j.Forget(parseID("lab/box/a"))
	must(t, j.Broken())
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("something was written")
	}
}

// A linkd that was killed before it had searched for its marks leaves a journal that does not know of all it made, so the next one
// searches as well.
func TestASearchThatWasNotCompleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	id := spec.ID{NS: "lab", Kind: "link", Key: "eth0"}
	OpenJournal(path).Put(id, Entry{Identity: "1"})
	for range 2 {
		j := OpenJournal(path)
		if _, known := j.Get(id, "1"); !known || !j.Fresh || !j.Lost || j.Broken() != nil {
			t.Fatalf("killed before the search was completed: known: %v, fresh: %v, lost: %v, %v", known, j.Fresh, j.Lost, j.Broken())
		}
	}
	j := OpenJournal(path)
	j.NoteSearched()
	j.Put(id, Entry{Identity: "2"})
	for range 2 {
		j = OpenJournal(path)
		if _, known := j.Get(id, "2"); !known || j.Fresh || j.Lost || j.Broken() != nil {
			t.Fatalf("killed after it: known: %v, fresh: %v, lost: %v, %v", known, j.Fresh, j.Lost, j.Broken())
		}
	}
	// What an engine does.
	b := newBench(t, "host/box/left mark")
	b.engine.journal.Put(id, Entry{Identity: "1"})
	b.restart()
	b.want("host/box/a")
	b.pass(0, "create host/box/a\ndelete host/box/left\n")
	if b.restart(); b.engine.journal.Fresh {
		t.Error("linkd searches again after a search")
	}
}
