package spec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// write puts files, given as a txtar archive, below dir.
func write(t testing.TB, dir, archive string) {
	t.Helper()
	for _, f := range files(archive) {
		path := filepath.Join(dir, f.Path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, f.Text, 0o644))
	}
}

// list is files as text, with paths relative to dir.
func list(t testing.TB, dir string, files []File) string {
	t.Helper()
	var b strings.Builder
	for _, f := range files {
		name, err := filepath.Rel(dir, f.Path)
		must(t, err)
		b.WriteString(name + ": ")
		if f.Err != nil {
			b.WriteString(unwrapPath(f.Err).Error() + "\n")
			continue
		}
		b.WriteString(strings.TrimSpace(string(f.Text)) + "\n")
	}
	return b.String()
}

func TestReadFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, `
-- d/b.yaml --
# b
-- d/a.yml --
# a
-- d/10.yaml --
# 10
-- d/9.yaml --
# 9
-- d/notes.txt --
no
-- d/.hidden.yaml --
no
-- d/.a.yml.swp --
no
-- d/a.yml~ --
no
-- d/#a.yml# --
no
-- d/#a.yaml --
no
-- d/a.yaml.dpkg-new --
no
-- d/a.yaml.dpkg-dist --
no
-- d/a.yaml.rpmsave --
no
-- d/.ansible_tmpX7a.yaml --
no
-- d/.#a.yaml --
no
-- d/sub.yaml/x.yaml --
no
-- d/a.YAML --
no
-- odd name --
# odd
`)
	must(t, os.Symlink("nowhere", filepath.Join(dir, "d/dangling.yaml")))
	must(t, os.Symlink("../odd name", filepath.Join(dir, "d/link.yaml")))
	must(t, os.Symlink("sub.yaml", filepath.Join(dir, "d/sublink.yaml")))
	must(t, unix.Mkfifo(filepath.Join(dir, "d/pipe.yaml"), 0o600))

	path := func(name string) string { return filepath.Join(dir, name) }
	for _, test := range []struct {
		name  string
		paths []string
		want  string
	}{
		{"a directory, in name order", []string{path("d")}, `d/10.yaml: # 10
d/9.yaml: # 9
d/a.yml: # a
d/b.yaml: # b
d/dangling.yaml: a symbolic link to nowhere, which does not exist
d/link.yaml: # odd
d/pipe.yaml: not a regular file
d/sublink.yaml: not a regular file
`},
		{"files whatever their names, in the order given", []string{path("odd name"), path("d/b.yaml"), path("d/notes.txt")}, `odd name: # odd
d/b.yaml: # b
d/notes.txt: no
`},
		{"each file once", []string{path("d/b.yaml"), path("d/./b.yaml"), path("d"), path("d")}, `d/b.yaml: # b
d/10.yaml: # 10
d/9.yaml: # 9
d/a.yml: # a
d/dangling.yaml: a symbolic link to nowhere, which does not exist
d/link.yaml: # odd
d/pipe.yaml: not a regular file
d/sublink.yaml: not a regular file
`},
		{"nothing", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ReadFiles(test.paths)
			must(t, err)
			if d := cmp.Diff(test.want, list(t, dir, got)); d != "" {
				t.Errorf("files (-want +got):\n%s", d)
			}
		})
	}
	if _, err := ReadFiles([]string{path("d"), path("missing")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path that is not there: %v", err)
	}
}

// Half of a file is often valid, so what is still being written is not read.
func TestReadFileWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	writer, err := os.Create(path)
	must(t, err)
	if _, err := writer.WriteString("links: {}\n"); err != nil {
		t.Fatal(err)
	}
	if f := ReadFile(path); !errors.Is(f.Err, ErrBeingWritten) {
		t.Errorf("while it is open for writing: %v", f.Err)
	}
	reader, err := os.Open(path)
	must(t, err)
	defer reader.Close()
	must(t, writer.Close())
	if f := ReadFile(path); f.Err != nil || string(f.Text) != "links: {}\n" {
		t.Errorf("after that: %q, %v", f.Text, f.Err)
	}
}

func TestReadFileBoundsWhatItReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	must(t, os.WriteFile(path, nil, 0o644))
	must(t, os.Truncate(path, 1<<40))
	if f := ReadFile(path); len(f.Text) > 0 || f.Err != errTooLarge {
		t.Errorf("%d bytes of a terabyte, %v", len(f.Text), f.Err)
	}
}

func TestStamp(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, `
-- d/a.yaml --
one
-- extra --
one
`)
	paths := []string{filepath.Join(dir, "d"), filepath.Join(dir, "extra")}
	stamp := Stamp(paths)
	for _, step := range []struct {
		name    string
		do      func() error
		changes bool
	}{
		{"nothing", func() error { return nil }, false},
		{"reading", func() error { _, err := ReadFiles(paths); return err }, false},
		{"a new file", func() error { return os.WriteFile(filepath.Join(dir, "d/b.yaml"), nil, 0o644) }, true},
		{"a removed file", func() error { return os.Remove(filepath.Join(dir, "d/a.yaml")) }, true},
		{"another length", func() error { return os.WriteFile(paths[1], []byte("three"), 0o644) }, true},
		{"another file in its place", func() error { return os.Rename(paths[1], filepath.Join(dir, "d/b.yaml")) }, true},
		{"a directory that is gone", func() error { return os.RemoveAll(paths[0]) }, true},
		{"nothing again", func() error { return nil }, false},
	} {
		must(t, step.do())
		if now := Stamp(paths); (now != stamp) != step.changes {
			t.Errorf("%s: the stamp was\n%s\nand is\n%s", step.name, stamp, now)
		} else {
			stamp = now
		}
	}
}
