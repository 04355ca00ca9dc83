package link

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// A device's number is the inode number of its folder in sysfs. The kernel numbers the nodes of sysfs as it makes them, and
// uses no number twice (__kernfs_new_node in fs/kernfs/dir.c, 64 bits since 5.5). The folder is made with the device, and
// is only renamed when the device gets another name or goes to another namespace (__dev_change_net_namespace in
// net/core/dev.c). So, other than an index, an address or a name, nobody who is root in a namespace can give the number of
// one device to another.

// readDevices are the numbers of interfaces, by their names. One that is not there has none.
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

// deviceNamed is the number of the interface with that name.
func deviceNamed(ns *observe.NS, name string) (string, error) {
	devices, err := readDevices(ns, name)
	if err == nil && devices[name] == "" {
		err = fmt.Errorf("%s: look up %s: %w", ns.Name, name, unix.ENODEV)
	}
	return devices[name], err
}

// nameOfDevice is the name of the interface with that number; "" where none has it.
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
