package doctor

import (
	"context"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/sysctl"
	"linkd/pkg/spec"
)

var procSys = newCheck("proc-sys", "linkd can set sysctls",
	"In a container, and with `ProtectKernelTunables` in a unit, `/proc/sys` is read-only, and linkd cannot set sysctls.",
	func(context.Context, *Machine) (readOnly, error) {
		var fs unix.Statfs_t
		err := unix.Statfs("/proc/sys/net", &fs)
		return fs.Flags&unix.ST_RDONLY != 0, err
	}, judgeProcSys)

type readOnly bool

func judgeProcSys(files *spec.Desired, saw readOnly) []Finding {
	for _, r := range files.Resources.All() {
		if _, is := r.(sysctl.Sysctl); is && bool(saw) {
			return []Finding{Finding{
				Level: Error, Text: "/proc/sys is read-only here, so linkd cannot set sysctls",
				Advice: "run linkd outside of a container, or in one with --privileged, and without ProtectKernelTunables in its unit",
			}.of(r)}
		}
	}
	return nil
}
