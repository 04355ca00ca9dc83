package link

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// The device number of an interface is the inode number of its folder in sysfs. The kernel assigns each node of sysfs a new number,
// and never assigns a number twice (__kernfs_new_node in fs/kernfs/dir.c, 64 bits since 5.5). It creates the folder with the
// device, and only renames the folder when the device is renamed or moved to another namespace (__dev_change_net_namespace in
// net/core/dev.c). So root in a namespace cannot give the number of one device to another, unlike an index, an address or a name.

// readDevices returns the device numbers of interfaces by name, without those that do not exist.
func readDevices(ns *observe.NS, names ...string) (map[string]string, error) {
	devices := make(map[string]string, len(names))
	err := ns.Do(func() error {
		sysfs, err := observe.OpenSysfs()
		if err != nil {
			return fmt.Errorf("mount sysfs: %w", err)
		}
		defer unix.Close(sysfs)
		for _, name := range names {
			var st unix.Stat_t
			switch err := unix.Fstatat(sysfs, "class/net/"+name, &st, 0); {
			case errors.Is(err, unix.ENOENT):
			case err != nil:
				return fmt.Errorf("look up %s in sysfs: %w", name, err)
			default:
				devices[name] = strconv.FormatUint(st.Ino, 10)
			}
		}
		return nil
	})
	return devices, err
}

// deviceNamed returns the device number of the interface with a name.
func deviceNamed(ns *observe.NS, name string) (string, error) {
	devices, err := readDevices(ns, name)
	if err == nil && devices[name] == "" {
		err = fmt.Errorf("%s: look up %s: %w", ns.Name, name, unix.ENODEV)
	}
	return devices[name], err
}

// nameOfDevice returns the name of the interface with a device number; "" if there is none.
func nameOfDevice(ns *observe.NS, device string) (string, error) {
	ns.Forget()
	links, err := ns.Links(context.Background())
	if err != nil {
		return "", err
	}
	names := make([]string, len(links.All))
	for i, l := range links.All {
		names[i] = l.Name
	}
	devices, err := readDevices(ns, names...)
	for name, is := range devices {
		if is == device {
			return name, err
		}
	}
	return "", err
}
