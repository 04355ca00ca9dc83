package address

import (
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// The numbers are those of linux/if_addr.h: golang.org/x/sys does not have all of them.
const (
	ifaProto         = 11
	sizeofCacheInfo  = 16
	cacheInfoValid   = 4
	cacheInfoPrefers = 0
	cacheInfoMade    = 8 // in hundredths of a second
)

// newAddress returns an RTM_NEWADDR request (rtnetlink(7)).
func newAddress(a *Address, index, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, flags)
	addIdentity(req, a, index)
	ip := a.Prefix.Addr()
	ifaFlags := a.flags
	if spec.ValueOr(a.NoDAD, false) {
		ifaFlags |= unix.IFA_F_NODAD
	} else if ip.Is6() && flags&unix.NLM_F_EXCL != 0 {
		// The kernel ignores this unless the setting optimistic_dad is on (inet6_rtm_newaddr in net/ipv6/addrconf.c). Then programs
		// can use the address during duplicate address detection (RFC 4429).
		ifaFlags |= unix.IFA_F_OPTIMISTIC
	}
	if spec.ValueOr(a.NoPrefixRoute, false) {
		ifaFlags |= unix.IFA_F_NOPREFIXROUTE
	}
	req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(ifaFlags)))
	req.AddData(nl.NewRtAttr(ifaProto, []byte{Mark}))
	if a.Label != nil {
		req.AddData(nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(*a.Label)))
	}
	if a.Broadcast != nil {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, a.Broadcast.AsSlice()))
	}
	if a.Metric != nil {
		req.AddData(nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(*a.Metric)))
	}
	if a.leased || a.ValidLft != nil || a.PreferredLft != nil {
		valid := spec.ValueOr(a.ValidLft, Forever)
		preferred := spec.ValueOr(a.PreferredLft, valid)
		if a.leased {
			valid, preferred = a.lifetimes(time.Now())
		}
		info := make([]byte, sizeofCacheInfo)
		nl.NativeEndian().PutUint32(info[cacheInfoPrefers:], uint32(min(preferred, valid)))
		nl.NativeEndian().PutUint32(info[cacheInfoValid:], uint32(valid))
		req.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, info))
	}
	// ip(8) sets the scope of a loopback address (default_scope in ip/ipaddress.c); the kernel's default is global.
	if scope := a.Scope; ip.Is4() && (scope != nil || ip.IsLoopback()) {
		req.Data[0].(*nl.IfAddrmsg).Scope = uint8(spec.ValueOr(scope, scopeHost))
	}
	return req
}

func delAddress(a *Address, index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_DELADDR, 0)
	addIdentity(req, a, index)
	return req
}

// addIdentity adds the attributes that identify the address. IFA_ADDRESS is the peer of a point-to-point link, and otherwise the
// same as IFA_LOCAL.
func addIdentity(req *nl.NetlinkRequest, a *Address, index int) {
	ip := a.Prefix.Addr()
	head := nl.NewIfAddrmsg(familyOf(ip))
	head.Prefixlen, head.Index = uint8(a.Prefix.Bits()), uint32(index)
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, ip.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, spec.ValueOr(a.Peer, ip).AsSlice()))
}

