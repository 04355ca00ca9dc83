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

// OpenTrustedPath opens what is at an absolute path, to look at only (O_PATH), and refuses a path on which users other
// than root, or the user that linkd runs as, can put another thing in its place: by writing a directory, or by owning a
// directory or symbolic link. The error is then an Untrusted. What is at the path may be anything.
//
// In /proc, a process may end and another user's get its number. OpenTrustedPath follows /proc/PID/ns/TYPE as the last
// step of the path, reports it by ofProcess, and leaves it to the caller to check whose namespace that is.
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

// inProc tells whether the walk has come into a procfs.
func (w *walk) inProc() bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(w.fd, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
}

// jumps are the links below /proc/PID that lead to a process's files, wherever the text of the link would lead.
var jumps = []string{"root", "cwd", "exe"}

// stepInProc is step in a procfs, where who owns a directory says nothing of who can change it. The last step to a
// namespace is the whole walk's, and then arrived is true.
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
	// A process that ends takes its directory with it.
	if errors.Is(err, unix.ESRCH) {
		err = &os.PathError{Op: "open", Path: w.name, Err: unix.ENOENT}
	}
	if err != nil {
		return false, err
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		defer unix.Close(fd)
		// /proc/self and /proc/mounts are links as everywhere, and root's.
		return false, w.follow(fd, path.Join(w.at, name), 0)
	}
	unix.Close(w.fd)
	w.fd, w.stat, w.at = fd, stat, path.Join(w.at, name)
	return false, nil
}
