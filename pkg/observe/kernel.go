package observe

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// KernelIs tells whether the kernel is of that version or a later one, for what it does not say when asked. A version
// that cannot be read is taken for a late one.
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
