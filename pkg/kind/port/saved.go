package port

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/link/belongings"
	"linkd/pkg/observe"
)

const vrf = "vrf"

// aggregates are the kinds of master that have no use for addresses and routes of their ports.
var aggregates = map[string]bool{"bond": true, "team": true}

// change is a change of the master of an interface: the interface as it is, and the kind of its new master; "" without one.
type change struct {
	link *observe.Link
	to   string
}

// readChange reads a change. Of a fresh interface, which has no master and nothing of others, it reads only what the new master makes
// necessary, and link may be nil: a question about an interface makes the kernel do what it would do later, on its own time: act upon
// a new carrier (linkwatch_sync_dev in net/core/rtnetlink.c).
func readChange(ns *observe.NS, want *Port, master int, fresh bool) (c change, err error) {
	if master != 0 {
		to, err := ns.LinkByIndex(master)
		if err != nil {
			return c, err
		}
		c.to = to.Kind
	}
	if fresh && c.to != vrf && !aggregates[c.to] {
		return c, nil
	}
	c.link, err = ns.LinkByName(want.Dev)
	return c, err
}

// saved is what a change of the master makes the kernel drop from an interface that is up: a VRF sets the interface down and
// up when it becomes a port and when it leaves (cycle_netdev in drivers/net/vrf.c), so it loses its routes and its global IPv6
// addresses. A bond and a team take only an interface that is down, set it up, and leave it down when it leaves (bond_enslave
// and __bond_release_one in drivers/net/bonding/bond_main.c, team_port_add in drivers/net/team/team_core.c).
type saved struct {
	// Index is the interface's, and Master that of its master before the change.
	Index  int `json:"index"`
	Master int `json:"master,omitempty"`
	// Down: the change may leave the interface down, so linkd sets it up again.
	Down bool `json:"down,omitempty"`
	belongings.Belongings
}

// maxSaved is the longest text of what is saved, in bytes: the journal stores it in one line.
const maxSaved = 512 << 10

// Save reads what others have set on the interface and would be lost. It refuses what linkd cannot restore: in a VRF, and as a
// port of an aggregate, it would mean something else.
func (kind) Save(ns *observe.NS, want, have *Port) (string, error) {
	if want.Master == nil || have != nil && have.Master != nil && *want.Master == *have.Master {
		return "", nil
	}
	master, err := 0, error(nil)
	if *want.Master != "" {
		master, err = masterIndex(ns, want)
	}
	if err != nil {
		return "", err
	}
	c, err := readChange(ns, want, master, have == nil)
	if err != nil || c.link == nil || !c.link.Up() {
		return "", err
	}
	from := c.link.PortKind
	s := saved{Index: c.link.Index, Master: c.link.Master, Down: aggregates[from] || aggregates[c.to]}
	if !s.Down && c.to != vrf && from != vrf {
		return "", nil
	}
	if s.Belongings, err = belongings.Read(ns, c.link); err != nil {
		return "", fmt.Errorf("read what %s would lose: %w", want.Dev, err)
	}
	var lost []string
	what := "take it out of " + masterName(ns, c.link)
	switch {
	case c.to == vrf:
		lost = s.TakeRoutes(unix.RT_TABLE_MAIN)
	case aggregates[c.to]:
		lost = s.TakeIPv6()
	default:
		lost = s.TakeRoutes(unix.RT_TABLE_UNSPEC)
	}
	if c.to != "" {
		what = fmt.Sprintf("make it a port of the %s %s", c.to, *want.Master)
	}
	if len(lost) > 0 && !want.Adopt {
		return "", fmt.Errorf("linkd does not %s, because %s would lose what linkd did not make: %s; remove that, or declare it on %[2]s",
			what, want.Dev, strings.Join(lost, ", "))
	}
	text, err := json.Marshal(s)
	if err == nil && len(text) > maxSaved {
		err = fmt.Errorf("linkd does not %s, because %s has %d addresses, neighbours and routes, more than linkd can save", what, want.Dev, len(s.Entries))
	}
	return string(text), err
}

// masterName is the name of the master that an interface has.
func masterName(ns *observe.NS, l *observe.Link) string {
	name, err := ns.NameOf(l.Master)
	if err != nil || name == "" {
		return "its " + l.PortKind
	}
	return name
}

// Restore sets the interface up again after the change, or after the kernel has refused it, and restores what it has lost.
func (kind) Restore(ns *observe.NS, want *Port, text string) error {
	var s saved
	if json.Unmarshal([]byte(text), &s) != nil {
		return nil
	}
	s.DropDamaged()
	l, err := ns.LinkByName(want.Dev)
	switch {
	case errors.Is(err, unix.ENODEV):
		return nil
	case err != nil:
		return err
	case l.Index != s.Index, l.Up() && l.Master == s.Master:
		// It is another interface, or the change was not begun.
		return nil
	}
	if s.Down {
		if err := setUp(ns, want.Dev, true); err != nil {
			return err
		}
	}
	return s.Belongings.Restore(ns, want.Dev)
}
