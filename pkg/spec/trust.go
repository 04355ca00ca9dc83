package spec

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Untrusted says why a file is not read: other users than root can change it, and linkd acts on its content as root.
type Untrusted struct {
	// Subject is the file or directory that others can change: a path, or "it".
	Subject string
	// Reason is how they can change it, and what to do about it.
	Reason string
}

func (e *Untrusted) Error() string { return e.Subject + " " + e.Reason }

// opener opens a file or directory for reading.
type opener func(name string) (*os.File, error)

// openTrusted opens a file or directory that only root, or the user that linkd runs as, can have written or put
// there: the file and each directory on the path, through all symbolic links, belongs to one of them, and nobody else
// may write it. sshd requires the same of a user's keys (StrictModes in sshd_config(5)), and sudo of its rules.
// It opens each step from the one before, which others cannot change any more, and checks it after opening. It reads
// what it checked.
func openTrusted(name string) (*os.File, error) {
	if isUnnamedPipe(name) {
		return os.Open(name)
	}
	w := walk{name: name, left: strings.Split(name, "/"), consequence: "and linkd acts on its content as root"}
	if !strings.HasPrefix(name, "/") {
		here, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		w.left = append(strings.Split(here, "/"), w.left...)
	}
	err := w.start()
	defer func() { unix.Close(w.fd) }()
	for err == nil && len(w.left) > 0 {
		err = w.step()
	}
	if err == nil {
		err = w.check(false)
	}
	if err != nil {
		return nil, err
	}
	return w.read()
}

// CheckTrusted returns an Untrusted if other users than root can write a directory or replace it.
func CheckTrusted(dir string) error {
	f, err := openTrusted(dir)
	if err != nil {
		return err
	}
	return f.Close()
}

// walk is a walk along a path.
type walk struct {
	name  string   // the requested path
	at    string   // the present path, without symbolic links
	left  []string // the names to come
	links int      // the number of symbolic links so far
	fd    int      // the present file, opened with O_PATH: to check, and to continue from
	stat  unix.Stat_t
	// consequence says what others can do by changing the path.
	consequence string
}

// mostLinks is the number of symbolic links that the kernel follows, too (path_resolution(7)).
const mostLinks = 40

func (w *walk) start() (err error) {
	w.at = "/"
	w.fd, w.stat, err = w.open(unix.AT_FDCWD, "/")
	return err
}

// open opens a name below dir with O_PATH.
func (w *walk) open(dir int, name string) (fd int, stat unix.Stat_t, err error) {
	if fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
		return -1, stat, &os.PathError{Op: "open", Path: w.name, Err: err}
	}
	if err = unix.Fstat(fd, &stat); err != nil {
		unix.Close(fd)
		return -1, stat, &os.PathError{Op: "stat", Path: w.name, Err: err}
	}
	return fd, stat, nil
}

// step continues by one name, from a directory that others must not be able to change.
func (w *walk) step() error {
	name := w.left[0]
	w.left = w.left[1:]
	if name == "" || name == "." {
		return nil
	}
	if err := w.check(true); err != nil {
		return err
	}
	fd, stat, err := w.open(w.fd, name)
	if err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		defer unix.Close(fd)
		return w.follow(fd, path.Join(w.at, name), stat.Uid)
	}
	unix.Close(w.fd)
	w.fd, w.stat, w.at = fd, stat, path.Join(w.at, name)
	return nil
}

