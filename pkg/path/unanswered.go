package path

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// wouldHaveToAsk reports whether ARP is off on an interface that reaches its neighbours by their link-layer addresses: the kernel
// sends to its own one instead (arp_constructor in net/ipv4/arp.c, ndisc_constructor in net/ipv6/ndisc.c).
func wouldHaveToAsk(l *observe.Link) bool {
	return l.Flags&unix.IFF_NOARP != 0 && l.Flags&unix.IFF_POINTOPOINT == 0 &&
		(isPair(l) || l.Kind == "" || l.Kind == "bridge" || l.Kind == "macvlan" || l.Kind == "vlan" || l.Kind == "bond")
}

// silence says why an interface that has an address does not answer who asks for it; "" if linkd knows no reason.
func (w *walk) silence(e endpoint, ip netip.Addr) (text, advice string) {
	if ip.Is6() {
		if flags, is := addressFlags(e.ns, ip); is && flags&unix.IFA_F_DADFAILED != 0 {
			return fmt.Sprintf("%s has %s, but found that somebody else on the network has it as well, and does not use it (dadfailed)", e, ip), fmt.Sprintf("give %s to one of the two only, and set it again in %s", ip, e.ns.Name)
		} else if is && flags&unix.IFA_F_TENTATIVE != 0 {
			return fmt.Sprintf("%s has %s, and does not use it yet (tentative): it asks whether somebody else has it", e, ip), "wait for two seconds, or declare nodad: true for the address"
		}
	}
	if e.link.Flags&unix.IFF_NOARP != 0 {
		return fmt.Sprintf("%s has %s, and ARP is off there: it answers nobody who asks for that", e, ip), fmt.Sprintf("run: ip link set %s arp on in %s", e.link.Name, e.ns.Name)
	}
	if ip.Is4() {
		return w.ignored(e, ip)
	}
	return "", ""
}

// ignored says whether arp_ignore keeps a namespace from answering by an interface for an address (arp_ignore in net/ipv4/arp.c).
func (w *walk) ignored(e endpoint, ip netip.Addr) (text, advice string) {
	on, err := subnetsOn(w.ctx, e.ns)
	if err != nil {
		return "", ""
	}
	for _, p := range on[e.link.Name] {
		if p.Addr() == ip {
			return "", ""
		}
	}
	for _, of := range []string{"all", e.link.Name} {
		value, err := settingOf(e.ns, "net.ipv4.conf."+of+".arp_ignore")
		if n, wrong := strconv.Atoi(value); err == nil && wrong == nil && n > 0 {
			return fmt.Sprintf("%s has %s on another interface than %s, and does not answer for it there: net.ipv4.conf.%s.arp_ignore is %d", e.ns.Name, ip, e.link.Name, of, n),
				fmt.Sprintf("give %s to %s, or declare sysctls: {net.ipv4.conf.%s.arp_ignore: 0} in %s", ip, e.link.Name, of, e.ns.Name)
		}
	}
	return "", ""
}

// addressFlags returns the flags of an address of a namespace (IFA_F_* in linux/if_addr.h); is is false if it has no such address.
func addressFlags(ns *observe.NS, ip netip.Addr) (flags uint32, is bool) {
	family := unix.AF_INET6
	if ip.Is4() {
		family = unix.AF_INET
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfAddrmsg(family))
	_, err := ns.RequestSome(req, unix.RTM_NEWADDR, func(msg []byte) bool {
		if len(msg) < unix.SizeofIfAddrmsg {
			return false
		}
		attrs, err := observe.Attrs(msg[unix.SizeofIfAddrmsg:])
		if at, ok := netip.AddrFromSlice(attrs[unix.IFA_ADDRESS]); err == nil && ok && at == ip {
			flags, is = uint32(msg[2]), true
			if all := attrs[unix.IFA_FLAGS]; len(all) == 4 {
				flags = nl.NativeEndian().Uint32(all)
			}
		}
		return false
	})
	return flags, is && err == nil
}
