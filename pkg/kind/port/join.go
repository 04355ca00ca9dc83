package port

import (
	"errors"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// join sets the master of an interface, or removes it from its master. It sets an interface down that becomes a port of an
// aggregate; Restore sets it up again. Fresh: the interface has no master and nothing of others.
func join(ns *observe.NS, want *Port, fresh bool) error {
	master, err := 0, error(nil)
	if *want.Master != "" {
		master, err = masterIndex(ns, want)
	}
	if err != nil {
		return err
	}
	c, err := readChange(ns, want, master, fresh)
	if err != nil {
		return err
	}
	if aggregates[c.to] && c.link.Up() {
		if err := setUp(ns, want.Dev, false); err != nil {
			return err
		}
	}
	return enslaveAgain(ns, want, master)
}

// enslaveAgain changes the master, and tries once more if another interface has the master's name now.
func enslaveAgain(ns *observe.NS, want *Port, master int) error {
	err := enslave(ns, want.Dev, master)
	if errors.Is(err, unix.EINVAL) && master != 0 {
		// The kernel also returns EINVAL if the master no longer exists (do_set_master in net/core/rtnetlink.c). Another
		// interface may have its name now.
		if now, lookErr := ns.Index(*want.Master); lookErr == nil && now != master {
			return enslave(ns, want.Dev, now)
		}
	}
	return err
}

// masterIndex returns the index of the master; 0 if an earlier master no longer exists. It checks that the master is a bridge if
// options or VLANs are declared, before anything is changed.
func masterIndex(ns *observe.NS, want *Port) (index int, err error) {
	name := *want.Master
	if want.onBridge() {
		var l *observe.Link
		if l, err = ns.LinkByName(name); err == nil {
			index = l.Index
			if l.Kind != bridge {
				return 0, notABridge(name, "a "+l.Kind)
			}
		}
	} else {
		index, err = ns.Index(name)
	}
	switch {
	case errors.Is(err, unix.ENODEV) && want.former:
		// The kernel released the ports of the earlier master when that was deleted.
		return 0, nil
	case errors.Is(err, unix.ENODEV):
		return 0, observe.Pendingf("there is no %s in %s", name, ns.Name)
	}
	return index, err
}
