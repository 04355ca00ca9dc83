package observe

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/bounded"
)

// lineLimit is far above the size of a file of /proc or sysfs that has one number or short name.
const lineLimit = 8 << 10

// GivenMACs returns the indexes of the links whose link-layer address somebody set: it is neither the hardware's own
// nor one that the kernel generated (NET_ADDR_SET in linux/netdevice.h). Only sysfs has this information. A sysfs
// shows the namespace in which it was mounted, so GivenMACs mounts one at no place. If that is not allowed, it
// returns none.
func (ns *NS) GivenMACs(ctx context.Context) (map[int]bool, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	const set = "3"
	given := map[int]bool{}
	err = ns.Do(func() error {
		root, err := OpenSysfs()
		if err != nil {
			return nil
		}
		defer unix.Close(root)
		for _, l := range links.All {
			text, err := bounded.ReadFile(fmt.Sprintf("/proc/thread-self/fd/%d/class/net/%s/addr_assign_type", root, cmp.Or(l.FirstName, l.Name)), lineLimit)
			if err == nil && strings.TrimSpace(string(text)) == set {
				given[l.Index] = true
			}
		}
		return nil
	})
	return given, err
}

// OpenSysfs mounts the sysfs of the thread's network namespace without attaching it to a path (fsmount in
// linux/mount.h), and opens it. The caller closes the descriptor. /sys shows the interfaces of another namespace than
// the thread's (sysfs_init_fs_context in fs/sysfs/mount.c).
func OpenSysfs() (fd int, err error) {
	context, err := unix.Fsopen("sysfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}
