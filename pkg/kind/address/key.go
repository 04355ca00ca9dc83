package address

import (
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

const keyName = "addresses"

// Key returns the key addresses of an end.
func Key() spec.Key {
	return spec.NewKey(keyName, "IP addresses of the interface",
		func(c *spec.Context, entries []entry) {
			if len(entries) > 0 {
				c.Once("addresses that collide", func() { reportCollisions(c) })
				c.Once("subnets that overlap", func() { reportOverlaps(c) })
			}
			if askPools(c, entries) {
				c.WhenGiven(func() { declare(c, entries) })
			} else {
				declare(c, entries)
			}
		}).Called("address", "ip", "ips", "ipv4", "ipv6", "ip_address", "ipam")
}

// declare adds the addresses of an interface.
func declare(c *spec.Context, entries []entry) {
	lengths := map[netip.Addr]*spread{}
	last := map[group]*Address{}
	for rank, e := range entries {
		if e.lacks != "" {
			Await(c, "pool "+e.Pool.name, e.lacks, e.Source)
			continue
		}
		if other := twice(lengths, e); other != nil {
			c.Reject(e.Source, "%s has %s already, and the kernel takes an IPv6 address once, with any length", c.Device, other)
		}
		if e.Address.bare && e.Peer == nil {
			c.Warn(e.Source, "%s has no length, so it is %s: no other host is in its subnet. Write the length", e.Address.Addr(), e.Address)
		}
		if why := noHost(e); why != "" {
			c.Warn(e.Source, "%s", why)
		}
		a := e.resource(c.NS, c.Device)
		a.Adopt, a.rank = c.Adopt, rank
		a.Quiet = !spec.ValueOr(e.Announce, !c.Quiet)
		a.follow(last[groupOf(a)])
		last[groupOf(a)] = a
		c.Add(a)
		c.Later(func() { a.refer(c.All()) })
	}
}

// spread has the first prefix of an IPv6 address, and the first one with another length.
type spread struct{ first, other *prefix }

// twice returns the earlier address on the device that is the same as e with another length, or nil. The kernel accepts an IPv6
// address once on a device, whatever its length (ipv6_add_addr in net/ipv6/addrconf.c), but both 10.0.0.1/24 and 10.0.0.1/16.
func twice(lengths map[netip.Addr]*spread, e entry) *prefix {
	ip := e.Address.Addr()
	if !ip.Is6() {
		return nil
	}
	before := lengths[ip]
	switch {
	case before == nil:
		lengths[ip] = &spread{first: &e.Address}
		return nil
	case before.first.Prefix != e.Address.Prefix:
		if before.other == nil {
			before.other = &e.Address
		}
		return before.first
	}
	return before.other
}

// entry is an address in YAML.
type entry struct {
	Address       prefix         `yaml:"address" also:"ip addr cidr" doc:"the address, with the prefix length of its subnet; without a length, a host address"`
	Pool          *poolName      `yaml:"pool" doc:"instead of address: linkd allocates an address of this pool, and keeps it for the interface"`
	Peer          *prefix        `yaml:"peer" doc:"the address at the other end of a point-to-point link; the length is that of its subnet"`
	Label         *string        `yaml:"label" doc:"a label of the address, DEV or DEV:NAME, for programs that expect the name of an interface; IPv4 only"`
	Scope         *Scope         `yaml:"scope" doc:"the scope of the address; IPv4 only"`
	Broadcast     *broadcastText `yaml:"broadcast" doc:"the broadcast address; IPv4 only"`
	NoDAD         *bool          `yaml:"nodad" doc:"use the address at once, without duplicate address detection; IPv6 only"`
	NoPrefixRoute *bool          `yaml:"noprefixroute" doc:"do not create the route to the subnet"`
	Metric        *uint32        `yaml:"metric" doc:"metric of the route to the subnet"`
	ValidLft      *Lifetime      `yaml:"valid_lft" also:"valid-lft valid_lifetime valid-lifetime" doc:"seconds after which the kernel removes the address"`
	PreferredLft  *Lifetime      `yaml:"preferred_lft" also:"preferred-lft lifetime preferred_lifetime preferred-lifetime" doc:"seconds during which new connections use the address as their source; at most valid_lft"`
	Announce      *bool          `yaml:"announce" absent:"as the end says" doc:"announce the address to its neighbours when linkd has added it (gratuitous ARP, unsolicited neighbour advertisement)"`
	Adopt         *bool          `yaml:"adopt" default:"false" doc:"replace the same address that somebody else has set, on any interface of the namespace, and restore it when you remove this from the files"`
	Source        spec.Source

	broadcast *netip.Addr
	// lacks says why there is no address of the pool for now.
	lacks string
}

// DecodeNode accepts a mapping, or an address alone.
func (e *entry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		e.Source = c.At(n).Source()
		c.Decode(n, &e.Address)
		return nil
	}
	if !c.DecodeMapping(n, e) {
		return nil
	}
	switch {
	case e.Pool != nil && e.Address.IsValid():
		return fmt.Errorf("address and pool exclude each other: remove one of them")
	case e.Pool != nil && e.Peer != nil:
		return fmt.Errorf("an address of a pool has no peer: remove peer, or write address")
	case e.Pool != nil:
		return e.checkLifetimes(c.Device)
	case !e.Address.IsValid():
		return fmt.Errorf("\"address\" is missing, or \"pool\"")
	}
	for _, check := range []func(device string) error{e.settleLength, e.settleBroadcast, e.checkFamily, e.checkLabel, e.checkLifetimes} {
		if err := check(c.Device); err != nil {
			c.Errorf(n, "%s: %v", e.Address.Addr(), err)
		}
	}
	return nil
}