func familyOf(ip netip.Addr) int {
	if ip.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// listOn lists the addresses of a's family on a's device.
func listOn(ns *observe.NS, a *Address, index int) ([]*Address, error) {
	on := func(int) *observe.Link { return &observe.Link{Name: a.Dev} }
	return list(ns, familyOf(a.Prefix.Addr()), index, on, reconcile.Query[*Address]{})
}

// deviceFlags are the flags of a device that say whether its addresses are usable, and whether linkd can announce them.
const deviceFlags = unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING | unix.IFF_NOARP | unix.IFF_LOOPBACK | unix.IFF_POINTOPOINT

// list lists addresses in the kernel's order. Index 0 means all devices.
func list(ns *observe.NS, family, index int, linkAt func(index int) *observe.Link, query reconcile.Query[*Address]) ([]*Address, error) {
	msgs, err := dump(ns, family, index)
	if err != nil {
		return nil, err
	}
	found, by := make([]*Address, 0, len(msgs)), make([][]byte, 0, len(msgs))
	recalled := map[*Address]bool{}
	for _, msg := range msgs {
		at := int(nl.DeserializeIfAddrmsg(msg).Index)
		link := linkAt(at)
		if link == nil {
			// The device appeared after the links were listed, and an event about it follows.
			continue
		}
		holds := func(r spec.Resource) bool {
			a := r.(*Address)
			return a.Dev == link.Name && a.device == link.Flags&deviceFlags
		}
		a, known := query.Memory.Recall(msg, holds).(*Address)
		if !known {
			if a, err = parse(msg); err != nil {
				return nil, err
			}
			a.NS, a.Dev, a.index, a.device = ns.Name, link.Name, at, link.Flags&deviceFlags
		}
		recalled[a] = known
		found, by = append(found, a), append(by, msg)
	}
	at := places(found, query.Wanted)
	if query.Purpose == reconcile.ToCompare && len(query.Wanted) > 0 {
		if err := noteLacks(ns, found, linkAt, query.Wanted, at); err != nil {
			return nil, err
		}
	}
	noteShared(found, linkAt, at)
	for i, a := range found {
		if recalled[a] && a.place.equal(at[a]) {
			continue
		}
		if recalled[a] {
			// Other goroutines may be reading it.
			moved := *a
			found[i] = &moved
		}
		found[i].place = at[a]
		query.Memory.Keep(by[i], found[i])
	}
	return found, nil
}

func dump(ns *observe.NS, family, index int) ([][]byte, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	head := nl.NewIfAddrmsg(family)
	head.Index = uint32(index)
	req.AddData(head)
	return ns.Request(req, unix.RTM_NEWADDR)
}

// parse parses an RTM_NEWADDR message. It keeps the flags that a request can set, and those that say whether the address is usable;
// permanent, secondary and deprecated are the kernel's state. The kernel uses an optimistic address although it is tentative (RFC
// 4429).
func parse(msg []byte) (*Address, error) {
	head := nl.DeserializeIfAddrmsg(msg)
	attrs, err := observe.Attrs(msg[unix.SizeofIfAddrmsg:])
	if err != nil {
		return nil, err
	}
	far, _ := netip.AddrFromSlice(attrs[unix.IFA_ADDRESS])
	local, has := netip.AddrFromSlice(attrs[unix.IFA_LOCAL])
	if !has {
		local = far
	}
	flags := flagsOf(head, attrs)
	noRoute, metric := flags&unix.IFA_F_NOPREFIXROUTE != 0, uint32(observe.Number(attrs[unix.IFA_RT_PRIORITY]))
	a := &Address{
		Prefix:        netip.PrefixFrom(local, int(head.Prefixlen)),
		NoPrefixRoute: &noRoute,
		Metric:        &metric,
	}
	a.DADFailed = flags&unix.IFA_F_DADFAILED != 0
	a.Tentative = flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_OPTIMISTIC) == unix.IFA_F_TENTATIVE
	a.optimistic = flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_OPTIMISTIC) == unix.IFA_F_TENTATIVE|unix.IFA_F_OPTIMISTIC
	a.flags = flags & (unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_MCAUTOJOIN)
	if far != local {
		a.Peer = &far
	}
	if b := attrs[ifaProto]; len(b) == 1 {
		a.Proto = b[0]
	}
	if b := attrs[unix.IFA_CACHEINFO]; len(b) >= sizeofCacheInfo {
		preferred, valid := lifetime(b[cacheInfoPrefers:]), lifetime(b[cacheInfoValid:])
		if flags&unix.IFA_F_DEPRECATED != 0 {
			// For a permanent address IPv4 reports that it is preferred forever, too (inet_fill_ifaddr in net/ipv4/devinet.c).
			preferred = 0
		}
		a.PreferredLft, a.ValidLft = &preferred, &valid
		a.lifespan = lifespanOf(time.Now(), valid, preferred)
		a.made = time.Duration(lifetime(b[cacheInfoMade:])) * 10 * time.Millisecond
	}
	if local.Is6() {
		noDAD := flags&unix.IFA_F_NODAD != 0
		a.NoDAD = &noDAD
		return a, nil
	}
	label, scope := nl.BytesToString(attrs[unix.IFA_LABEL]), Scope(head.Scope)
	a.Label, a.Scope = &label, &scope
	if ip, has := netip.AddrFromSlice(attrs[unix.IFA_BROADCAST]); has {
		a.Broadcast = &ip
	}
	return a, nil
}

// flagsOf returns all flags: the header has only the first eight.
func flagsOf(head *nl.IfAddrmsg, attrs map[uint16][]byte) uint32 {
	if b := attrs[unix.IFA_FLAGS]; len(b) == 4 {
		return nl.NativeEndian().Uint32(b)
	}
	return uint32(head.Flags)
}

func lifetime(b []byte) Lifetime { return Lifetime(nl.NativeEndian().Uint32(b)) }

// Presence is the state of an address in a namespace.
type Presence int

// The presences, from the worst to the best. An IPv6 address is tentative, and not in use yet, during duplicate address detection
// (RFC 4862, 5.4), and remains a duplicate if that failed.
const (
	Absent Presence = iota
	Duplicate
	Tentative
	Present
)

// PresenceOf asks the kernel for the presence of an address: the best one if several devices have it.
func PresenceOf(ns *observe.NS, ip netip.Addr) (best Presence, err error) {
	msgs, err := dump(ns, familyOf(ip), 0)
	if err != nil {
		return Absent, err
	}
	for _, msg := range msgs {
		attrs, err := observe.Attrs(msg[unix.SizeofIfAddrmsg:])
		if err != nil {
			return Absent, err
		}
		local, has := netip.AddrFromSlice(attrs[unix.IFA_LOCAL])
		if !has {
			local, _ = netip.AddrFromSlice(attrs[unix.IFA_ADDRESS])
		}
		if local != ip {
			continue
		}
		presence := Present
		switch flags := flagsOf(nl.DeserializeIfAddrmsg(msg), attrs); {
		case flags&unix.IFA_F_DADFAILED != 0:
			presence = Duplicate
		case flags&unix.IFA_F_TENTATIVE != 0:
			presence = Tentative
		}
		best = max(best, presence)
	}
	return best, nil
}
