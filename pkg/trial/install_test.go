package trial

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// ground is a configuration directory with two files, a link and a state directory, and changes of all sorts.
type ground struct {
	dir, state string
	changes    []Change
}

var (
	oldFiles = map[string]string{"changed.yaml": "old", "linked.yaml": "linked", "removed.yaml": "removed"}
	newFiles = map[string]string{"changed.yaml": "new", "linked.yaml": "new link", "made.yaml": "made"}
)

func newGround(t *testing.T) ground {
	t.Helper()
	g := ground{dir: t.TempDir(), state: filepath.Join(t.TempDir(), "state")}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for name, text := range oldFiles {
		path := filepath.Join(g.dir, name)
		if name == "linked.yaml" {
			if err := os.Symlink(elsewhere, path); err != nil {
				t.Fatal(err)
			}
			path = elsewhere
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range newFiles {
		g.changes = append(g.changes, Change{Path: filepath.Join(g.dir, name), Text: []byte(text), Mode: 0o644})
	}
	slices.SortFunc(g.changes, func(a, b Change) int { return len(a.Path) - len(b.Path) })
	g.changes = append(g.changes, Change{Path: filepath.Join(g.dir, "removed.yaml"), Remove: true})
	return g
}

// is fails unless the directory has exactly these files.
func (g ground) is(t *testing.T, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(g.dir, e.Name()))
		if want[e.Name()] != string(text) || err != nil {
			t.Errorf("%s has %q (%v), want %q", e.Name(), text, err, want[e.Name()])
		}
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, want %d: %v", len(entries), len(want), entries)
	}
	if left, err := os.ReadDir(g.state); err == nil && len(left) > 0 {
		t.Errorf("the state directory has %v", left)
	}
}

func (g ground) record(t *testing.T) record {
	t.Helper()
	r := record{Version: 1}
	for _, c := range g.changes {
		f, err := target(c)
		if err != nil {
			t.Fatal(err)
		}
		r.Files = append(r.Files, f)
	}
	return r
}

func TestInstall(t *testing.T) {
	g := newGround(t)
	if err := install(g.state, g.changes); err != nil {
		t.Fatal(err)
	}
	g.is(t, newFiles)
	for name, mode := range map[string]fs.FileMode{"changed.yaml": 0o640, "made.yaml": 0o644} {
		if info, err := os.Stat(filepath.Join(g.dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has the mode %v (%v), want %v", name, info.Mode(), err, mode)
		}
	}
	if info, err := os.Lstat(filepath.Join(g.dir, "linked.yaml")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Error("a symbolic link became a file")
	}
}

// TestCrash ends an installation after each of its steps, as kill -9 and a power cut do.
func TestCrash(t *testing.T) {
	for step := range 3 + len(newFiles) + 1 {
		g := newGround(t)
		r := g.record(t)
		want := oldFiles
		if err := r.prepare(); err != nil {
			t.Fatal(err)
		}
		if step > 0 {
			want = newFiles
			if err := r.write(g.state); err != nil {
				t.Fatal(err)
			}
		}
		for i := range max(0, step-1) {
			if i < len(r.Files) {
				if err := r.Files[i].put(); err != nil {
					t.Fatal(err)
				}
			}
		}
		paths, err := Complete(g.state, []string{g.dir})
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if step > 0 && len(paths) != len(g.changes) {
			t.Errorf("step %d: completed %v", step, paths)
		}
		g.is(t, want)
		if again, err := Complete(g.state, []string{g.dir}); err != nil || len(again) > 0 {
			t.Errorf("step %d: a second time: %v, %v", step, again, err)
		}
	}
}

// TestLostCopies completes an installation whose prepared files somebody has removed.
func TestLostCopies(t *testing.T) {
	g := newGround(t)
	r := g.record(t)
	if err := errors.Join(r.prepare(), r.write(g.state), r.clear()); err != nil {
		t.Fatal(err)
	}
	if _, err := Complete(g.state, nil); err != nil {
		t.Fatal(err)
	}
	g.is(t, newFiles)
}

func TestDamagedRecord(t *testing.T) {
	g := newGround(t)
	if err := os.MkdirAll(g.state, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(g.state, recordName)
	if err := os.WriteFile(path, []byte(`{"version":1,"files":[{"pa`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Complete(g.state, nil); err == nil {
		t.Error("no error for a damaged record")
	}
	if err := os.Remove(path + ".damaged"); err != nil {
		t.Error(err)
	}
	g.is(t, oldFiles)
}

// TestFailedInstall fails each step of an installation in turn: nothing has changed then.
func TestFailedInstall(t *testing.T) {
	for name, spoil := range map[string]func(g ground){
		"no place for the record": func(g ground) { must(t, os.WriteFile(g.state, nil, 0o600)) },
		"the last cannot be removed": func(g ground) {
			// A directory that is not empty cannot be removed, and has no second name.
			must(t, os.Remove(filepath.Join(g.dir, "removed.yaml")))
			must(t, os.MkdirAll(filepath.Join(g.dir, "removed.yaml", "full"), 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGround(t)
			spoil(g)
			if err := install(g.state, g.changes); err == nil {
				t.Fatal("no error")
			}
			for name, text := range oldFiles {
				if got, err := os.ReadFile(filepath.Join(g.dir, name)); name != "removed.yaml" && (err != nil || string(got) != text) {
					t.Errorf("%s has %q (%v), want %q", name, got, err, text)
				}
			}
			if _, err := os.Lstat(filepath.Join(g.dir, "made.yaml")); err == nil {
				t.Error("made.yaml is there")
			}
			if left, _ := filepath.Glob(filepath.Join(g.dir, ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestUndo fails the last of several renames: the earlier ones are undone.
func TestUndo(t *testing.T) {
	g := newGround(t)
	r := g.record(t)
	if err := errors.Join(r.prepare(), r.write(g.state)); err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Files {
		if err := f.put(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.undo(g.state, len(r.Files)); err != nil {
		t.Fatal(err)
	}
	g.is(t, oldFiles)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
