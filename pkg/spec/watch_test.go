package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

// patience bounds how long a test waits for what has to happen, to end one that hangs: it takes seconds at most.
const patience = 5 * time.Minute

// watched is a directory with one file in it, and a watch on it.
type watched struct {
	*testing.T
	dir     string
	changed <-chan struct{}
}

func watch(t *testing.T, paths ...string) watched {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	changed, stop, err := Watch(paths)
	must(t, err)
	t.Cleanup(stop)
	return watched{t, paths[0], changed}
}

// reads waits for reports of change until the files read like that.
func (w watched) reads(want string) {
	w.Helper()
	deadline := time.After(patience)
	got := "no change was reported"
	for got != want {
		select {
		case <-w.changed:
		case <-deadline:
			w.Fatalf("the files read\n%swant\n%s", got, want)
		}
		if files, err := ReadFiles([]string{w.dir}); err != nil {
			got = "gone\n"
		} else {
			got = list(w.T, w.dir, files)
		}
	}
}

func etc(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "-- etc/a.yaml --\n# old\n")
	return filepath.Join(dir, "etc")
}

func TestWatchAFileIsWrittenSlowly(t *testing.T) {
	w := watch(t, etc(t))
	f, err := os.OpenFile(filepath.Join(w.dir, "a.yaml"), os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	_, err = f.WriteString("# ha")
	must(t, err)
	w.reads("a.yaml: the file is being written\n")
	_, err = f.WriteString("lf and whole\n")
	must(t, err)
	must(t, f.Close())
	w.reads("a.yaml: # half and whole\n")
}

func TestWatchAFileIsReplacedAddedAndRemoved(t *testing.T) {
	w := watch(t, etc(t))
	write(t, w.dir, "-- .a.yaml.new --\n# new\n")
	must(t, os.Rename(filepath.Join(w.dir, ".a.yaml.new"), filepath.Join(w.dir, "a.yaml")))
	w.reads("a.yaml: # new\n")
	write(t, w.dir, "-- b.yml --\n# b\n")
	w.reads("a.yaml: # new\nb.yml: # b\n")
	must(t, os.Remove(filepath.Join(w.dir, "a.yaml")))
	w.reads("b.yml: # b\n")
}

func TestWatchTheDirectoryGoesAndComesBack(t *testing.T) {
	w := watch(t, etc(t))
	for range 2 {
		must(t, os.RemoveAll(w.dir))
		w.reads("gone\n")
		write(t, w.dir, "-- a.yaml --\n# back\n")
		w.reads("a.yaml: # back\n")
		write(t, w.dir, "-- a.yaml --\n# and still watched\n")
		w.reads("a.yaml: # and still watched\n")
	}
	must(t, os.Rename(w.dir, w.dir+".old"))
	w.reads("gone\n")
	write(t, filepath.Dir(w.dir), "-- next/a.yaml --\n# another\n")
	must(t, os.Rename(filepath.Join(filepath.Dir(w.dir), "next"), w.dir))
	w.reads("a.yaml: # another\n")
	write(t, w.dir, "-- a.yaml --\n# watched as well\n")
	w.reads("a.yaml: # watched as well\n")
}

// A file that is a symbolic link changes with its target, wherever that is, and with every link on the way to it.
func TestWatchSymbolicLinks(t *testing.T) {
	dir := etc(t)
	top := filepath.Dir(dir)
	write(t, top, "-- srv/1/conf --\n# one\n-- srv/2/conf --\n# two\n-- elsewhere/conf --\n# elsewhere\n")
	must(t, os.Symlink("1", filepath.Join(top, "srv/current")))
	must(t, os.Symlink(filepath.Join(top, "srv/current/conf"), filepath.Join(top, "link")))
	must(t, os.Symlink("../link", filepath.Join(dir, "b.yaml")))
	w := watch(t, dir)
	write(t, top, "-- srv/1/conf --\n# one, written in place\n")
	w.reads("a.yaml: # old\nb.yaml: # one, written in place\n")
	must(t, os.Symlink("2", filepath.Join(top, "srv/next")))
	must(t, os.Rename(filepath.Join(top, "srv/next"), filepath.Join(top, "srv/current")))
	w.reads("a.yaml: # old\nb.yaml: # two\n")
	write(t, top, "-- srv/2/conf --\n# two, written in place\n")
	w.reads("a.yaml: # old\nb.yaml: # two, written in place\n")
	must(t, os.Symlink("elsewhere/conf", filepath.Join(top, "other")))
	must(t, os.Rename(filepath.Join(top, "other"), filepath.Join(top, "link")))
	w.reads("a.yaml: # old\nb.yaml: # elsewhere\n")

	// A link without a target is a file that cannot be read, and no file that was removed.
	must(t, os.RemoveAll(filepath.Join(top, "elsewhere")))
	const missing = "a.yaml: # old\nb.yaml: a symbolic link to ../link, which does not exist\n"
	w.reads(missing)
	write(t, top, "-- elsewhere/conf --\n# back\n")
	w.reads("a.yaml: # old\nb.yaml: # back\n")
	must(t, os.Remove(filepath.Join(dir, "b.yaml")))
	w.reads("a.yaml: # old\n")
}

func TestWatchADirectoryThatIsNotThereYet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etc")
	w := watch(t, dir)
	write(t, dir, "-- a.yaml --\n# new\n")
	w.reads("a.yaml: # new\n")
}

