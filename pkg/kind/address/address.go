// Package address is the kind of IP addresses on a device.
//
// linkd's addresses carry Mark as their IFA_PROTO, which ip(8) prints as "proto 0x6c". Kernels before 5.18 drop that
// attribute; there an address is linkd's by the journal alone. Those before 6.4 do not change it of an IPv4 address.
package address

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

const kindName = "address"

// Mark is the origin that linkd gives to its addresses (IFA_PROTO) and routes (RTPROT). The kernel's own end at 3 and
// 4; 108 is free in linux/if_addr.h, linux/rtnetlink.h and iproute2's rt_protos.
const Mark = observe.Protocol

// Address is one IP address of a device. What is nil is not managed; in one that was found, it is not there.
type Address struct {
	NS, Dev string
	// Prefix is the address with the length of its subnet. With a peer, the length is that of the peer's subnet.
	Prefix netip.Prefix
	Peer   *netip.Addr
	// Label, Scope and Broadcast are IPv4's, NoDAD is IPv6's.
	Label         *string
	Scope         *Scope
	Broadcast     *netip.Addr
	NoDAD         *bool
	NoPrefixRoute *bool
	// Metric is that of the route to the subnet.
	Metric                 *uint32
	ValidLft, PreferredLft *Lifetime
	// Proto is who made the address: Mark, 1 to 3 for the kernel, 0 where nobody says.
	Proto uint8
	// Adopt: the device was taken over, and the address with it.
	Adopt bool
	// Quiet: the address is not announced to neighbours.
	Quiet  bool
	Source spec.Source

	// referred is what it needs beside its device, and reachedBy what neighbours reach it by. onDown: the file has the device
	// down.
	referred, reachedBy []spec.ID
	onDown              bool
	// collision says who else in the broadcast domain has the address, as far as the files tell.
	collision string
	// rank is its place in the file's list for the device. ordered: that has others of its subnet, and after is the one that
	// has to be added before it.
	rank int
	// made is when the found address was made, as time since boot.
	made    time.Duration
	ordered bool
	after   []spec.ID
	found
	place
}

// found is what only the kernel can say of an address.
type found struct {
	// DADFailed: another host answered for the address, so the kernel does not use it. Tentative: the kernel does not use it
	// until duplicate address detection has ended (RFC 4862, 5.4).
	DADFailed, Tentative bool
	// index is that of the device, and device its flags (IFF_* in netdevice(7)), as far as they are in deviceFlags.
	index  int
	device uint32
	// flags are those that linkd has no words for.
	flags uint32
}

// ID implements spec.Resource.
func (a *Address) ID() spec.ID {
	return spec.ID{NS: a.NS, Kind: kindName, Key: a.Dev + "/" + a.Prefix.String()}
}

// Needs implements spec.Resource. The device need not be up.
func (a *Address) Needs() []spec.ID {
	return append([]spec.ID{spec.LinkID(a.NS, a.Dev)}, a.referred...)
}

// refer notes what the address needs of all that is declared, and what neighbours reach it by.
func (a *Address) refer(all *spec.Set) {
	a.referred = Membership(all, a.NS, a.Dev)
	a.reachedBy = ways(all, spec.LinkID(a.NS, a.Dev))
	link, is := all.Get(spec.LinkID(a.NS, a.Dev)).(interface{ DeclaredDown() bool })
	a.onDown = is && link.DeclaredDown()
}

// Origin implements spec.Resource.
func (a *Address) Origin() spec.Source { return a.Source }

// Relations implements spec.Resource.
func (a *Address) Relations() spec.Relations {
	return spec.Relations{StaysBehind: !a.byKernelAgain(), ReachedBy: a.reachedBy, After: a.after}
}

// byKernel tells whether the kernel made the address by itself.
func (a *Address) byKernel() bool { return a.Proto >= 1 && a.Proto <= 3 }

// byKernelAgain tells whether the kernel made the address by itself and will again (IFAPROT_KERNEL_* in linux/if_addr.h, which
// kernels before 5.18 do not say).
func (a *Address) byKernelAgain() bool {
	return a.byKernel() || a.Prefix.Addr().IsLinkLocalUnicast() && a.Prefix.Addr().Is6()
}

