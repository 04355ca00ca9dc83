package observe

import (
	"slices"
	"strconv"
	"strings"
)

// mountinfoLimit is far above what the mounts of ten thousand containers need.
const mountinfoLimit = 64 << 20

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
