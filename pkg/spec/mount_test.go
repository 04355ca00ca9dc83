package spec_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

// Of a mount over the directory inotify says nothing, nor of what is in it from then on.
func TestWatchADirectoryThatIsMountedOver(t *testing.T) {
	conform.Open(t)
	dir, other := t.TempDir(), t.TempDir()
	changed, stop, err := spec.Watch([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := unix.Mount(other, dir, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	for _, what := range []string{"the mount", "a file in it"} {
		select {
		case <-changed:
		case <-time.After(5 * time.Minute):
			t.Fatalf("%s was not noticed", what)
		}
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
