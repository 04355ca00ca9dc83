package spec

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"gopkg.in/yaml.v3"
)

// Pool is a range of addresses. linkd gives one of them to each end that asks for one.
type Pool struct {
	Name  string
	Range netip.Prefix
	// Length is the prefix length of the addresses: that of the subnet of which the range is a part, or the range's own.
	Length  int
	Exclude []netip.Prefix
	Source  Source
}

// PoolEnd is an end that asks for an address of a pool. Its namespace and device, not its link's ID, identify it, so an end that is
// made again under the same name is the same end.
type PoolEnd struct{ Pool, NS, Device string }

// Compare orders ends by pool, namespace and device.
func (e PoolEnd) Compare(other PoolEnd) int {
	return cmp.Or(cmp.Compare(e.Pool, other.Pool), cmp.Compare(e.NS, other.NS), cmp.Compare(e.Device, other.Device))
}

// GivenAddress is an address of a pool with the end that has it, or had it last.
type GivenAddress struct {
	PoolEnd
	Addr netip.Addr
}

// Holding is an address that an end has, and the file that declares the end.
type Holding struct {
	Addr netip.Addr
	File string
}

// PoolState is what is known about the addresses of pools. Compile reads it; the zero value is that of pools without a past.
type PoolState struct {
	// Held are the addresses that ends have.
	Held map[PoolEnd]Holding
	// Returned are the addresses of ends that have left the files, in the order in which they were returned. An end that comes
	// back gets its address again, if nobody else has got it.
	Returned []GivenAddress
	// Refused are addresses that linkd does not give, and why: another host has them.
	Refused map[netip.Addr]string
	// Checks: an address that an end has not had before is not used until linkd knows that no other host has it. Unchecked are the
	// held addresses of which linkd does not know that yet.
	Checks    bool
	Unchecked map[PoolEnd]netip.Addr
	// Closed says why linkd cannot keep a further address; nil if it can. Unknown: it does not know either which addresses the
	// ends have.
	Closed  error
	Unknown bool
}

const (
	// mostPools is how many pools all files together may declare, and mostExcluded how many exclusions a pool may have.
	mostPools    = 1000
	mostExcluded = 1000
	// shortestRange4 and shortestRange6 are the shortest prefixes of a range. Nobody has a larger network of their own.
	shortestRange4, shortestRange6 = 8, 16
)

// poolKeys are the keys of a pool.
type poolKeys struct {
	Range   poolSubnet   `yaml:"range" also:"cidr subnet network prefix" required:"true" doc:"the addresses that linkd allocates; it excludes the network and broadcast address, gateways of routes, and addresses that the files declare"`
	Length  *int         `yaml:"length" also:"prefixlen prefix_length netmask" min:"1" max:"128" absent:"that of the range" doc:"the prefix length of the addresses: that of the subnet to which the range belongs"`
	Exclude []poolSubnet `yaml:"exclude" also:"excludes reserved except skip" doc:"addresses, or parts of the range, that linkd does not allocate"`
}

// poolSubnet is a subnet, or an address as a subnet of one address.
type poolSubnet struct{ netip.Prefix }

// DecodeWord parses the subnet.
func (p *poolSubnet) DecodeWord(word string) (err error) {
	if ip, err := netip.ParseAddr(word); err == nil && ip.Zone() == "" {
		p.Prefix = netip.PrefixFrom(ip, ip.BitLen())
	} else if p.Prefix, err = netip.ParsePrefix(word); err != nil {
		return fmt.Errorf("%s is no subnet such as 10.8.0.0/24, and no IP address", quoted(word))
	}
	switch ip := p.Addr(); {
	case p.Prefix != p.Masked():
		return fmt.Errorf("%s has bits set beyond its length; did you mean %s?", p.Prefix, p.Masked())
	case ip.Is4In6():
		return fmt.Errorf("%s is an IPv4 address in the form of an IPv6 one: write it as an IPv4 address", word)
	}
	return nil
}

func (poolSubnet) Syntax() Syntax {
	return Syntax{Name: "range", Doc: "A network with no bits set beyond its length, or one address: `10.8.0.0/24`, `2001:db8::/64`, `10.8.0.1`.", Pattern: "^" + CIDRPattern + "$"}
}

