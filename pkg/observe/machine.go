package observe

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// mountinfoLimit is far above what the mounts of ten thousand containers need.
const mountinfoLimit = 64 << 20

// visitPlace opens a namespace for f. A namespace that has ended, or that is not at its place any more, is no error.
func (w *World) visitPlace(p place, at Inode, f func(ns *NS) error) error {
	fd, err := p.open()
	var errno unix.Errno
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH), errors.Is(err, unix.EBADF), !errors.As(err, &errno):
		return nil
	default:
		return err
	}
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil || at != (Inode{now.Dev, now.Ino}) {
		unix.Close(fd)
		return err
	}
	return w.visitOpen(fd, p.where, f)
}
