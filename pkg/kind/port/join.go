package port

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/link/belongings"
	"linkd/pkg/observe"
)

// join sets the master of an interface, or removes it from its master. Some masters set their ports down and up (see reset). Fresh:
// the interface has no master and nothing of others.
func join(ns *observe.NS, want *Port, fresh bool) error {
	master, err := 0, error(nil)
	if *want.Master != "" {
		master, err = masterIndex(ns, want)
	}
	if err != nil {
		return err
	}
	r, err := newReset(ns, want, master, fresh)
	if err == nil {
		err = r.begin(ns, want.Dev)
	}
	if err != nil {
		return err
	}
	return r.end(ns, want.Dev, enslaveAgain(ns, want, master))
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

// reset is what a change of the master does to an interface that is up: a VRF sets the interface down and up when it becomes a port
// and when it leaves (cycle_netdev in drivers/net/vrf.c), so it loses its routes and its global IPv6 addresses. A bond
// and a team take only an interface that is down, set it up, and leave it down when it leaves (bond_enslave and
// __bond_release_one in drivers/net/bonding/bond_main.c, team_port_add in drivers/net/team/team_core.c).
type reset struct {
	// up: the interface is up, and has to be so again. down: it has to be set down before.
	up, down   bool
	belongings belongings.Belongings
}

const vrf = "vrf"

// aggregates are the kinds of master that have no use for addresses and routes of their ports.
var aggregates = map[string]bool{"bond": true, "team": true}

// newReset reads what others have set on the interface and would be lost. It refuses what linkd cannot restore: in a VRF, and as a
// port of an aggregate, it would mean something else.
func newReset(ns *observe.NS, want *Port, master int, fresh bool) (r reset, err error) {
	kind := ""
	if master != 0 {
		to, err := ns.LinkByIndex(master)
		if err != nil {
			return r, err
		}
		kind = to.Kind
	}
	if fresh && !aggregates[kind] && kind != vrf {
		// A question about an interface makes the kernel do what it would do later, on its own time: act upon a new carrier
		// (linkwatch_sync_dev in net/core/rtnetlink.c).
		return r, nil
	}
	l, err := ns.LinkByName(want.Dev)
	if err != nil || !l.Up() {
		return r, err
	}
	r.down = aggregates[kind]
	r.up = r.down || aggregates[l.PortKind]
	if !r.up && kind != vrf && l.PortKind != vrf {
		return r, nil
	}
	if r.belongings, err = belongings.Read(ns, l); err != nil {
		return r, fmt.Errorf("read what %s would lose: %w", want.Dev, err)
	}
	var lost []string
	what := "take it out of " + masterName(ns, l)
	switch {
	case kind == vrf:
		lost = r.belongings.TakeRoutes(unix.RT_TABLE_MAIN)
	case aggregates[kind]:
		lost = r.belongings.TakeIPv6()
	default:
		lost = r.belongings.TakeRoutes(unix.RT_TABLE_UNSPEC)
	}
	if kind != "" {
		what = fmt.Sprintf("make it a port of the %s %s", kind, *want.Master)
	}
	if len(lost) > 0 && !want.Adopt {
		return r, fmt.Errorf("linkd does not %s, because %s would lose what linkd did not make: %s; remove that, or declare it on %[2]s",
			what, want.Dev, strings.Join(lost, ", "))
	}
	return r, nil
}

// masterName is the name of the master that an interface has.
func masterName(ns *observe.NS, l *observe.Link) string {
	name, err := ns.NameOf(l.Master)
	if err != nil || name == "" {
		return "its " + l.PortKind
	}
	return name
}

// begin sets the interface down where the master asks for that.
func (r reset) begin(ns *observe.NS, dev string) error {
	if !r.down {
		return nil
	}
	return setUp(ns, dev, false)
}

// end sets the interface up again after the change, or after the kernel has refused it, and restores what it has lost.
func (r reset) end(ns *observe.NS, dev string, err error) error {
	if r.up {
		err = errors.Join(err, setUp(ns, dev, true))
	}
	if lost := r.belongings.Restore(ns, dev); lost != nil {
		err = errors.Join(err, fmt.Errorf("restore what %s has lost: %w", dev, lost))
	}
	return err
}