// follow continues at the target of a symbolic link, in the directory of the link.
func (w *walk) follow(link int, at string, owner uint32) error {
	if w.links++; w.links > mostLinks {
		return &os.PathError{Op: "open", Path: w.name, Err: unix.ELOOP}
	}
	if !trusted(owner) {
		return w.refuse(at, "belongs to "+userName(owner), "chown -h root:")
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(link, "", target)
	if err != nil {
		return &os.PathError{Op: "readlink", Path: at, Err: err}
	}
	w.left = append(strings.Split(string(target[:n]), "/"), w.left...)
	if target[0] != '/' {
		return nil
	}
	unix.Close(w.fd)
	return w.start()
}

// check checks who may change the open file. onTheWay: it is a directory on the path.
func (w *walk) check(onTheWay bool) error {
	if err := w.checkOwner(onTheWay); err != nil {
		return err
	}
	const sticky, others = unix.S_ISVTX, unix.S_IWGRP | unix.S_IWOTH
	// In a directory with the sticky bit nobody can remove or rename a file of another user (unlink(2)), and the file
	// itself must belong to root, too. But a directory whose files are all read must not get files of other users.
	safe := onTheWay && w.stat.Mode&sticky != 0
	if w.stat.Mode&others == 0 || safe || w.readOnly() {
		return nil
	}
	return w.refuse(w.at, "can be written by users other than its owner", "chmod go-w")
}

// checkOwner checks who may change the mode of the open file. The owner of a directory on the path may also be a user
// outside the user namespace of linkd, most likely the machine's root.
func (w *walk) checkOwner(onTheWay bool) error {
	uid := w.stat.Uid
	if trusted(uid) || onTheWay && IsNobodyKnown(uid) {
		return nil
	}
	remedy := "chown root:"
	if onTheWay {
		// It may be a home directory.
		remedy = "keep the file in a directory that belongs to root, or " + remedy
	}
	return w.refuse(w.at, "belongs to "+userName(uid), remedy)
}

func trusted(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

func (w *walk) refuse(at, why, remedy string) error {
	subject := at
	if at == w.name {
		subject = "it"
	}
	return &Untrusted{subject, fmt.Sprintf("%s, %s: %s %s", why, w.consequence, remedy, at)}
}

// readOnly reports whether the file system is mounted read-only: Kubernetes mounts the directory of a ConfigMap with
// mode 0777, and read-only.
func (w *walk) readOnly() bool {
	var st unix.Statfs_t
	return unix.Fstatfs(w.fd, &st) == nil && st.Flags&unix.ST_RDONLY != 0
}

// read opens the checked file for reading. It refuses a pipe or a device, for which the daemon would wait, and does
// not wait for a file on which another process has a lease (fcntl(2)).
func (w *walk) read() (*os.File, error) {
	if kind := w.stat.Mode & unix.S_IFMT; kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return nil, errNotRegular
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", w.fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrBeingWritten
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: w.name, Err: err}
	}
	return os.NewFile(uintptr(fd), w.name), nil
}

// isUnnamedPipe reports whether a file is a pipe that only the processes have to which it was passed, as in `linkd
// apply --config <(render)`: it is in no directory, and opening it does not block.
func isUnnamedPipe(name string) bool {
	var at unix.Stat_t
	var on unix.Statfs_t
	return unix.Stat(name, &at) == nil && at.Mode&unix.S_IFMT == unix.S_IFIFO && trusted(at.Uid) &&
		unix.Statfs(name, &on) == nil && on.Type == unix.PIPEFS_MAGIC
}

// overflowUID is the owner of a file whose owner has no ID in a user namespace (user_namespaces(7)).
const overflowUID = 65534

// IsNobodyKnown reports whether a user ID stands for all users without an ID in linkd's own user namespace, and so
// for no particular user.
func IsNobodyKnown(uid uint32) bool { return uid == overflowUID && hasUnmappedUsers() }

// hasUnmappedUsers reports whether there are users without an ID in linkd's own user namespace, so that overflowUID
// is none of its own.
var hasUnmappedUsers = sync.OnceValue(func() bool {
	f, err := os.Open("/proc/self/uid_map")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var first, outside, count uint32
		if _, err := fmt.Sscan(lines.Text(), &first, &outside, &count); err != nil || overflowUID >= first && overflowUID-first < count {
			return false
		}
	}
	return true
})

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}
