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
	d := newDoor(listener, dir, listener.Addr().String(), log)
	if info, err := os.Lstat(d.path); err == nil {
		d.readers.Store(writers(info))
	}
	return d, nil
}

// writers is the group that a file's mode lets write, which is what it takes to connect to a socket (unix(7)).
func writers(info fs.FileInfo) int64 {
	st, is := info.Sys().(*syscall.Stat_t)
	if !is || info.Mode().Perm()&unix.S_IWGRP == 0 {
		return nobody
	}
	return int64(st.Gid)
}

// create makes the socket under a name that nobody asks for, and moves it to its own when it has its mode and group. That
// also replaces, at one stroke, whatever stands there: a dead daemon's socket, or a symbolic link, which is not followed.
// The lock on the directory is held, so nothing there is a living daemon's.
func create(dir string, log *slog.Logger) (*door, error) {
	path := filepath.Join(dir, SocketName)
	listener, made, readers, err := makeSocket(path, os.Rename, log)
	if err != nil {
		return nil, err
	}
	d := newDoor(listener, dir, path, log)
	d.made = made
	d.readers.Store(readers)
	return d, nil
}

// makeSocket makes a socket beside a path, and has move give it that name. Readers is whose group may come in.
func makeSocket(path string, move func(from, to string) error, log *slog.Logger) (listener net.Listener, made fs.FileInfo, readers int64, err error) {
	// No longer than the name it gets: the path of a socket has 108 bytes (unix(7)).
	temporary := filepath.Join(filepath.Dir(path), "linkd.new")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nobody, err
	}
	listener, err = (&net.ListenConfig{Control: private}).Listen(context.Background(), "unix", temporary)
	if err != nil {
		return nil, nil, nobody, err
	}
	// It is not where it was made any more.
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	readers, err = shareWithGroup(temporary)
	if err != nil {
		log.Warn("the control socket is for root alone", "error", err)
	}
	made, err = os.Lstat(temporary)
	if err == nil {
		err = move(temporary, path)
	}
	if err != nil {
		listener.Close()
		return nil, nil, nobody, errors.Join(err, os.Remove(temporary))
	}
	return listener, made, readers, nil
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
func shareWithGroup(path string) (int64, error) {
	group, err := user.LookupGroup(Group)
	if errors.As(err, new(user.UnknownGroupError)) {
		return nobody, nil
	}
	if err != nil {
		return nobody, err
	}
	gid, err := strconv.ParseInt(group.Gid, 10, 32)
	if err != nil {
		return nobody, err
	}
	// The group comes first: the other way round, root's own would be let in for a moment.
	if err := errors.Join(os.Lchown(path, -1, int(gid)), os.Chmod(path, groupSocketMode)); err != nil {
		return nobody, err
	}
	return gid, nil
}