// pools declares the pools of a document.
func (c *compiler) pools(s *section) {
	for _, e := range s.pools {
		key, value := e.key, e.value
		ctx := c.context(s.file, e)
		p, ok := readPool(ctx, key, value)
		if !ok {
			continue
		}
		if before, twice := c.desired.Pools[p.Name]; twice {
			ctx.Conflict(before.Source, "pool %q is declared twice, first in %s", p.Name, before.Source)
			continue
		}
		if len(c.desired.Pools) >= mostPools {
			ctx.Errorf(key, "there are more than %d pools: remove some", mostPools)
			return
		}
		c.desired.Pools[p.Name] = p
	}
}

// checkPools reports pools that have addresses in common.
func (c *compiler) checkPools() {
	all := make([]Pool, 0, len(c.desired.Pools))
	for _, p := range c.desired.Pools {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Pool) int {
		return cmp.Or(a.Range.Addr().Compare(b.Range.Addr()), cmp.Compare(a.Range.Bits(), b.Range.Bits()), cmp.Compare(a.Name, b.Name))
	})
	// Of two ranges that overlap, the first contains the second.
	var around Pool
	for _, p := range all {
		if around.Name == "" || !around.Range.Overlaps(p.Range) {
			around = p
			continue
		}
		c.errs = append(c.errs, &Error{
			Source:  p.Source,
			Message: fmt.Sprintf("the pools %q (%s) and %q (%s, in %s) have addresses in common: give each its own range", p.Name, p.Range, around.Name, around.Range, around.Source),
			Also:    []string{around.Source.File},
		})
	}
}

func readPool(ctx *Context, key, value *yaml.Node) (p Pool, ok bool) {
	if err := checkLinkID(key.Value); err != nil {
		ctx.Errorf(key, "%v", err)
		return p, false
	}
	var keys poolKeys
	if _, ok := ctx.Fields(value, nil, &keys); !ok {
		return p, false
	}
	p = Pool{Name: key.Value, Range: keys.Range.Prefix, Length: ValueOr(keys.Length, keys.Range.Bits()), Source: ctx.Source()}
	if why := wrongRange(p.Range); why != "" {
		ctx.Errorf(ValueOf(value, "range"), "%s", why)
		return p, false
	}
	if p.Length > p.Range.Bits() {
		ctx.Errorf(ValueOf(value, "length"), "a subnet with the length %d does not contain the range %s: the length is at most %d", p.Length, p.Range, p.Range.Bits())
		return p, false
	}
	excluded := ValueOf(value, "exclude")
	if len(keys.Exclude) > mostExcluded {
		ctx.Errorf(excluded, "a pool has at most %d exclusions, not %d", mostExcluded, len(keys.Exclude))
		return p, false
	}
	for i, e := range keys.Exclude {
		if !p.Range.Overlaps(e.Prefix) {
			ctx.Errorf(excluded.Content[i], "%s is not in the range %s", e.short(), p.Range)
			return p, false
		}
		p.Exclude = append(p.Exclude, e.Prefix)
	}
	if _, any := p.next(netip.Addr{}, func(netip.Addr) bool { return false }); !any {
		ctx.Errorf(key, "the pool %q has no address to give: every address of %s is excluded, or that of the network or of the broadcast", p.Name, p.Range)
		return p, false
	}
	return p, true
}

// short returns a subnet of one address as that address.
func (p poolSubnet) short() string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// wrongRange returns why no interface can have the addresses of a range; "" if it can.
func wrongRange(p netip.Prefix) string {
	shortest := shortestRange4
	if p.Addr().Is6() {
		shortest = shortestRange6
	}
	for _, special := range []struct{ prefix, what string }{
		{"0.0.0.0/8", "addresses of no host"}, {"127.0.0.0/8", "loopback addresses"}, {"224.0.0.0/4", "multicast addresses"}, {"240.0.0.0/4", "reserved addresses"},
		{"::/8", "reserved addresses"}, {"ff00::/8", "multicast addresses"}, {"fe80::/10", "link-local addresses"},
	} {
		if within := netip.MustParsePrefix(special.prefix); within.Overlaps(p) {
			return fmt.Sprintf("%s contains %s (%s): linkd cannot give them", p, special.what, within)
		}
	}
	if p.Bits() < shortest {
		return fmt.Sprintf("%s is larger than a /%d: write the part that linkd can give", p, shortest)
	}
	return ""
}
