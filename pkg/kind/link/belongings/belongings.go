// Package belongings reads and restores the addresses, neighbours and routes that programs other than linkd have set on an
// interface. An interface loses some of them when it is set down and up, and all of them when it moves to another namespace.
package belongings

import (
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Belongings has the addresses, neighbours and routes of an interface, without those of linkd and those that the kernel creates.
type Belongings struct {
	// Name is the name of the interface.
	Name    string  `json:"name"`
	Entries []entry `json:"entries,omitempty"`
	// Devices has the names of the interfaces to which entries refer by index: the interface itself, and others in a multipath
	// route.
	Devices map[int]string `json:"devices,omitempty"`
	// At is when they were read, as time since boot.
	At time.Duration `json:"at,omitempty"`
}

// Read reads the belongings of an interface.
func Read(ns *observe.NS, l *observe.Link) (b Belongings, err error) {
	b = Belongings{Name: l.Name, Devices: map[int]string{l.Index: l.Name}, At: sinceBoot()}
	if b.Entries, err = entriesOf(ns, l.Index); err != nil {
		return b, err
	}
	for _, e := range b.Entries {
		for _, index := range e.devices() {
			if b.Devices[index] != "" {
				continue
			}
			if b.Devices[index], err = ns.NameOf(index); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

func sinceBoot() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return time.Duration(now.Nano())
}

// DropDamaged removes the entries that are not valid messages, after the journal was read.
func (b *Belongings) DropDamaged() {
	b.Entries = slices.DeleteFunc(b.Entries, func(e entry) bool { return headerSizes[e.Type] == 0 || len(e.Message) < headerSizes[e.Type] })
}

// TakeRoutes removes the routes of a table, and those of any table that linkd cannot restore at once, because their IPv6 source
// address is tentative when it is added again. It returns the removed routes in the syntax of ip-route(8).
func (b *Belongings) TakeRoutes(table uint32) (routes []string) {
	return b.take(func(e entry) bool {
		if e.Type != unix.RTM_NEWROUTE {
			return false
		}
		attrs := e.attrs()
		return uint32(observe.Number(attrs[unix.RTA_TABLE])) == table || len(attrs[unix.RTA_PREFSRC]) == net.IPv6len
	})
}

// TakeIPv6 removes the IPv6 addresses and all routes, and returns them in the syntax of ip(8).
func (b *Belongings) TakeIPv6() []string {
	return b.take(func(e entry) bool {
		return e.Type == unix.RTM_NEWROUTE || e.isIPv6Address()
	})
}

func (b *Belongings) take(chosen func(entry) bool) (taken []string) {
	b.Entries = slices.DeleteFunc(b.Entries, func(e entry) bool {
		if !chosen(e) {
			return false
		}
		taken = append(taken, e.String())
		return true
	})
	return taken
}
