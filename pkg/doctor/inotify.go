package doctor

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

var inotify = newCheck("inotify", "changed files can be noticed",
	"The daemon hears of changed files and of names in `/run/netns` through inotify, of which a user has a limited number of\ninstances (128 by default, which a desktop or a cluster of containers can use up).",
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
		Level: Error, Text: "this user has no inotify instance left, so no daemon of linkd can start",
		Advice: "raise the sysctl fs.inotify.max_user_instances, for example to 1024",
	}}
}
