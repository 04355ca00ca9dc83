package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/bounded"
)

// mountinfoLimit is far above what the mounts of ten thousand containers need.
const mountinfoLimit = 64 << 20

// machineNamespaces returns paths to the network namespaces of the machine that a mount or a process shows. It does not
// know a namespace that only an open file, a socket or a mount in another mount namespace holds, nor one of processes
// that linkd may not look at.
func machineNamespaces() (map[Inode]string, error) {
	var own unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &own); err != nil {
		return nil, err
	}
	processes, err := scanNamespaces()
	if err != nil {
		return nil, err
	}
	found := make(map[Inode]string, len(processes))
	for inode, pid := range processes {
		found[inode] = fmt.Sprintf("/proc/%d/ns/net", pid)
	}
	text, err := bounded.ReadFile("/proc/thread-self/mountinfo", mountinfoLimit)
	if err != nil {
		return nil, err
	}
	mounted := mountedNamespaces(string(text))
	for _, ino := range slices.Sorted(maps.Keys(mounted)) {
		// All namespaces are files of one file system.
		found[Inode{own.Dev, ino}] = mounted[ino]
	}
	return found, nil
}

// mountedNamespaces returns the mount points of network namespaces in the text of a mountinfo file
// (proc_pid_mountinfo(5)) by inode number. Of several mount points of a namespace it returns the first.
func mountedNamespaces(mountinfo string) map[uint64]string {
	const root, point = 3, 4
	mounted := map[uint64]string{}
	for line := range strings.Lines(mountinfo) {
		if !strings.Contains(line, " net:[") {
			continue
		}
		fields := strings.Fields(line)
		separator := slices.Index(fields, "-")
		if separator <= point || separator+1 >= len(fields) || fields[separator+1] != "nsfs" {
			continue
		}
		number, _ := strings.CutPrefix(fields[root], "net:[")
		ino, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
		if _, known := mounted[ino]; err == nil && !known {
			mounted[ino] = unescapeMount(fields[point])
		}
	}
	return mounted
}

// unescapeMount replaces what the kernel writes for blanks and backslashes in a path (show_mountinfo in
// fs/proc_namespace.c).
func unescapeMount(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// visitInode does the same as Visit if the path still leads to the namespace with that inode. A namespace that has
// ended, or is hidden by another mount, is no error.
func (w *World) visitInode(path string, at Inode, f func(ns *NS) error) error {
	var now unix.Stat_t
	switch err := unix.Stat(path, &now); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return nil
	case err != nil:
		return fmt.Errorf("open %s: %w", path, err)
	case Inode{now.Dev, now.Ino} != at:
		return nil
	}
	err := w.Visit(path, func(ns *NS) error {
		if inode, err := ns.Inode(); err != nil || inode != at {
			return err
		}
		return f(ns)
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}