// parsePrefix reads an address with or without the length of its subnet; bare says that there was none, and that the
// length is that of the address, as in ip-address(8) and ip-route(8).
func parsePrefix(text string) (p netip.Prefix, bare bool, err error) {
	p, err = netip.ParsePrefix(text)
	if err != nil {
		var ip netip.Addr
		if ip, err = ParseIP(text); err != nil {
			return p, false, fmt.Errorf("%q is no IP address, with or without /LENGTH", text)
		}
		return netip.PrefixFrom(ip, ip.BitLen()), true, nil
	}
	return p, false, unmapped(p.Addr())
}

// ParseSubnet reads a subnet, or a bare address as the subnet of that alone. Word is what else could have been written.
func ParseSubnet(text, word string) (netip.Prefix, error) {
	p, _, err := parsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("%w, and not %s", err, word)
	case p != p.Masked():
		return p, fmt.Errorf("%s has bits set beyond its length; did you mean %s?", p, p.Masked())
	}
	return p, nil
}

// ParseIP reads an address without a zone: the device is said elsewhere.
func ParseIP(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return ip, fmt.Errorf("%q is no IP address", text)
	}
	return ip, unmapped(ip)
}

func unmapped(ip netip.Addr) error {
	if ip.Is4In6() {
		return fmt.Errorf("%s is an IPv4 address in the form of an IPv6 one: write %s", ip, ip.Unmap())
	}
	return nil
}

// CheckOfOne refuses the addresses that are not of one host; so says what follows from that.
func CheckOfOne(ip netip.Addr, so string) error {
	what := ""
	switch {
	case ip.IsUnspecified():
		what = "the unspecified address"
	case ip.IsMulticast():
		what = "a multicast address"
	case ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		what = "the broadcast address"
	default:
		return nil
	}
	return fmt.Errorf("%s is %s: %s", ip, what, so)
}

// IP is an address in YAML.
type IP netip.Addr

// DecodeWord implements spec.WordDecoder.
func (ip *IP) DecodeWord(word string) (err error) {
	*(*netip.Addr)(ip), err = ParseIP(word)
	return err
}

// Syntax implements spec.Described.
func (IP) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "IP address",
		Doc:     "An IPv4 or IPv6 address without a length and without a zone: `192.0.2.1`, `2001:db8::1`.",
		Pattern: "^" + spec.IPPattern + "$",
	}
}

func (ip IP) String() string { return netip.Addr(ip).String() }

// Scope is how far an address or a route is valid (rtnetlink(7)).
type Scope uint8

const scopeHost Scope = 254

var scopes = map[Scope]string{0: "global", 200: "site", 253: "link", scopeHost: "host", 255: "nowhere"}

func (s Scope) String() string {
	if name, named := scopes[s]; named {
		return name
	}
	return strconv.Itoa(int(s))
}

// EncodeNode implements spec.NodeEncoder.
func (s Scope) EncodeNode() *yaml.Node {
	if name, named := scopes[s]; named {
		return spec.Word(name)
	}
	return spec.Number(uint64(s))
}

// DecodeWord implements spec.WordDecoder: a name or a number, as in ip(8).
func (s *Scope) DecodeWord(word string) error {
	if number, err := strconv.ParseUint(word, 10, 8); err == nil {
		*s = Scope(number)
		return nil
	}
	for value, name := range scopes {
		if name == word {
			*s = value
			return nil
		}
	}
	return spec.OneOf("scope", word, scopeWords...)
}

var scopeWords = []string{"global", "site", "link", "host", "nowhere"}

// Syntax implements spec.Described.
func (Scope) Syntax() spec.Syntax { return spec.Syntax{Name: "scope", Words: scopeWords, Max: 255} }

// Lifetime is in seconds.
type Lifetime uint32

// Forever is the lifetime that does not run out (INFINITY_LIFE_TIME in net/ipv6.h and linux/inetdevice.h).
const Forever Lifetime = 1<<32 - 1

func (l Lifetime) String() string {
	if l == Forever {
		return "forever"
	}
	return strconv.FormatUint(uint64(l), 10)
}

// EncodeNode implements spec.NodeEncoder.
func (l Lifetime) EncodeNode() *yaml.Node {
	if l == Forever {
		return spec.Word(l.String())
	}
	return spec.Number(uint64(l))
}

// DecodeNode implements spec.NodeDecoder.
func (l *Lifetime) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if n.Value == Forever.String() {
		*l = Forever
		return nil
	}
	var seconds uint32
	if c.Decode(n, &seconds) {
		*l = Lifetime(seconds)
	}
	return nil
}

// Syntax implements spec.Described.
func (Lifetime) Syntax() spec.Syntax {
	return spec.Syntax{Name: "lifetime", Words: []string{Forever.String()}, Max: int64(Forever)}
}
