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

// Group is the system group whose members may read the daemon's state, if the group exists.
const Group = "linkd"

const (
	socketMode      = 0o600
	groupSocketMode = 0o660
)

// nobody stands for no group: no process has the group (gid_t)-1 (chown(2)).
const nobody = -1

// open takes the socket that systemd passes (sd_listen_fds(3)). If systemd passes none, it creates one in dir.
func open(dir string, log *slog.Logger) (*controlSocket, error) {
	// Listeners unsets the variables of sd_listen_fds, so that programs that linkd starts do not use them.
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
		return nil, fmt.Errorf("systemd passes %d files, but linkd takes one Unix stream socket", len(passed))
	}
	d := newControlSocket(listener, dir, listener.Addr().String(), log)
	if info, err := os.Lstat(d.path); err == nil {
		d.readers.Store(writingGroup(info))
	}
	return d, nil
}

// writingGroup returns the group that may write a file, or nobody. A process needs write permission to connect to a socket
// (unix(7)).
func writingGroup(info fs.FileInfo) int64 {
	st, is := info.Sys().(*syscall.Stat_t)
	if !is || info.Mode().Perm()&unix.S_IWGRP == 0 {
		return nobody
	}
	return int64(st.Gid)
}

// create creates the socket in dir. It atomically replaces a file of that name: the socket of a dead daemon, or a symbolic
// link, which it does not follow. Since linkd holds the lock on dir, the socket is not that of a running daemon.
func create(dir string, log *slog.Logger) (*controlSocket, error) {
	path := filepath.Join(dir, SocketName)
	listener, file, readers, err := createSocket(path, os.Rename, log)
	if err != nil {
		return nil, err
	}
	d := newControlSocket(listener, dir, path, log)
	d.file = file
	d.readers.Store(readers)
	return d, nil
}

// createSocket creates a socket under a temporary name, sets its mode and group, and then calls move to give it its name.
// It returns the listener, the file, and the ID of the group that may connect, or nobody.
func createSocket(path string, move func(from, to string) error, log *slog.Logger) (listener net.Listener, file fs.FileInfo, readers int64, err error) {
	// The temporary name is as long as SocketName: the path of a socket has at most 108 bytes (unix(7)).
	temporary := filepath.Join(filepath.Dir(path), "linkd.new")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nobody, err
	}
	listener, err = (&net.ListenConfig{Control: private}).Listen(context.Background(), "unix", temporary)
	if err != nil {
		return nil, nil, nobody, err
	}
	// It is moved, so its listener would remove the wrong file.
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	readers, err = shareWithGroup(temporary)
	if err != nil {
		log.Warn("cannot give the control socket to the group "+Group+": only root can use it", "error", err)
	}
	file, err = os.Lstat(temporary)
	if err == nil {
		err = move(temporary, path)
	}
	if err != nil {
		listener.Close()
		return nil, nil, nobody, errors.Join(err, os.Remove(temporary))
	}
	return listener, file, readers, nil
}

// private sets the mode with which bind(2) creates the socket's file, less the umask: bind takes it from the socket
// (unix_bind_bsd in net/unix/af_unix.c). So the file never has a wider mode.
func private(_, _ string, conn syscall.RawConn) error {
	var err error
	if closed := conn.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), socketMode) }); closed != nil {
		return closed
	}
	return err
}

// shareWithGroup lets Group use the socket, and returns its ID; nobody if there is no such group.
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
	// In the other order, the group of root could connect for a moment.
	if err := errors.Join(os.Lchown(path, -1, int(gid)), os.Chmod(path, groupSocketMode)); err != nil {
		return nobody, err
	}
	return gid, nil
}
