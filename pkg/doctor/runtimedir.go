package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

var runtimeDirectory = newCheck("runtime-directory", "the runtime directory can be written",
	"In the runtime directory (`--runtime-dir`) are the journal, which says what to put back, the control socket, and the lock\nthat keeps two daemons from undoing each other's work. linkd does not start where others than root can write it.",
	func(_ context.Context, m *Machine) (unwritable, error) {
		if os.Geteuid() != 0 {
			return unwritable{}, needless("only root can tell whether linkd can write its runtime directory")
		}
		if err := spec.CheckTrusted(m.RuntimeDir); errors.As(err, new(*spec.Untrusted)) {
			return unwritable{m.RuntimeDir, err}, nil
		}
		return unwritable{m.RuntimeDir, writable(m.RuntimeDir)}, nil
	}, judgeRuntimeDirectory)

type unwritable struct {
	dir string
	err error
}

// writable asks for a directory, or for the one in which it is still to be made.
func writable(dir string) error {
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	if errors.Is(err, unix.ENOENT) && filepath.Dir(dir) != dir {
		return writable(filepath.Dir(dir))
	}
	return err
}

func judgeRuntimeDirectory(_ *spec.Desired, saw unwritable) []Finding {
	if saw.err == nil {
		return nil
	}
	if errors.As(saw.err, new(*spec.Untrusted)) {
		return []Finding{{Level: Error, Text: fmt.Sprintf("linkd does not start with the runtime directory %s: %v", saw.dir, saw.err), Advice: "let root alone write it"}}
	}
	return []Finding{{
		Level: Error, Text: fmt.Sprintf("the runtime directory %s cannot be written: %v", saw.dir, saw.err),
		Advice: "name a writable one with --runtime-dir, on a file system that lasts until the next boot",
	}}
}
