package spec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadTrusted tells of each path, below one directory, what is read or why not.
func TestReadTrusted(t *testing.T) {
	defer unix.Umask(unix.Umask(0o022))
	dir := t.TempDir()
	write(t, dir, `
-- d/a.yaml --
# a
-- d/sub/b.yaml --
# b
-- others/open/c.yaml --
# c
-- tmp/d.yaml --
# d
`)
	for link, target := range map[string]string{
		"d/beside": "a.yaml", "d/up": "../d/sub/b.yaml", "d/round": "round", "d/absolute": filepath.Join(dir, "d/a.yaml"),
		"d/out": "../others/open/c.yaml", "d/folder": "sub", "d/nowhere": "gone",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, link)))
	}
	must(t, unix.Mkfifo(filepath.Join(dir, "d/pipe"), 0o600))
	must(t, os.Chmod(filepath.Join(dir, "others"), 0o777))
	must(t, os.Chmod(filepath.Join(dir, "tmp"), 0o777|fs.ModeSticky))
	t.Chdir(filepath.Join(dir, "d"))

	const why = " can be written by users other than its owner, and linkd acts on its content as root: chmod go-w "
	for path, want := range map[string]string{
		"DIR/d/a.yaml":           "# a",
		"DIR/d/../d/./a.yaml":    "# a",
		"DIR/d/beside":           "# a",
		"DIR/d/absolute":         "# a",
		"DIR/d/up":               "# b",
		"DIR/d/folder/b.yaml":    "# b",
		"DIR/d/folder/../a.yaml": "# a",
		"DIR/tmp/d.yaml":         "# d",
		"a.yaml":                 "# a",
		"../d/sub/b.yaml":        "# b",
		"DIR/others/open/c.yaml": "DIR/others" + why + "DIR/others",
		"../others/open/c.yaml":  "DIR/others" + why + "DIR/others",
		"DIR/d/out":              "DIR/others" + why + "DIR/others",
		"DIR/others/../d/a.yaml": "# a",
		"DIR/tmp":                "it" + why + "DIR/tmp",
		"DIR/d/pipe":             "not a regular file",
		"DIR/d/a.yaml/x":         "not a directory",
		"DIR/d/round":            "too many levels of symbolic links",
		"DIR/d/nowhere":          "no such file or directory",
	} {
		var got string
		files, err := ReadTrusted([]string{strings.ReplaceAll(path, "DIR", dir)})
		switch {
		case err != nil:
			got = unwrapPath(err).Error()
		case files[0].Err != nil:
			got = unwrapPath(files[0].Err).Error()
		default:
			got = strings.TrimSpace(string(files[0].Text))
		}
		if got = strings.ReplaceAll(got, dir, "DIR"); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// What another process holds a lease on is not waited for: the kernel would give that 45 seconds to let go of it.
func TestReadTrustedWaitsForNobody(t *testing.T) {
	defer unix.Umask(unix.Umask(0o022))
	path := filepath.Join(t.TempDir(), "a.yaml")
	must(t, os.WriteFile(path, []byte("# a\n"), 0o600))
	holder, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer holder.Close()
	if _, err := unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("no leases here: %v", err)
	}
	if _, err := openTrusted(path); !errors.Is(err, ErrBeingWritten) {
		t.Errorf("open: %v", err)
	}
}

// Whoever deletes files from a directory that others can write is not taken at their word.
func TestAFolderThatOthersCanWriteIsKept(t *testing.T) {
	defer unix.Umask(unix.Umask(0o022))
	dir := t.TempDir()
	write(t, dir, "-- a.yaml --\nlinks: {a: {}}\n-- b.yaml --\nlinks: {b: {}}\n")
	loader := NewLoader(toys, filepath.Join(t.TempDir(), "kept"))
	load := func() string {
		files, err := ReadTrusted([]string{dir})
		must(t, err)
		desired, states, complete, _ := loader.Load(files)
		said := say(desired)
		for _, s := range states {
			said += strings.TrimPrefix(s.Path, dir) + " " + s.State + "\n"
		}
		if !complete {
			said += "not complete\n"
		}
		return said
	}
	before := load()
	must(t, os.Chmod(dir, 0o775))
	must(t, os.Remove(filepath.Join(dir, "b.yaml")))
	must(t, os.WriteFile(filepath.Join(dir, "c.yaml"), []byte("links: {c: {}}\n"), 0o600))
	want := strings.NewReplacer("/a.yaml loaded", " rejected\n/a.yaml kept", "/b.yaml loaded", "/b.yaml kept").Replace(before)
	if got := load(); got != want || !strings.Contains(want, "/b.yaml kept") {
		t.Errorf("loaded\n%swant\n%s", got, want)
	}
	must(t, os.Chmod(dir, 0o755))
	if got := load(); !strings.Contains(got, "/c.yaml loaded") || strings.Contains(got, "b.yaml") {
		t.Errorf("loaded\n%s", got)
	}
}