func TestWatchAPathThatIsRelative(t *testing.T) {
	dir := etc(t)
	t.Chdir(filepath.Dir(dir))
	w := watch(t, "etc/")
	write(t, "etc", "-- a.yaml --\n# new\n")
	w.reads("a.yaml: # new\n")
	must(t, os.RemoveAll("etc"))
	w.reads("gone\n")
	write(t, "etc", "-- a.yaml --\n# back\n")
	w.reads("a.yaml: # back\n")
}

// Kubernetes shows a ConfigMap as links through ..data, and changes all of them by renaming another ..data over it.
func TestWatchAConfigMapIsSwapped(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "-- ..1/a.yaml --\n# old\n-- ..2/a.yaml --\n# new\n")
	must(t, os.Symlink("..1", filepath.Join(dir, "..data")))
	must(t, os.Symlink("..data/a.yaml", filepath.Join(dir, "a.yaml")))
	w := watch(t, dir)
	must(t, os.Symlink("..2", filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	w.reads("a.yaml: # new\n")
}

func TestWatchAFileOutsideOfADirectory(t *testing.T) {
	dir := etc(t)
	write(t, filepath.Dir(dir), "-- wiring --\n# old\n")
	wiring := filepath.Join(filepath.Dir(dir), "wiring")
	w := watch(t, wiring)
	write(t, filepath.Dir(dir), "-- wiring.new --\n# new\n")
	must(t, os.Rename(wiring+".new", wiring))
	w.reads(".: # new\n")
	write(t, filepath.Dir(dir), "-- wiring --\n# and again\n")
	w.reads(".: # and again\n")
}

// A directory in which something changes all the time is read all the same.
func TestWatchDoesNotWaitForSilenceForEver(t *testing.T) {
	w := watch(t, etc(t))
	quiet := time.NewTicker(settlePause / 5)
	defer quiet.Stop()
	deadline := time.After(patience)
	for n := 0; ; n++ {
		write(t, w.dir, "-- a.yaml --\n# "+strings.Repeat("x", n)+"\n")
		select {
		case <-w.changed:
			return
		case <-quiet.C:
		case <-deadline:
			t.Fatal("no change was reported")
		}
	}
}

func TestWatchConcerns(t *testing.T) {
	w := fileWatch{paths: []string{"/etc/linkd.d/", "/srv/wiring"}}
	for _, test := range []struct {
		path string
		op   fsnotify.Op
		want bool
	}{
		{"/etc/linkd.d/a.yaml", fsnotify.Write, true},
		{"/etc/linkd.d/a.yaml", fsnotify.Chmod, true},
		{"/etc/linkd.d/a.yaml", fsnotify.Remove | fsnotify.Chmod, true},
		{"/etc/linkd.d/b.yml", fsnotify.Create, true},
		{"/etc/linkd.d", fsnotify.Remove, true},
		{"/srv/wiring", fsnotify.Rename, true},
		{"/etc/linkd.d/..data", fsnotify.Create, true},
		{"/etc/linkd.d/..2024_01_01.7", fsnotify.Create, false},
		{"/etc/linkd.d/.a.yaml.swp", fsnotify.Create, false},
		{"/etc/linkd.d/a.yaml~", fsnotify.Rename, false},
		{"/etc/linkd.d/4913", fsnotify.Create, false},
		{"/etc/linkd.d/a.yaml.dpkg-new", fsnotify.Write, false},
		{"/etc/linkd.d/.ansible_tmpX7a.yaml", fsnotify.Write, false},
		{"/etc/linkd.d/#a.yaml#", fsnotify.Write, false},
		{"/etc/passwd", fsnotify.Write, false},
		{"/srv/wiring.yaml", fsnotify.Write, false},
	} {
		if got := w.concerns(fsnotify.Event{Name: test.path, Op: test.op}); got != test.want {
			t.Errorf("%s of %s: %v", test.op, test.path, got)
		}
	}
}
