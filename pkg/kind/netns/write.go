package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/link"
	"linkd/pkg/observe"
)

// Create makes the file, and the namespace if linkd makes it.
func (kind) Create(_ context.Context, ns *observe.NS, want *Name) error {
	if err := makeDir(); err != nil {
		return err
	}
	if !want.Made {
		err := os.Symlink(want.Target, want.path())
		if target, _ := os.Readlink(want.path()); errors.Is(err, fs.ErrExist) && target == want.Target {
			return nil
		}
		return err
	}
	if err := ns.World().Mounting(share); err != nil {
		return err
	}
	f, err := os.OpenFile(want.path(), os.O_RDONLY|os.O_CREATE|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	f.Close()
	return want.mount(ns.World())
}

// makeDir makes the directory as ip-netns(8) does, so that every user can list it, whatever the umask of the service
// is.
func makeDir() error {
	err := os.Mkdir(observe.NetnsDir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return errors.Join(err, os.Chmod(observe.NetnsDir, 0o755))
}

// mount makes a namespace and mounts it over the empty file.
func (n *Name) mount(world *observe.World) error {
	err := observe.NewNamespace(func(path string) error {
		if !n.loopbackDown {
			if err := setLoopbackUp(); err != nil {
				return fmt.Errorf("set lo up: %w", err)
			}
		}
		return world.Mounting(func() error { return unix.Mount(path, n.path(), "none", unix.MS_BIND, "") })
	})
	if err != nil {
		return errors.Join(fmt.Errorf("mount at %s: %w", n.path(), err), os.Remove(n.path()))
	}
	return nil
}

// setLoopbackUp sets lo up in the namespace of the calling thread (netdevice(7), SIOCSIFFLAGS).
func setLoopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, lo); err != nil {
		return err
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo)
}

// share makes mounts of names appear in other mount namespaces, and disappear from them. Without it, a namespace that
// is unmounted here would live on there (ip-netns(8) does the same).
func share() error {
	const dir = observe.NetnsDir
	err := unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	// Only a mount point can be shared.
	if err := unix.Mount(dir, dir, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
}

// Update points a symbolic link to the present place of the namespace, or completes what a killed linkd left.
func (kind) Update(_ context.Context, ns *observe.NS, want, have *Name) error {
	if want.Made && have.stray == emptyFile {
		if err := ns.World().Mounting(share); err != nil {
			return err
		}
		return want.mount(ns.World())
	}
	if want.Made || have.Made || have.stray != "" {
		return fmt.Errorf("%s is %s, and would have to be %s: remove it", want.path(), have.describe(), want.describe())
	}
	// A rename would leave an unknown file if linkd were killed before it.
	if err := os.Remove(want.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(want.Target, want.path())
}

// Delete removes the name. The namespace lives on as long as a process is in it. Delete refuses a file with content,
// which linkd did not leave.
func (kind) Delete(ctx context.Context, ns *observe.NS, have *Name) error {
	if have.stray == plainFile {
		return nil
	}
	if have.mounted() {
		same := false
		err := ns.World().Visit(have.path(), func(there *observe.NS) error {
			if same = there.Identity == have.identity; !same {
				return nil
			}
			return refuseForeign(ctx, there)
		})
		if errors.Is(err, fs.ErrNotExist) || (err == nil && !same) {
			// It has gone since the look, and another namespace of that name is somebody else's.
			return nil
		}
		if err != nil {
			return err
		}
		err = ns.World().Mounting(func() error { return unix.Unmount(have.path(), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) })
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	if err := os.Remove(have.path()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// refuseForeign looks a last time for resources that would be lost with the namespace: they may be new, or known
// under another name of the namespace.
func refuseForeign(ctx context.Context, ns *observe.NS) error {
	links, err := ns.Links(ctx)
	if err != nil {
		return err
	}
	for _, l := range links.All {
		if !link.Marked(l) && !link.IsFallback(l.Name) {
			return fmt.Errorf("to delete it would end %s, which linkd did not make", l.Name)
		}
	}
	return nil
}
