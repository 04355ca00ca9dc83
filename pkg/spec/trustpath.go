package spec

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenTrustedPath opens the file at an absolute path with O_PATH, and refuses, with an Untrusted, a path at which
// other users than root, or than the user that linkd runs as, can replace the file: by writing a directory, or by
// owning a directory or symbolic link. The file may be of any type.
// In /proc, another user's process may get the number of a process that ended. OpenTrustedPath follows
// /proc/PID/ns/TYPE as the last step of the path and reports that by ofProcess. The caller must check the owner of
// that namespace.
func OpenTrustedPath(name string) (fd int, ofProcess bool, err error) {
	w := walk{name: name, left: strings.Split(name, "/"), consequence: "who could put another namespace there"}
	if err := w.start(); err != nil {
		return -1, false, err
	}
	for err == nil && len(w.left) > 0 && !ofProcess {
		if w.inProc() {
			ofProcess, err = w.stepInProc()
		} else {
			err = w.step()
		}
	}
	if err != nil {
		unix.Close(w.fd)
		return -1, false, err
	}
	return w.fd, ofProcess, nil
}

// inProc reports whether the walk is in a procfs.
func (w *walk) inProc() bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(w.fd, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
}

// jumps are the links below /proc/PID that lead to a process's files, whatever the text of the link is.
var jumps = []string{"root", "cwd", "exe"}

// stepInProc is step in a procfs, where the owner of a directory does not say who can change it. The step to a
// namespace is the last one; then arrived is true.
func (w *walk) stepInProc() (arrived bool, err error) {
	name := w.left[0]
	above := path.Base(w.at)
	switch {
	case name == "" || name == ".":
		w.left = w.left[1:]
		return false, nil
	case above == "ns" && len(w.left) == 1:
		fd, err := unix.Openat(w.fd, name, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return false, &os.PathError{Op: "open", Path: w.name, Err: err}
		}
		unix.Close(w.fd)
		w.fd, w.left = fd, nil
		return true, nil
	case slices.Contains(jumps, name), above == "fd", above == "map_files", above == "ns":
		at := path.Join(w.at, name)
		return false, &Untrusted{at, fmt.Sprintf("is a process's own: a path for root must not lead through it; name the namespace of a process by pid: or process: instead of %s", w.name)}
	}
	w.left = w.left[1:]
	fd, stat, err := w.open(w.fd, name)
	// The directory of a process disappears when the process ends.
	if errors.Is(err, unix.ESRCH) {
		err = &os.PathError{Op: "open", Path: w.name, Err: unix.ENOENT}
	}
	if err != nil {
		return false, err
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		defer unix.Close(fd)
		// /proc/self and /proc/mounts are ordinary links that belong to root.
		return false, w.follow(fd, path.Join(w.at, name), 0)
	}
	unix.Close(w.fd)
	w.fd, w.stat, w.at = fd, stat, path.Join(w.at, name)
	return false, nil
}