// Syntax is that of an address: an entry without other keys is the address alone.
func (entry) Syntax() spec.Syntax { return prefix{}.Syntax() }

// broadcastText is an address, or "+".
type broadcastText string

func (broadcastText) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "broadcast address",
		Doc:     "An IPv4 address, or `+` for the one with all host bits set.",
		Words:   []string{"+"},
		Pattern: "^" + spec.IPPattern + "$",
	}
}

// settleLength sets the prefix length of an address without one to that of its peer, whose subnet it is.
func (e *entry) settleLength(string) error {
	if e.Peer == nil {
		return nil
	}
	switch {
	case e.Peer.Addr().Is4() != e.Address.Addr().Is4():
		return fmt.Errorf("the peer %s is of the other address family", e.Peer.Addr())
	case e.Peer.bare:
	case e.Address.bare:
		e.Address.Prefix = netip.PrefixFrom(e.Address.Addr(), e.Peer.Bits())
	case e.Peer.Bits() != e.Address.Bits():
		return fmt.Errorf("the kernel has one length for an address and its peer, not /%d and /%d", e.Address.Bits(), e.Peer.Bits())
	}
	return nil
}

// settleBroadcast replaces "+" with the address with all host bits set, as ip-address(8) does.
func (e *entry) settleBroadcast(string) error {
	if e.Broadcast == nil || e.Address.Addr().Is6() {
		return nil
	}
	if *e.Broadcast != "+" {
		ip, err := ParseIP(string(*e.Broadcast))
		if err == nil && !ip.Is4() {
			err = fmt.Errorf("the broadcast address %s is of the other address family", ip)
		}
		e.broadcast = &ip
		return err
	}
	if e.Address.Bits() > 30 {
		return fmt.Errorf("a /%d has no broadcast address", e.Address.Bits())
	}
	all := e.Address.Addr().As4()
	for bit := e.Address.Bits(); bit < 32; bit++ {
		all[bit/8] |= 0x80 >> (bit % 8)
	}
	ip := netip.AddrFrom4(all)
	e.broadcast = &ip
	return nil
}

func (e *entry) checkFamily(string) error {
	for _, option := range []struct {
		name       string
		given, is6 bool
	}{
		{"label", e.Label != nil, false},
		// An IPv6 address implies its scope (ipv6_addr_scope in net/ipv6/addrconf_core.c).
		{"scope", e.Scope != nil, false},
		{"broadcast", e.Broadcast != nil, false},
		{"nodad", e.NoDAD != nil, true},
	} {
		if option.given && option.is6 != e.Address.Addr().Is6() {
			family := "IPv4"
			if option.is6 {
				family = "IPv6"
			}
			return fmt.Errorf("%s is for %s addresses only", option.name, family)
		}
	}
	return nil
}

// checkLabel checks the label as ip-address(8) does: old programs take it for a device's name (IFNAMSIZ in linux/if.h).
func (e *entry) checkLabel(device string) error {
	if e.Label == nil {
		return nil
	}
	if rest, ok := strings.CutPrefix(*e.Label, device); !ok || (rest != "" && rest[0] != ':') {
		return fmt.Errorf("the label %q is neither %s nor %s:NAME", *e.Label, device, device)
	}
	if len(*e.Label) > 15 {
		return fmt.Errorf("the label %q has %d bytes; the kernel takes 15 at most", *e.Label, len(*e.Label))
	}
	return nil
}

// checkLifetimes rejects lifetimes for which the kernel returns EINVAL without a message.
func (e *entry) checkLifetimes(string) error {
	valid, preferred := spec.ValueOr(e.ValidLft, Forever), spec.ValueOr(e.PreferredLft, 0)
	if valid == 0 {
		return fmt.Errorf("valid_lft is 0, so the address would never be there")
	}
	if preferred > valid {
		return fmt.Errorf("preferred_lft %s is longer than valid_lft %s", preferred, valid)
	}
	return nil
}

func (e *entry) resource(ns, dev string) *Address {
	a := &Address{
		NS: ns, Dev: dev, Prefix: e.Address.Prefix,
		Label: e.Label, Scope: e.Scope, Broadcast: e.broadcast, NoDAD: e.NoDAD, NoPrefixRoute: e.NoPrefixRoute,
		Metric: e.Metric, ValidLft: e.ValidLft, PreferredLft: e.PreferredLft, Replace: spec.ValueOr(e.Adopt, false), Source: e.Source,
	}
	if e.Peer != nil {
		peer := e.Peer.Addr()
		a.Peer = &peer
	}
	return a
}

// prefix is an address with a prefix length in YAML. bare: it was written without a length.
type prefix struct {
	netip.Prefix
	bare bool
}

// DecodeWord parses the address.
func (p *prefix) DecodeWord(word string) (err error) {
	if p.Prefix, p.bare, err = parsePrefix(word); err != nil {
		return err
	}
	return CheckOfOne(p.Addr(), "a device cannot have it")
}

func (prefix) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "CIDR",
		Doc:     "An IPv4 or IPv6 address with the length of its subnet: `192.0.2.10/24`, `2001:db8::1/64`. Without a length, the length is `/32` or `/128`.",
		Pattern: "^" + spec.CIDRPattern + "$",
	}
}
