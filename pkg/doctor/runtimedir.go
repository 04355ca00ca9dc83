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

var runtimeDirectory = newCheck("runtime-directory", "linkd can write the runtime directory",
	"The runtime directory (`--runtime-dir`) has the journal, which says what linkd must restore, the control socket, and the\nlock that prevents two daemons from undoing each other's changes. linkd does not start if users other than root can write\nit.",
	func(_ context.Context, m *Machine) (unwritable, error) {
		if os.Geteuid() != 0 {
			return unwritable{}, needless("only root can check whether linkd can write its runtime directory")
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

// writable reports whether linkd can write a directory, or the one in which it would create the directory.
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
		return []Finding{{Level: Error, Text: fmt.Sprintf("linkd does not start with the runtime directory %s: %v", saw.dir, saw.err), Advice: "allow only root to write it"}}
	}
	return []Finding{{
		Level: Error, Text: fmt.Sprintf("linkd cannot write the runtime directory %s: %v", saw.dir, saw.err),
		Advice: "name a writable one with --runtime-dir, on a file system that lasts until the next boot",
	}}
}
