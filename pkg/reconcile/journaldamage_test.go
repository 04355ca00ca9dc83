package reconcile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// written is a journal in which things were remembered, changed and forgotten, as text and as it is read.
func written(t *testing.T) (text []byte, all *Journal) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j := journalOf(t, path, "lab/box/a made\nlab/box/b made\nlab/knob/c set before=1 wrote=2\nlab/box/d made")
	j.Remember("lab", spec.Selector{Scheme: "name", Value: "lab"})
	j.Put(parseID("lab/box/e"), Entry{Identity: instance})
	j.Put(parseID("lab/knob/c"), Entry{Identity: instance, Set: true, Before: "1", Wrote: "3"})
	j.Forget(parseID("lab/box/d"))
	j.Put(parseID("lab/box/d"), Entry{Identity: instance, Print: "8"})
	j.Put(parseID("lab/box/f"), Entry{Identity: instance, Makes: "new"})
	j.Forget(parseID("lab/box/b"))
	j.Remember("lab", spec.Selector{Scheme: "name", Value: "lab2"})
	j.Put(parseID("lab/knob/g"), Entry{Identity: instance, Set: true, Before: `"sum":"0123`, Wrote: "]\n}"})
	j.Put(parseID("lab/box/a"), Entry{Identity: instance, Print: "9"})
	j.Forget(parseID("lab/box/e"))
	must(t, j.Broken())
	text, err := os.ReadFile(path)
	must(t, err)
	return text, j
}

// about are the resource and the namespace that a line is about.
func about(t *testing.T, text []byte) (spec.ID, string) {
	t.Helper()
	var l line
	must(t, json.Unmarshal(text, &l))
	return l.id(), l.Namespace
}

// isAllBut wants a journal to remember what another does, but for what the lost line was about, which it may not remember.
func (j *Journal) isAllBut(t *testing.T, all *Journal, lost []byte, why string) {
	t.Helper()
	lostID, lostName := about(t, lost)
	complete := true
	for id, e := range all.all() {
		got, known := j.get(id)
		complete = complete && known
		if known && got != e || !known && id != lostID {
			t.Fatalf("%s: of %s is remembered %v %+v, and %+v was written", why, id, known, got, e)
		}
	}
	for id, e := range j.all() {
		if _, is := all.get(id); !is {
			t.Fatalf("%s: of %s, which was forgotten, is remembered %+v", why, id, e)
		}
	}
	for name, s := range all.namespaces {
		got, known := j.namespaces[name]
		complete = complete && known
		if known && got != s || !known && name != lostName {
			t.Fatalf("%s: the namespace %s is remembered as %v, and %v was written", why, name, got, s)
		}
	}
	if !complete && (j.Broken() == nil || !j.Fresh) {
		t.Fatalf("%s: something is lost, and nobody is told", why)
	}
}

// FAULTS 56: whichever byte of the journal is changed, that line is lost and no other, nothing is remembered that was not
// written or was forgotten, and the loss is told.
func TestJournalWithAnyByteChanged(t *testing.T) {
	text, all := written(t)
	boot, err := bootID()
	must(t, err)
	for at, was := range text {
		start := bytes.LastIndexByte(text[:at], '\n') + 1
		lost := text[start : at+bytes.IndexByte(text[at:], '\n')]
		for _, now := range []byte{was ^ 1, was ^ 0x20, was ^ 0x80, 0, '\n', '"', 'a', '0'} {
			if now == was {
				continue
			}
			changed := bytes.Clone(text)
			changed[at] = now
			j := newJournal("")
			j.boot = boot
			if j.readEntries(changed) > 0 {
				j.Fresh, j.damage = true, os.ErrInvalid
			}
			j.isAllBut(t, all, lost, fmt.Sprintf("byte %d, %q instead of %q in %s", at, now, was, lost))
		}
	}
}

// The same for a line that is gone, that is not one of linkd's any more, or that stands twice.
func TestJournalWithAnyLineChanged(t *testing.T) {
	text, all := written(t)
	lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(bytes.Clone(lines[len(lines)-1]), '\n')
	path := filepath.Join(t.TempDir(), "journal")
	for at, lost := range lines {
		last := at == len(lines)-1
		for _, now := range []string{"", "\n", "garbage\n", "{}\n", strings.Repeat("x", 3<<20) + "\n", `{"of":"` + strings.Repeat("0", 16) + "\n"} {
			if last {
				// Of a last line that is not there at all, or that is garbage, nobody knows what it was about.
				continue
			}
			changed := bytes.Join([][]byte{bytes.Join(lines[:at], nil), []byte(now), bytes.Join(lines[at+1:], nil)}, nil)
			must(t, os.WriteFile(path, changed, 0o600))
			ReadJournal(path).isAllBut(t, all, lost, fmt.Sprintf("line %d is %.30q instead of %s", at, now, lost))
		}
	}
	must(t, os.WriteFile(path, append(bytes.Clone(text), "garbage\n"...), 0o600))
	j := ReadJournal(path)
	if d := cmp.Diff(all.text(), j.text()); d != "" || j.Broken() == nil {
		t.Errorf("with garbage at the end (-want +got):\n%s%v", d, j.Broken())
	}
}

func TestDamageIsToldOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journalOf(t, path, "lab/box/a made\nlab/box/b made").Close()
	text, err := os.ReadFile(path)
	must(t, err)
	damaged := bytes.Replace(text, []byte(`"box","key":"a"`), []byte(`"box","key":"x"`), 1)
	must(t, os.WriteFile(path, damaged, 0o600))
	j := OpenJournal(path)
	defer j.Close()
	want := "the journal is damaged (lines lost: 1): linkd does not delete or restore what only these lines record; linkd saved the damaged journal as " + path + ".damaged"
	if err := j.Broken(); err == nil || err.Error() != want {
		t.Errorf("broken: %v, want %s", err, want)
	}
	if got := j.text(); got != "lab/box/b made\n" {
		t.Errorf("remembered: %s", got)
	}
	if kept, err := os.ReadFile(path + ".damaged"); err != nil || !bytes.Equal(kept, damaged) {
		t.Errorf("kept: %s, %v", kept, err)
	}
	must(t, ReadJournal(path).Broken())
}

