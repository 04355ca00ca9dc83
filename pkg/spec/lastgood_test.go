package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// site is a directory of files and a loader of them.
type site struct {
	*testing.T
	dir    string
	loader *Loader
}

func newSite(t *testing.T) *site {
	s := &site{T: t, dir: t.TempDir()}
	s.restart()
	return s
}

// restart begins a new run, which knows what the last one saved.
func (s *site) restart() { s.loader = NewLoader(toys, filepath.Join(s.dir, "state/kept.json")) }

func (s *site) write(archive string)    { write(s.T, s.dir, archive) }
func (s *site) remove(name string)      { must(s.T, os.Remove(s.path(name))) }
func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// loads loads the files and saves what is in force, and wants all of that to be as told: the state of each file, what
// is desired, and whether that is all.
func (s *site) loads(want string) {
	s.Helper()
	files, err := ReadFiles([]string{s.dir})
	must(s.T, err)
	desired, states, complete, _ := s.loader.Load(files)
	must(s.T, s.loader.Save())
	var b strings.Builder
	for _, f := range states {
		fmt.Fprintf(&b, "%s %s", filepath.Base(f.Path), f.State)
		if f.Error != "" {
			fmt.Fprintf(&b, ": %s", strings.ReplaceAll(f.Error, "\n", " | "))
		}
		b.WriteByte('\n')
	}
	for _, r := range desired.Resources.All() {
		fmt.Fprintf(&b, "  %s\n", r.ID())
	}
	if !complete {
		b.WriteString("and more, it is not known what\n")
	}
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), strings.ReplaceAll(b.String(), s.dir+"/", "")); d != "" {
		s.Fatalf("load (-want +got):\n%s", d)
	}
}

const two = `
-- a.yaml --
links: {a: {}}
-- b.yaml --
links: {b: {}}
`

const bothLoaded = `
a.yaml loaded
b.yaml loaded
  host/link/a
  host/link/b
`

func TestAnInvalidFileKeepsItsLastGoodContent(t *testing.T) {
	s := newSite(t)
	s.write(two)
	s.loads(bothLoaded)

	s.write("-- b.yaml --\nlinks: {b: {mut: 1}, c: {}}\n")
	s.write("-- a.yaml --\nlinks: {a: {}, a2: {}}\n")
	const kept = `
a.yaml loaded
b.yaml kept: b.yaml:1:13: unknown key "mut"; did you mean "mtu"?
  host/link/a
  host/link/a2
  host/link/b
`
	s.loads(kept)
	s.restart()
	s.loads(kept)

	s.write("-- b.yaml --\nlinks: {c: {}}\n")
	s.loads(`
a.yaml loaded
b.yaml loaded
  host/link/a
  host/link/a2
  host/link/c
`)
}

// What a file asked for that was never valid in this run or the last is not known, so nothing may be taken for
// undeclared until it is.
func TestAnInvalidFileAtTheFirstStart(t *testing.T) {
	s := newSite(t)
	s.write("-- a.yaml --\nlinks: {a: {}}\n-- b.yaml --\nlinks: [\n")
	const rejected = `
a.yaml loaded
b.yaml rejected: b.yaml:1:8: this "[" is not closed
  host/link/a
and more, it is not known what
`
	s.loads(rejected)
	s.restart()
	s.loads(rejected)
	s.write(two)
	s.loads(bothLoaded)
	s.write("-- b.yaml --\nlinks: [\n")
	s.loads(`
a.yaml loaded
b.yaml kept: b.yaml:1:8: this "[" is not closed
  host/link/a
  host/link/b
`)
}

// A file that was not there before asked for nothing before.
func TestANewInvalidFileHidesNothing(t *testing.T) {
	s := newSite(t)
	s.write(two)
	s.loads(bothLoaded)
	s.write("-- c.yaml --\nlinks: {c: {mut: 1}}\n")
	s.loads(`
a.yaml loaded
b.yaml loaded
c.yaml rejected: c.yaml:1:13: unknown key "mut"; did you mean "mtu"?
  host/link/a
  host/link/b
`)
	s.remove("c.yaml")
	s.loads(bothLoaded)
}

