package observe

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// KernelIs reports whether the kernel has at least that version, for features that it does not report itself. A
// version that cannot be parsed counts as recent.
func KernelIs(major, minor int) bool {
	is := kernel()
	return is[0] > major || is[0] == major && is[1] >= minor
}

var kernel = sync.OnceValue(func() (version [2]int) {
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		release := unix.ByteSliceToString(name.Release[:])
		if n, _ := fmt.Sscanf(release, "%d.%d", &version[0], &version[1]); n == 2 {
			return version
		}
	}
	return [2]int{1 << 30, 0}
})
