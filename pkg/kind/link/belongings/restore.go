package belongings

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// settable are the flags of an address that a request can set. The others report its state.
const settable = unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MCAUTOJOIN

// request returns the request that adds the entry again; nil for an address whose lifetime has expired. index returns the present
// index of an interface, and age is how long ago the entry was read.
func (e entry) request(age time.Duration, index func(old int) (int, error)) (*nl.NetlinkRequest, error) {
	e.Message = slices.Clone(e.Message)
	native, head, attrs := nl.NativeEndian(), raw(e.Message[:headerSizes[e.Type]]), e.attrs()
	var missing error
	put := func(at []byte) {
		now, err := index(int(native.Uint32(at)))
		native.PutUint32(at, uint32(now))
		missing = errors.Join(missing, err)
	}
	switch e.Type {
	case unix.RTM_NEWADDR:
		put(head[4:])
		flags := uint32(head[2])
		if f := attrs[unix.IFA_FLAGS]; len(f) == 4 {
			flags = native.Uint32(f)
		}
		flags &= settable
		head[2], attrs[unix.IFA_FLAGS] = byte(flags), nl.Uint32Attr(flags)
		if !elapse(attrs[unix.IFA_CACHEINFO], age) {
			return nil, nil
		}
	case unix.RTM_NEWNEIGH:
		put(head[4:])
		delete(attrs, unix.NDA_CACHEINFO)
		delete(attrs, unix.NDA_PROBES)
	case unix.RTM_NEWROUTE:
		// The other flags report the route's state. The kernel refuses dead and linkdown (fib_create_info in
		// net/ipv4/fib_semantics.c).
		native.PutUint32(head[8:], native.Uint32(head[8:])&unix.RTNH_F_ONLINK)
		if oif := attrs[unix.RTA_OIF]; oif != nil {
			put(oif)
		}
		eachHop(attrs[unix.RTA_MULTIPATH], func(hop []byte) {
			hop[2] &= unix.RTNH_F_ONLINK
			put(hop[4:])
		})
		delete(attrs, unix.RTA_CACHEINFO)
	}
	req := nl.NewNetlinkRequest(int(e.Type), unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	req.AddData(head)
	for kind, value := range attrs {
		req.AddData(nl.NewRtAttr(int(kind), value))
	}
	return req, missing
}

// elapse subtracts age from the lifetimes in a struct ifa_cacheinfo (linux/if_addr.h): preferred and valid, in seconds. It reports
// whether any lifetime is left.
func elapse(info []byte, age time.Duration) bool {
	for at := 0; at+4 <= min(len(info), 8); at += 4 {
		left := nl.NativeEndian().Uint32(info[at:])
		if left == uint32(address.Forever) {
			continue
		}
		left -= min(left, uint32(age/time.Second))
		nl.NativeEndian().PutUint32(info[at:], left)
		if at == 4 && left == 0 {
			return false
		}
	}
	return true
}

// Restore adds all entries again, to the interface with that name in the same namespace. It leaves an object alone that is in the
// place of an entry by now. The order of the kernel's messages does not matter: Restore tries a route again after those that lead
// to its gateway.
func (b Belongings) Restore(ns *observe.NS, name string) error {
	age, todo := sinceBoot()-b.At, b.Entries
	for {
		var failed []entry
		var errs error
		for _, e := range todo {
			if err := b.add(ns, e, name, age); err != nil {
				failed, errs = append(failed, e), errors.Join(errs, err)
			}
		}
		if len(failed) == 0 || len(failed) == len(todo) {
			return errs
		}
		todo = failed
	}
}

func (b Belongings) add(ns *observe.NS, e entry, name string, age time.Duration) error {
	req, err := e.request(age, func(old int) (int, error) {
		if device := b.Devices[old]; device != b.Name {
			return ns.Index(device)
		}
		return ns.Index(name)
	})
	if err == nil && req != nil {
		err = ns.Change(req)
	}
	switch {
	case err == nil || errors.Is(err, unix.EEXIST):
		return nil
	case e.Type == unix.RTM_NEWROUTE && errors.Is(err, unix.EINVAL):
		if src, has := netip.AddrFromSlice(e.attrs()[unix.RTA_PREFSRC]); has && src.Is6() {
			if presence, lookErr := address.PresenceOf(ns, src); lookErr == nil && presence == address.Tentative {
				return observe.Pendingf("%s waits for its source address, which is still tentative", e)
			}
		}
	}
	return fmt.Errorf("%s: %w", e, err)
}

// String identifies the entry in the syntax of ip(8).
func (e entry) String() string {
	attrs, length := e.attrs(), e.Message[1]
	what, ip, to := "address", attrs[unix.IFA_LOCAL], ""
	switch e.Type {
	case unix.RTM_NEWADDR:
		if ip == nil {
			ip = attrs[unix.IFA_ADDRESS]
		}
	case unix.RTM_NEWNEIGH:
		what, ip = "neighbour", attrs[unix.NDA_DST]
	case unix.RTM_NEWROUTE:
		what, ip = "route", attrs[unix.RTA_DST]
		if via, has := netip.AddrFromSlice(attrs[unix.RTA_GATEWAY]); has {
			to = " via " + via.String()
		}
	}
	addr, has := netip.AddrFromSlice(ip)
	switch {
	case !has:
		return what + " default" + to
	case e.Type == unix.RTM_NEWNEIGH:
		return what + " " + addr.String()
	}
	return what + " " + netip.PrefixFrom(addr, int(length)).String() + to
}