func TestTwoFilesThatClaimOneThingAreBothKept(t *testing.T) {
	s := newSite(t)
	s.write(two)
	s.loads(bothLoaded)
	s.write("-- a.yaml --\nlinks: {a: {}, same: {}}\n-- b.yaml --\nlinks: {same: {}}\n")
	s.loads(`
a.yaml kept: b.yaml:1:9: link "same" is declared twice, first in a.yaml:1
b.yaml kept: b.yaml:1:9: link "same" is declared twice, first in a.yaml:1
  host/link/a
  host/link/b
`)
	s.write("-- a.yaml --\nlinks: {a: {}}\n")
	s.loads(`
a.yaml loaded
b.yaml loaded
  host/link/a
  host/link/same
`)
}

// A thing that moves from one file to another is never claimed by two.
func TestAThingMovesFromFileToFile(t *testing.T) {
	s := newSite(t)
	s.write(two)
	s.loads(bothLoaded)
	s.write("-- b.yaml --\nlinks: {b: {}, a: {}}\n")
	s.loads(`
a.yaml kept: b.yaml:1:16: link "a" is declared twice, first in a.yaml:1
b.yaml kept: b.yaml:1:16: link "a" is declared twice, first in a.yaml:1
  host/link/a
  host/link/b
`)
	s.write("-- a.yaml --\nlinks: {}\n")
	s.loads(bothLoaded)
}

// An editor, or a disk that is full, leaves an empty file behind; whoever means it deletes the file.
func TestATruncatedFileIsKept(t *testing.T) {
	s := newSite(t)
	s.write(two)
	s.loads(bothLoaded)
	for _, text := range []string{"", "\n", "  \n\n"} {
		s.write("-- b.yaml --\n" + text)
		s.loads(`
a.yaml loaded
b.yaml kept: b.yaml: the file is empty: delete it to remove what it declared
  host/link/a
  host/link/b
`)
	}
	s.write("-- b.yaml --\n# nothing any more\n")
	s.loads(`
a.yaml loaded
b.yaml loaded
  host/link/a
`)
	s.write("-- b.yaml --\n")
	s.loads(`
a.yaml loaded
b.yaml kept: b.yaml: the file is empty: delete it to remove what it declared
  host/link/a
`)
	s.remove("b.yaml")
	s.loads("a.yaml loaded\n  host/link/a\n")
}

func TestAFileThatWasAlwaysEmptyIsLoaded(t *testing.T) {
	s := newSite(t)
	s.write("-- a.yaml --\n-- b.yaml --\nlinks: {b: {}}\n")
	s.loads("a.yaml loaded\nb.yaml loaded\n  host/link/b\n")
}