// A journal of an earlier linkd has no sums.
func TestJournalOfAnEarlierLinkd(t *testing.T) {
	text, all := written(t)
	text = regexp.MustCompile(`"of":"[0-9a-f]*",|,"sum":"[0-9a-f]*"`).ReplaceAll(text, nil)
	path := filepath.Join(t.TempDir(), "journal")
	must(t, os.WriteFile(path, text, 0o600))
	j := journalOf(t, path, "")
	if d := cmp.Diff(all.text(), j.text()); d != "" {
		t.Errorf("read (-want +got):\n%s", d)
	}
	// It has sums now.
	if now, err := os.ReadFile(path); err != nil || bytes.Count(now, []byte(sumKey)) != bytes.Count(now, []byte("\n")) {
		t.Errorf("written: %s, %v", now, err)
	}
	j.Close()

	// A line that cannot be read is lost alone; the last one may be cut off.
	damaged := bytes.Replace(text, []byte(`{"ns":"lab","kind":"box","key":"f"`), []byte(`{"ns":"lab"`+"\x00"+`,"kind":"box","key":"f"`), 1)
	must(t, os.WriteFile(path, append(damaged, `{"ns":`...), 0o600))
	j = ReadJournal(path)
	want := regexp.MustCompile(`(?m)^lab/box/f .*\n`).ReplaceAllString(all.text(), "")
	if d := cmp.Diff(want, j.text()); d != "" || j.Broken() == nil || !strings.Contains(j.Broken().Error(), "damaged (lines lost: 1)") {
		t.Errorf("read (-want +got):\n%s%v", d, j.Broken())
	}
	// Without the first line nobody knows of which boot it is.
	must(t, os.WriteFile(path, text[1:], 0o600))
	if j = ReadJournal(path); j.text() != "" || j.Broken() == nil {
		t.Errorf("read:\n%s%v", j.text(), j.Broken())
	}
}

// The first line names the boot. Without it, the others still say of which boot they are.
func TestJournalWithoutItsBoot(t *testing.T) {
	text, all := written(t)
	path := filepath.Join(t.TempDir(), "journal")
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	for _, first := range []string{"", "garbage\n", `{"boot":"a-boot-long-ago"}` + "\n"} {
		must(t, os.WriteFile(path, append([]byte(first), rest...), 0o600))
		j := ReadJournal(path)
		if d := cmp.Diff(all.text(), j.text()); d != "" || j.Broken() == nil {
			t.Errorf("%q: read (-want +got):\n%s%v", first, d, j.Broken())
		}
	}
	// Lines of another boot are not taken for lines of this one.
	old := newJournal(path)
	old.boot = "a-boot-long-ago"
	old.set(parseID("lab/box/a"), Entry{Identity: instance})
	must(t, old.compact())
	old.Close()
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append([]byte("x"), text...), 0o600))
	if j := ReadJournal(path); j.text() != "" || j.Broken() == nil {
		t.Errorf("read:\n%s%v", j.text(), j.Broken())
	}
}

// A line may be as long as what it is about.
func TestJournalWithALongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := journalOf(t, path, "lab/box/a made")
	j.Put(parseID("lab/knob/b"), Entry{Identity: instance, Set: true, Before: strings.Repeat("x", 3<<20)})
	j.Put(parseID("lab/box/c"), Entry{Identity: instance})
	if d := cmp.Diff(j.text(), ReadJournal(path).text()); d != "" {
		t.Errorf("%.1000s", d)
	}
}

// What is not read is not written over.
func TestJournalThatIsNotRead(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"is too large: linkd reads 256 MiB at most": func(path string) error {
			return os.WriteFile(path, nil, 0o600)
		},
		"is no regular file": func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		path := filepath.Join(t.TempDir(), "journal")
		for n := range 2 {
			must(t, make(path))
			if !strings.Contains(name, "regular") {
				must(t, os.Truncate(path, mostJournal+1))
			}
			before, err := os.Lstat(path)
			must(t, err)
			j := OpenJournal(path)
			kept := path + []string{".unread", ".unread-2"}[n]
			want := "cannot read the journal, so linkd does not know what to restore: " + path + " " + name + "; linkd renamed it to " + kept
			if err := j.Broken(); err == nil || err.Error() != want {
				t.Errorf("broken: %v, want %s", err, want)
			}
			if after, err := os.Lstat(kept); err != nil || !os.SameFile(before, after) {
				t.Errorf("it is not kept: %v", err)
			}
			j.Put(parseID("lab/box/a"), Entry{Identity: instance})
			if d := cmp.Diff(j.text(), ReadJournal(path).text()); d != "" {
				t.Error(d)
			}
			j.Close()
			must(t, os.Remove(path))
		}
	}
	// One that cannot be read just now stays where it is.
	path := filepath.Join(t.TempDir(), "journal")
	must(t, os.Symlink(path, path))
	j := OpenJournal(path)
	defer j.Close()
	j.Put(parseID("lab/box/a"), Entry{Identity: instance})
	if err := j.Broken(); err == nil || !strings.HasSuffix(err.Error(), "linkd leaves it alone, and writes no journal until its next start") {
		t.Errorf("broken: %v", err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("it is written over: %v", err)
	}
}
