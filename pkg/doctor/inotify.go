package doctor

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

var inotify = newCheck("inotify", "the daemon can watch files",
	"The daemon watches the files and `/run/netns` with inotify. Each user has a limited number of inotify instances (128 by\ndefault), which a desktop or a cluster of containers can use up.",
	func(context.Context, *Machine) (usedUp, error) {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if errors.Is(err, unix.EMFILE) {
			return true, nil
		}
		if err == nil {
			unix.Close(fd)
		}
		return false, err
	}, judgeInotify)

type usedUp bool

func judgeInotify(_ *spec.Desired, saw usedUp) []Finding {
	if !saw {
		return nil
	}
	return []Finding{{
		Level: Error, Text: "this user has used up all inotify instances, so the daemon cannot start",
		Advice: "raise the sysctl fs.inotify.max_user_instances, for example to 1024",
	}}
}
