// Package address implements the IP addresses of devices.
//
// linkd's addresses have Mark as their IFA_PROTO, which ip(8) prints as "proto 0x6c". Kernels before 5.18 ignore that attribute;
// there only the journal says which addresses are linkd's. Kernels before 6.4 cannot change it in an existing IPv4 address.
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

// Mark is the protocol of linkd's addresses (IFA_PROTO) and routes (RTPROT). The kernel's own protocols end at 3 and 4. 108 is
// unused in linux/if_addr.h, linux/rtnetlink.h and iproute2's rt_protos.
const Mark = observe.Protocol

// Address is one IP address of a device. linkd does not manage what is nil; in an observed address, nil means none.
type Address struct {
	NS, Dev string
	// Prefix is the address with the prefix length of its subnet. With a peer, the length is that of the peer's subnet.
	Prefix netip.Prefix
	Peer   *netip.Addr
	// Label, Scope and Broadcast are for IPv4 only, NoDAD for IPv6 only.
	Label         *string
	Scope         *Scope
	Broadcast     *netip.Addr
	NoDAD         *bool
	NoPrefixRoute *bool
	// Metric is the metric of the route to the subnet.
	Metric                 *uint32
	ValidLft, PreferredLft *Lifetime
	// Proto says who created the address: Mark for linkd, 1 to 3 for the kernel, 0 if unknown.
	Proto uint8
	// Adopt: linkd adopts the device, and the address with it.
	Adopt bool
	// Replace: linkd removes the same address that others have set in the namespace, and puts it back later.
	Replace bool
	// Quiet: linkd does not announce the address to neighbours.
	Quiet  bool
	Source spec.Source

	// referred has what the address needs besides its device, and reachedBy the resources through which neighbours reach it.
	// onDown: the files set the device down.
	referred, reachedBy []spec.ID
	onDown              bool
	// partial: only the attributes that a file can leave open count.
	partial bool
	// collision says which other interface in the broadcast domain has the address, according to the files.
	collision string
	// rank is the address's position in the list of the device in the files. ordered: the list has other addresses of its subnet.
	// after has the address that linkd must add before it.
	rank int
	// made is when an observed address was created, as time since boot.
	made    time.Duration
	ordered bool
	after   []spec.ID
	// leased: a DHCP server chose the address. What it collides with is no mistake in the files.
	leased bool
	lifespan
	awaited
	found
	place
}

// awaited is set in an address that the files ask for and that nobody has given yet. It has no Prefix.
type awaited struct {
	// of says where the address will come from, and missing why it has not come.
	of, missing string
}

// found has the observed state of an address.
type found struct {
	// DADFailed: another host answered for the address, so the kernel does not use it. Tentative: the kernel does not use it until
	// duplicate address detection has finished (RFC 4862, 5.4).
	DADFailed, Tentative bool
	// optimistic: duplicate address detection has not finished, and the kernel uses the address nevertheless (RFC 4429).
	optimistic bool
	// index is the device's index, and device has those of its flags (IFF_* in netdevice(7)) that are in deviceFlags.
	index  int
	device uint32
	// flags has the flags that the files cannot express.
	flags uint32
}

func (a *Address) ID() spec.ID {
	if a.of != "" {
		return spec.ID{NS: a.NS, Kind: kindName, Key: a.Dev + "/" + a.of}
	}
	return spec.ID{NS: a.NS, Kind: kindName, Key: a.Dev + "/" + a.Prefix.String()}
}

// Needs returns the device and the port that linkd must configure first. The device need not be up.
func (a *Address) Needs() []spec.ID {
	needs := append([]spec.ID{spec.LinkID(a.NS, a.Dev)}, a.referred...)
	if a.Replace {
		needs = append(needs, spec.ReplacedID(a.NS, a.Replaces()))
	}
	return needs
}

// Replaces returns what the address takes the place of; "" for nothing.
func (a *Address) Replaces() string {
	if !a.Replace {
		return ""
	}
	return kindName + " " + a.Prefix.String()
}

