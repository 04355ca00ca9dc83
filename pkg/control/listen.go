package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Group is the system group whose members may ask the daemon how things stand, where it exists.
const Group = "linkd"

const (
	socketMode      = 0o600
	groupSocketMode = 0o660
)

// door is the control socket, and whose group may come in.
type door struct {
	net.Listener
	readers int // the ID of the group, or nobody
	close   func()
}

// nobody is a group that no process is in: (gid_t)-1 stands for none (chown(2)).
const nobody = -1

// open takes the socket that systemd has made (sd_listen_fds(3)), or else makes one in dir.
func open(dir string, log *slog.Logger) (*door, error) {
	// The variables go, and with them what a program that linkd starts could take for its own.
	passed, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("take the socket from systemd: %w", err)
	}
	if len(passed) == 0 {
		return create(dir, log)
	}
	listener, is := passed[0].(*net.UnixListener)
	if len(passed) > 1 || !is {
		for _, l := range passed {
			if l != nil {
				l.Close()
			}
		}
		return nil, fmt.Errorf("systemd passes %d files, and what is wanted is one Unix stream socket", len(passed))
	}
	d := &door{Listener: listener, readers: nobody, close: func() { listener.Close() }}
	if info, err := os.Lstat(listener.Addr().String()); err == nil {
		d.readers = writers(info)
	}
	return d, nil
}

// writers is the group that a file's mode lets write, which is what it takes to connect to a socket (unix(7)).
func writers(info fs.FileInfo) int {
	st, is := info.Sys().(*syscall.Stat_t)
	if !is || info.Mode().Perm()&unix.S_IWGRP == 0 {
		return nobody
	}
	return int(st.Gid)
}

// create makes the socket under a name that nobody asks for, and moves it to its own when it has its mode and group. That
// also replaces, at one stroke, whatever stands there: a dead daemon's socket, or a symbolic link, which is not followed.
// The lock on the directory is held, so nothing there is a living daemon's.
func create(dir string, log *slog.Logger) (*door, error) {
	path := filepath.Join(dir, SocketName)
	// No longer than the name it gets: the path of a socket has 108 bytes (unix(7)).
	temporary := filepath.Join(dir, "linkd.new")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := (&net.ListenConfig{Control: private}).Listen(context.Background(), "unix", temporary)
	if err != nil {
		return nil, err
	}
	d := &door{Listener: listener}
	// It is not where it was made any more.
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if d.readers, err = shareWithGroup(temporary); err != nil {
		log.Warn("the control socket is for root alone", "error", err)
	}
	made, err := os.Lstat(temporary)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		listener.Close()
		return nil, errors.Join(err, os.Remove(temporary))
	}
	d.close = func() {
		listener.Close()
		// Another's socket stays: who removes the lock's file lets a second daemon in.
		if now, err := os.Lstat(path); err == nil && os.SameFile(made, now) {
			_ = os.Remove(path)
		}
	}
	return d, nil
}

// private sets the mode that the socket's file will be made with, less the umask: bind(2) takes it from the socket
// (unix_bind_bsd in net/unix/af_unix.c), so that there is no moment with a wider one.
func private(_, _ string, conn syscall.RawConn) error {
	var err error
	if closed := conn.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), socketMode) }); closed != nil {
		return closed
	}
	return err
}

// shareWithGroup gives the socket to the group, and returns the group's ID; nobody where there is no such group.
func shareWithGroup(path string) (int, error) {
	group, err := user.LookupGroup(Group)
	if errors.As(err, new(user.UnknownGroupError)) {
		return nobody, nil
	}
	if err != nil {
		return nobody, err
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return nobody, err
	}
	// The group comes first: the other way round, root's own would be let in for a moment.
	if err := errors.Join(os.Lchown(path, -1, gid), os.Chmod(path, groupSocketMode)); err != nil {
		return nobody, err
	}
	return gid, nil
}
