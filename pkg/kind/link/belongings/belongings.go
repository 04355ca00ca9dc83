// Package belongings is what others have set on an interface to stay: addresses, neighbours and routes. An interface loses
// some of them when it is set down and up, and all when it goes to another namespace.
package belongings

import (
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Belongings are the addresses, neighbours and routes of an interface. linkd's own are not among them, nor is what the kernel
// makes.
type Belongings struct {
	// Name is the name of the interface.
	Name    string  `json:"name"`
	Entries []entry `json:"entries,omitempty"`
	// Devices are the names of the interfaces that entries name by index: itself, and others by which a route goes, too.
	Devices map[int]string `json:"devices,omitempty"`
	// At is when they were read, since the machine started.
	At time.Duration `json:"at,omitempty"`
}

// Read reads what others have set on an interface.
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

// DropDamaged removes the entries that are no messages of the kernel's, after they were read from a file.
func (b *Belongings) DropDamaged() {
	b.Entries = slices.DeleteFunc(b.Entries, func(e entry) bool { return heads[e.Type] == 0 || len(e.Message) < heads[e.Type] })
}

// TakeRoutes removes the routes of a table from the belongings, and those of any table that cannot be restored at once, because
// their IPv6 source address is tentative when it comes back. It returns them in the words of ip-route(8).
func (b *Belongings) TakeRoutes(table uint32) (routes []string) {
	return b.take(func(e entry) bool {
		if e.Type != unix.RTM_NEWROUTE {
			return false
		}
		attrs := e.attrs()
		return uint32(observe.Number(attrs[unix.RTA_TABLE])) == table || len(attrs[unix.RTA_PREFSRC]) == net.IPv6len
	})
}

// TakeIPv6 removes the IPv6 addresses and all routes from the belongings, and returns them in the words of ip(8).
func (b *Belongings) TakeIPv6() []string {
	return b.take(func(e entry) bool {
		return e.Type == unix.RTM_NEWROUTE || e.Type == unix.RTM_NEWADDR && e.Message[0] == unix.AF_INET6
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
