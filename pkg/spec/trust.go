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

// Untrusted says why a file is not read: somebody else than root decides what is in it, and what is in it is done as root.
type Untrusted struct {
	// Subject is the file or directory that others can change: a path, or "it".
	Subject string
	// Reason is how they can, and what to do about it.
	Reason string
}

func (e *Untrusted) Error() string { return e.Subject + " " + e.Reason }

// opener opens a file or directory to be read.
type opener func(name string) (*os.File, error)

// openTrusted opens a file or directory that only root, or the user that linkd runs as, can have written or put there:
// itself and each directory on the way to it, through all symbolic links, belongs to them, and nobody else may write it.
// That is what sshd asks of a user's keys (StrictModes in sshd_config(5)) and sudo of its rules.
//
// Each step is opened from the one before, which others cannot change any more, and looked at when it is open; and what
// is read is what was looked at.
func openTrusted(name string) (*os.File, error) {
	if isUnnamedPipe(name) {
		return os.Open(name)
	}
	w := walk{name: name, left: strings.Split(name, "/"), consequence: "and what is in it is done as root"}
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

// CheckTrusted tells, with an Untrusted, whether others than root can write a directory, or put another in its place.
func CheckTrusted(dir string) error {
	f, err := openTrusted(dir)
	if err != nil {
		return err
	}
	return f.Close()
}

// walk is on its way to a file.
type walk struct {
	name  string   // what was asked for
	at    string   // where it is, without any symbolic links
	left  []string // the names to come
	links int      // how many symbolic links it went through
	fd    int      // what it has come to, opened with O_PATH: to look at, and to go on from
	stat  unix.Stat_t
	// consequence says what others can do by changing the path.
	consequence string
}

// mostLinks is what the kernel follows, too (path_resolution(7)).
const mostLinks = 40

func (w *walk) start() (err error) {
	w.at = "/"
	w.fd, w.stat, err = w.open(unix.AT_FDCWD, "/")
	return err
}

// open opens a name below dir to look at it.
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

// step goes on by one name, from what has to be a directory that others cannot change.
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

// follow goes on by what a symbolic link says, in the directory in which it is.
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

// check looks at who may change what is open: onTheWay, a directory in which something is to be found.
func (w *walk) check(onTheWay bool) error {
	if err := w.checkOwner(onTheWay); err != nil {
		return err
	}
	const sticky, others = unix.S_ISVTX, unix.S_IWGRP | unix.S_IWOTH
	// Nobody can remove or rename what is another's in a directory with the sticky bit (unlink(2)), and what is found there
	// has to be root's, too. But a directory of which all files are read must get none of others.
	safe := onTheWay && w.stat.Mode&sticky != 0
	if w.stat.Mode&others == 0 || safe || w.readOnly() {
		return nil
	}
	return w.refuse(w.at, "can be written by others than its owner", "chmod go-w")
}

// checkOwner looks at who may change the mode of what is open. OnTheWay, the owner may also be somebody beyond the user
// namespace that linkd is root of, most likely the machine's root.
func (w *walk) checkOwner(onTheWay bool) error {
	uid := w.stat.Uid
	if trusted(uid) || onTheWay && IsNobodyKnown(uid) {
		return nil
	}
	remedy := "chown root:"
	if onTheWay {
		// It may be somebody's home.
		remedy = "keep the file in a directory of root's, or " + remedy
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

// readOnly tells whether the file system is mounted so that nothing can be written: Kubernetes mounts the directory of a
// ConfigMap with mode 0777, and read-only.
func (w *walk) readOnly() bool {
	var st unix.Statfs_t
	return unix.Fstatfs(w.fd, &st) == nil && st.Flags&unix.ST_RDONLY != 0
}

// read opens the very thing that was looked at. Not a pipe or a device, for which the daemon would wait; nor, without
// waiting for it either, what another process has a lease on (fcntl(2)).
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

// isUnnamedPipe tells what only the processes hold that were given it, as `linkd apply --config <(render)` does: it is in no
// directory, and opening it waits for nobody.
func isUnnamedPipe(name string) bool {
	var at unix.Stat_t
	var on unix.Statfs_t
	return unix.Stat(name, &at) == nil && at.Mode&unix.S_IFMT == unix.S_IFIFO && trusted(at.Uid) &&
		unix.Statfs(name, &on) == nil && on.Type == unix.PIPEFS_MAGIC
}

// overflowUID is who a file belongs to whose owner has no ID in a user namespace (user_namespaces(7)).
const overflowUID = 65534

// IsNobodyKnown tells whether a user ID stands for all users whom linkd's own user namespace has no ID for, and so for no
// user in particular.
func IsNobodyKnown(uid uint32) bool { return uid == overflowUID && hasUnmappedUsers() }

// hasUnmappedUsers tells whether there are users whom linkd's own user namespace has no ID for, so that overflowUID is not one
// of its own.
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