// refer sets what the address needs of the declared resources, and through which resources neighbours reach it.
func (a *Address) refer(all *spec.Set) {
	a.referred = Membership(all, a.NS, a.Dev)
	a.reachedBy = ways(all, spec.LinkID(a.NS, a.Dev))
	link, is := all.Get(spec.LinkID(a.NS, a.Dev)).(interface{ DeclaredDown() bool })
	a.onDown = is && link.DeclaredDown()
}

func (a *Address) Origin() spec.Source { return a.Source }

func (a *Address) Relations() spec.Relations {
	r := spec.Relations{StaysBehind: !a.byKernelAgain(), ReachedBy: a.reachedBy, After: a.after}
	if ip := a.Prefix.Addr(); ip.Is6() {
		r.Sole = ip
	}
	return r
}

// byKernel reports whether the kernel created the address.
func (a *Address) byKernel() bool { return a.Proto >= 1 && a.Proto <= 3 }

// byKernelAgain reports whether the kernel created the address and creates it again (IFAPROT_KERNEL_* in linux/if_addr.h, which
// kernels before 5.18 do not report).
func (a *Address) byKernelAgain() bool {
	return a.byKernel() || a.Prefix.Addr().IsLinkLocalUnicast() && a.Prefix.Addr().Is6()
}

// parsePrefix parses an address with or without a prefix length. bare reports that there is none; the length is then that of a
// single address, as in ip-address(8) and ip-route(8).
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

// ParseSubnet parses a subnet, or an address as a subnet of one address. The error names word as an alternative.
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

// ParseIP parses an address without a zone: other keys name the device.
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

// CheckOfOne returns an error for an address that is not a unicast address of one host. The error ends with so, the consequence.
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

// DecodeWord parses the address.
func (ip *IP) DecodeWord(word string) (err error) {
	*(*netip.Addr)(ip), err = ParseIP(word)
	return err
}

func (IP) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "IP address",
		Doc:     "An IPv4 or IPv6 address without a length and without a zone: `192.0.2.1`, `2001:db8::1`.",
		Pattern: "^" + spec.IPPattern + "$",
	}
}

func (ip IP) String() string { return netip.Addr(ip).String() }

// Scope is the range in which an address or a route is valid (rtnetlink(7)).
type Scope uint8

const scopeHost Scope = 254

var scopes = map[Scope]string{0: "global", 200: "site", 253: "link", scopeHost: "host", 255: "nowhere"}

func (s Scope) String() string {
	if name, named := scopes[s]; named {
		return name
	}
	return strconv.Itoa(int(s))
}

// EncodeNode encodes the scope by its name, if it has one.
func (s Scope) EncodeNode() *yaml.Node {
	if name, named := scopes[s]; named {
		return spec.Word(name)
	}
	return spec.Number(uint64(s))
}

// DecodeWord accepts a name or a number, as ip(8) does.
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

func (Scope) Syntax() spec.Syntax { return spec.Syntax{Name: "scope", Words: scopeWords, Max: 255} }

// Lifetime is a lifetime in seconds.
type Lifetime uint32

// Forever is the lifetime that never expires (INFINITY_LIFE_TIME in net/ipv6.h and linux/inetdevice.h).
const Forever Lifetime = 1<<32 - 1

func (l Lifetime) String() string {
	if l == Forever {
		return "forever"
	}
	return strconv.FormatUint(uint64(l), 10)
}

// EncodeNode encodes the number of seconds, or forever.
func (l Lifetime) EncodeNode() *yaml.Node {
	if l == Forever {
		return spec.Word(l.String())
	}
	return spec.Number(uint64(l))
}

// DecodeNode accepts a number of seconds, or forever.
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

func (Lifetime) Syntax() spec.Syntax {
	return spec.Syntax{Name: "lifetime", Words: []string{Forever.String()}, Max: int64(Forever)}
}