func TestAFileThatIsBeingWrittenIsKept(t *testing.T) {
	s := newSite(t)
	s.write(two)
	s.loads(bothLoaded)
	writer, err := os.OpenFile(s.path("b.yaml"), os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	if _, err := writer.WriteString("links: {c: {}}\n"); err != nil {
		t.Fatal(err)
	}
	s.loads(`
a.yaml loaded
b.yaml kept: b.yaml: the file is being written
  host/link/a
  host/link/b
`)
	must(t, writer.Close())
	s.loads(`
a.yaml loaded
b.yaml loaded
  host/link/a
  host/link/c
`)
}

// The file that goes is not at fault, and the one that needs it has no other content: all stays as it was.
func TestAFileGoesOnWhichAnotherDepends(t *testing.T) {
	s := newSite(t)
	s.write("-- a.yaml --\nnamespaces: {lab: {}}\n-- b.yaml --\nlinks: {b: {netns: lab}}\n-- c.yaml --\nlinks: {c: {}}\n")
	s.loads(`
a.yaml loaded
b.yaml loaded
c.yaml loaded
  host/link/c
  lab/link/b
`)
	s.remove("a.yaml")
	s.write("-- c.yaml --\nlinks: {c2: {}}\n")
	const kept = `
b.yaml kept: b.yaml:1:20: namespace "lab" is not declared
c.yaml kept: set aside: the files that are not valid keep the last good state of all in force
a.yaml kept: the file is gone, but other files that are not valid keep the last good state of all in force
  host/link/c
  lab/link/b
`
	s.loads(kept)
	s.restart()
	s.loads(kept)

	s.write("-- b.yaml --\nlinks: {b: {}}\n")
	s.loads(`
b.yaml loaded
c.yaml loaded
  host/link/b
  host/link/c2
`)
}

// The last good content of one file may not fit with what the others say now.
func TestLastGoodContentThatDoesNotFit(t *testing.T) {
	s := newSite(t)
	s.write("-- a.yaml --\nlinks: {x: {}}\n-- b.yaml --\nlinks: {b: {}}\n")
	s.loads(`
a.yaml loaded
b.yaml loaded
  host/link/b
  host/link/x
`)
	// a.yaml gave x up, for b.yaml to have it, and has a mistake besides.
	s.write("-- a.yaml --\nlinks: {a: {mut: 1}}\n-- b.yaml --\nlinks: {b: {}, x: {}}\n")
	s.loads(`
a.yaml kept: a.yaml:1:13: unknown key "mut"; did you mean "mtu"?
b.yaml kept: set aside: the files that are not valid keep the last good state of all in force
  host/link/b
  host/link/x
`)
	s.write("-- a.yaml --\nlinks: {a: {}}\n")
	s.loads(`
a.yaml loaded
b.yaml loaded
  host/link/a
  host/link/b
  host/link/x
`)
}

// The last good content was good for an earlier linkd. What it asked for stays, though nobody can read it.
func TestLastGoodContentThatIsNotValidAnyMore(t *testing.T) {
	s := newSite(t)
	const old = "links: {a: {colour_of_old: red}}"
	s.write("-- a.yaml --\n" + old + "\n-- b.yaml --\nlinks: {b: {}}\n")
	s.loader.memory = memory{Unknown: map[string]bool{}, Good: []keptFile{
		{s.path("a.yaml"), old + "\n"}, {s.path("b.yaml"), "links: {b: {}}\n"},
	}}
	for range 2 {
		s.loads(`
a.yaml rejected: a.yaml:1:13: unknown key "colour_of_old"
b.yaml loaded
  host/link/b
and more, it is not known what
`)
		s.restart()
	}
	s.write(two)
	s.loads(bothLoaded)
}

func TestAMemoryThatIsDamagedIsNone(t *testing.T) {
	s := newSite(t)
	s.write("-- a.yaml --\nlinks: {a: {}}\n-- state/kept.json --\n{\"good\": [{\"pa\n")
	s.restart()
	s.loads("a.yaml loaded\n  host/link/a\n")

	// Nothing is known of what b.yaml asked for, as after a first start.
	s.write("-- b.yaml --\nlinks: [\n-- state/kept.json --\n\x00\x00")
	s.restart()
	s.loads(`
a.yaml loaded
b.yaml rejected: b.yaml:1:8: this "[" is not closed
  host/link/a
and more, it is not known what
`)
}

func TestSaveWhereNothingCanBeWritten(t *testing.T) {
	s := newSite(t)
	s.write("-- state --\na file, where a directory should be\n")
	_, _, complete, errs := s.loader.Load(files("links: {a: {}}"))
	if !complete || len(errs) > 0 {
		t.Errorf("complete %v, errors %v", complete, errs)
	}
	if err := s.loader.Save(); err == nil {
		t.Error("saved")
	}
}

// A file can need a namespace of a file that is kept.
func TestAFileThatNeedsAKeptOne(t *testing.T) {
	s := newSite(t)
	s.write("-- a.yaml --\nlinks: {a: {}}\n-- b.yaml --\nnamespaces: {lab: {}}\nlinks: {b: {}}\n")
	s.loads(bothLoaded)
	s.write("-- a.yaml --\nlinks: {a: {netns: lab}}\n-- b.yaml --\nnamespaces: {lab: {}}\nlinks: [\n-- c.yaml --\nlinks: {c: {netns: lab}}\n-- d.yaml --\nlinks: {d: {netns: nowhere}}\n")
	const mended = `
a.yaml loaded
b.yaml kept: b.yaml:2:8: this "[" is not closed
c.yaml loaded
d.yaml rejected: d.yaml:1:20: namespace "nowhere" is not declared
  host/link/b
  lab/link/a
  lab/link/c
`
	s.loads(mended)
	s.loads(mended)
	s.restart()
	s.loads(mended)
}
