package address

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// linkLocal is the companion kind of the link-local address that the kernel adds when an interface comes up. The other kinds are
// the route types of linux/rtnetlink.h, which end at 11.
const linkLocal = 255

// madeByLinkd is the start of the alias of links that linkd created.
const madeByLinkd = "linkd:"

// firstOnMade returns the first chosen IPv6 address of linkd's on each interface that linkd created, by the interface's index.
// linkd restores the link-local address and its routes with that address. On a link that linkd did not create, an administrator may
// have deleted them on purpose.
func firstOnMade(found []*Address, links func(index int) *observe.Link, chosen func(*Address) bool) map[int]*Address {
	first := map[int]*Address{}
	for _, a := range found {
		ip := a.Prefix.Addr()
		if !ip.Is6() || ip.IsLinkLocalUnicast() || first[a.index] != nil || !chosen(a) || !(kind{}).Owned(a) {
			continue
		}
		if link := links(a.index); link != nil && strings.HasPrefix(link.Alias, madeByLinkd) {
			first[a.index] = a
		}
	}
	return first
}

// linkLocals returns the link-local addresses that the kernel added and that are in use, by the first address of the interface.
// Kernels before 5.18 do not report which addresses they added.
func linkLocals(found []*Address, firsts map[int]*Address) map[*Address]*Address {
	all := map[*Address]*Address{}
	for _, a := range found {
		first := firsts[a.index]
		if ip := a.Prefix.Addr(); first == nil || !ip.Is6() || !ip.IsLinkLocalUnicast() || !a.byKernel() || a.Tentative || a.DADFailed || a.device&unix.IFF_UP == 0 {
			continue
		}
		all[first] = a
	}
	return all
}

// remakeLinkLocal makes the kernel delete and add the link-local address of a's interface, because the kernel creates the route to
// it only together with it. Without that route the address is unusable, so a new duplicate address detection does no harm.
func remakeLinkLocal(ns *observe.NS, a *Address, ip netip.Addr) error {
	found, err := listOn(ns, a, a.index)
	if err != nil {
		return err
	}
	for _, there := range found {
		if there.Prefix.Addr() == ip {
			if err := ns.Change(delAddress(there, a.index)); err != nil {
				return err
			}
			return makeLinkLocal(ns, a.Dev)
		}
	}
	return nil
}

// noteLinkLocal adds a missing link-local address to what the first IPv6 address of an interface lacks.
func noteLinkLocal(ns *observe.NS, found []*Address, firsts map[int]*Address, missing map[*Address][]companion) error {
	has := map[int]bool{}
	for _, a := range found {
		if ip := a.Prefix.Addr(); ip.Is6() && ip.IsLinkLocalUnicast() {
			has[a.index] = true
		}
	}
	for index, a := range firsts {
		if has[index] || a.device&unix.IFF_RUNNING == 0 || a.device&(unix.IFF_LOOPBACK|unix.IFF_NOARP|unix.IFF_POINTOPOINT) != 0 {
			continue
		}
		mode, err := addrGenMode(ns, index)
		if err != nil {
			return err
		}
		if mode != modeNone {
			missing[a] = append(missing[a], companion{index: index, kind: linkLocal})
		}
	}
	return nil
}

// The attributes of a link message that say how the kernel generates the link-local address (linux/if_link.h).
const (
	inet6AddrGenMode = 8 // IFLA_INET6_ADDR_GEN_MODE
	modeNone         = 1 // IN6_ADDR_GEN_MODE_NONE
)

// addrGenMode returns how the kernel generates the link-local address of an interface.
func addrGenMode(ns *observe.NS, index int) (mode uint64, err error) {
	msg, err := ns.LinkMessage(index)
	if err != nil {
		return modeNone, fmt.Errorf("look up the link-local address's mode: %w", err)
	}
	mode = modeNone
	err = observe.EachAttr(msg[unix.SizeofIfInfomsg:], func(kind uint16, families []byte) error {
		if kind != unix.IFLA_AF_SPEC {
			return nil
		}
		return observe.EachAttr(families, func(family uint16, attrs []byte) error {
			if family != unix.AF_INET6 {
				return nil
			}
			return observe.EachAttr(attrs, func(kind uint16, value []byte) error {
				if kind == inet6AddrGenMode {
					mode = observe.Number(value)
				}
				return nil
			})
		})
	})
	return mode, err
}

// makeLinkLocal makes the kernel add the link-local address of an interface again: the kernel does so when the mode changes
// (addrconf_sysctl_addr_gen_mode in net/ipv6/addrconf.c). The mode none adds and deletes nothing.
func makeLinkLocal(ns *observe.NS, dev string) error {
	return ns.Do(func() error {
		path := fmt.Sprintf("/proc/sys/net/ipv6/conf/%s/addr_gen_mode", dev)
		mode, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(fmt.Sprint(modeNone)), 0); err != nil {
			return err
		}
		return os.WriteFile(path, mode, 0)
	})
}

// settling is how long the kernel may take to create the route to an IPv6 address without duplicate address detection: a kernel
// worker does that, after it got the lock of all interfaces (addrconf_dad_work in net/ipv6/addrconf.c).
const settling = 3 * time.Second

// isYoung reports whether the kernel may not have created the route to the observed IPv6 address yet.
func (a *Address) isYoung() (bool, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return false, err
	}
	return time.Duration(now.Nano())-a.made < settling, nil
}

// LinkLocals returns the IPv6 link-local addresses of an interface.
func LinkLocals(ns *observe.NS, link *observe.Link) (found []*Address, err error) {
	on := func(int) *observe.Link { return link }
	all, err := list(ns, unix.AF_INET6, link.Index, on, reconcile.Query[*Address]{})
	for _, a := range all {
		if a.Prefix.Addr().IsLinkLocalUnicast() {
			found = append(found, a)
		}
	}
	return found, err
}
