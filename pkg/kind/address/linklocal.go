package address

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// linkLocal is the companion kind of the link-local address that the kernel makes when an interface comes up; the other kinds are
// the route types of linux/rtnetlink.h, which end at 11.
const linkLocal = 255

// madeByLinkd begins the alias of links that linkd made.
const madeByLinkd = "linkd:"

// noteLinkLocal adds, to what the first chosen IPv6 address of an interface lacks, the link-local address. On a link that linkd
// did not make, whoever deleted it may have had a reason.
func noteLinkLocal(ns *observe.NS, found []*Address, links func(index int) *observe.Link, chosen func(*Address) bool, missing map[*Address][]companion) error {
	first, has := map[int]*Address{}, map[int]bool{}
	for _, a := range found {
		ip := a.Prefix.Addr()
		switch {
		case !ip.Is6():
		case ip.IsLinkLocalUnicast():
			has[a.index] = true
		case first[a.index] == nil && chosen(a) && (kind{}).Owned(a):
			first[a.index] = a
		}
	}
	for index, a := range first {
		link := links(index)
		if has[index] || link == nil || !strings.HasPrefix(link.Alias, madeByLinkd) || a.device&unix.IFF_RUNNING == 0 ||
			a.device&(unix.IFF_LOOPBACK|unix.IFF_NOARP|unix.IFF_POINTOPOINT) != 0 {
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

// The attributes of a link message that say how the kernel makes the link-local address (linux/if_link.h).
const (
	inet6AddrGenMode = 8 // IFLA_INET6_ADDR_GEN_MODE
	modeNone         = 1 // IN6_ADDR_GEN_MODE_NONE
)

// addrGenMode is how the kernel makes the link-local address of an interface.
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

// makeLinkLocal has the kernel make the link-local address of an interface again, as it does when the mode is set to another
// (addrconf_sysctl_addr_gen_mode in net/ipv6/addrconf.c). None makes nothing, and deletes nothing.
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
