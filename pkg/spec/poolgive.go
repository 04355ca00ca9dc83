package spec

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"gopkg.in/yaml.v3"
)

// poolAsk is an end's question for an address. give is called once, with the address or with the reason why there is none.
type poolAsk struct {
	end  PoolEnd
	file string
	give func(p netip.Prefix, lacks string)
}

// FromPool asks for an address of the pool that the node n names, for the context's device. It calls give before the functions of
// Later and after all files have been read, with the address, or with the reason why the end has none for now.
func (c *Context) FromPool(n *yaml.Node, give func(p netip.Prefix, lacks string)) {
	if _, declared := c.c.desired.Pools[n.Value]; !declared {
		c.Errorf(n, "pool %s is not declared%s", quoted(n.Value), c.DidYouMean(n.Value, maps.Keys(c.c.desired.Pools)))
		return
	}
	c.c.asks = append(c.c.asks, poolAsk{PoolEnd{n.Value, c.NS, c.Device}, c.file, give})
}

// WhenGiven calls f after the addresses of pools have been given, and before the functions of Later.
func (c *Context) WhenGiven(f func()) { c.c.whenGiven = append(c.c.whenGiven, f) }

// Occupy says that the files give an address to a certain host, so that no pool gives it to another.
func (c *Context) Occupy(ip netip.Addr) {
	if len(c.c.desired.Pools) > 0 {
		c.c.occupied[ip] = true
	}
}

// givePools gives the addresses of pools to the ends that ask for them. The result depends on the files and the state only.
//   - An end keeps its address, unless the files now exclude it or give it to a certain host.
//   - An end that comes back gets the address that it had, if it is free.
//   - Others get the lowest address that nobody has had, and then the one that was returned first.
func (c *compiler) givePools() {
	state := &PoolState{}
	if len(c.asks) > 0 && c.lang.Pools != nil {
		state = c.lang.Pools()
	}
	slices.SortStableFunc(c.asks, func(a, b poolAsk) int { return a.end.Compare(b.end) })
	if state.Unknown && len(c.asks) > 0 {
		c.desired.Unknown = state.Closed
	}
	g := &poolGiver{c: c, state: state, holder: map[netip.Addr]bool{}, had: map[PoolEnd]netip.Addr{}, returned: map[netip.Addr]bool{}, from: map[string]netip.Addr{}}
	asking := make(map[PoolEnd]bool, len(c.asks))
	for _, ask := range c.asks {
		asking[ask.end] = true
	}
	for end, has := range state.Held {
		// An end that no longer asks keeps its address until that has been returned.
		if _, declared := c.desired.Pools[end.Pool]; declared && (!asking[end] || g.fits(end.Pool, has.Addr)) {
			g.holder[has.Addr] = true
		}
	}
	for _, r := range state.Returned {
		g.had[r.PoolEnd], g.returned[r.Addr] = r.Addr, true
	}
	for _, choose := range []func(PoolEnd) (netip.Addr, bool){g.held, g.again, g.fresh, g.oldest} {
		for _, ask := range c.asks {
			if _, has := c.desired.Given[ask.end]; has {
				continue
			}
			if ip, found := choose(ask.end); found {
				c.desired.Given[ask.end] = Holding{ip, ask.file}
				g.holder[ip] = true
			}
		}
	}
	for _, ask := range c.asks {
		pool := c.desired.Pools[ask.end.Pool]
		given, has := c.desired.Given[ask.end]
		if !has {
			c.desired.Lacking = true
			ask.give(netip.Prefix{}, g.why(pool))
			continue
		}
		if g.unchecked(ask.end, given.Addr) {
			ask.give(netip.Prefix{}, fmt.Sprintf("linkd asks whether another host has %s, of the pool %q", given.Addr, pool.Name))
			continue
		}
		ask.give(netip.PrefixFrom(given.Addr, pool.Length), "")
	}
	for _, f := range c.whenGiven {
		f()
	}
}

// poolGiver chooses addresses.
type poolGiver struct {
	c     *compiler
	state *PoolState
	// holder are the addresses that an end has. had and returned are from PoolState.Returned.
	holder   map[netip.Addr]bool
	had      map[PoolEnd]netip.Addr
	returned map[netip.Addr]bool
	// from is the address below which a pool has none left that nobody has had.
	from map[string]netip.Addr
}

// fits reports whether a pool can give an address, whoever has it.
func (g *poolGiver) fits(pool string, ip netip.Addr) bool {
	return !g.c.occupied[ip] && g.state.Refused[ip] == "" && g.c.desired.Pools[pool].gives(ip)
}

func (g *poolGiver) held(end PoolEnd) (ip netip.Addr, found bool) {
	has, found := g.state.Held[end]
	return has.Addr, found && g.fits(end.Pool, has.Addr)
}

// unchecked reports whether an address must not be used yet. The kernel itself asks for IPv6 addresses.
func (g *poolGiver) unchecked(end PoolEnd, ip netip.Addr) bool {
	return ip.Is4() && g.state.Checks && (g.state.Held[end].Addr != ip || g.state.Unchecked[end] == ip)
}

func (g *poolGiver) again(end PoolEnd) (ip netip.Addr, found bool) {
	ip, found = g.had[end]
	return ip, found && g.state.Closed == nil && g.fits(end.Pool, ip) && !g.holder[ip]
}

func (g *poolGiver) fresh(end PoolEnd) (ip netip.Addr, found bool) {
	if g.state.Closed != nil {
		return ip, false
	}
	ip, found = g.c.desired.Pools[end.Pool].next(g.from[end.Pool], func(ip netip.Addr) bool {
		return g.holder[ip] || g.returned[ip] || g.c.occupied[ip] || g.state.Refused[ip] != ""
	})
	g.from[end.Pool] = ip
	return ip, found
}

func (g *poolGiver) oldest(end PoolEnd) (ip netip.Addr, found bool) {
	if g.state.Closed != nil {
		return ip, false
	}
	for _, r := range g.state.Returned {
		if r.Pool == end.Pool && g.fits(r.Pool, r.Addr) && !g.holder[r.Addr] {
			return r.Addr, true
		}
	}
	return ip, false
}

// why returns why a pool gives no address.
func (g *poolGiver) why(p Pool) string {
	if g.state.Closed != nil {
		return fmt.Sprintf("the pool %q gives no address for now: %v", p.Name, g.state.Closed)
	}
	given := 0
	for end := range g.state.Held {
		if _, asks := g.c.desired.Given[end]; end.Pool == p.Name && !asks {
			given++
		}
	}
	for end := range g.c.desired.Given {
		if end.Pool == p.Name {
			given++
		}
	}
	reason := fmt.Sprintf("the pool %q (%s) is full: %d of its addresses are given", p.Name, p.Range, given)
	refused := 0
	for ip := range g.state.Refused {
		if p.Range.Contains(ip) {
			refused++
		}
	}
	if refused > 0 {
		reason += fmt.Sprintf(", and other hosts have %d", refused)
	}
	return reason + ". Widen its range, or remove an end"
}

// gives reports whether an address is in the range, and neither excluded nor that of the subnet's network or broadcast.
func (p Pool) gives(ip netip.Addr) bool {
	if !p.Range.Contains(ip) || slices.ContainsFunc(p.Exclude, func(e netip.Prefix) bool { return e.Contains(ip) }) {
		return false
	}
	subnet := netip.PrefixFrom(ip, p.Length)
	if ip.BitLen()-p.Length < 2 {
		// In a subnet of two addresses both are hosts' (RFC 3021, RFC 6164).
		return true
	}
	// The first address of an IPv6 subnet is that of all its routers (RFC 4291, 2.6.1).
	return ip != subnet.Masked().Addr() && (ip.Is6() || ip != lastOf(subnet))
}

// next returns the lowest address of the pool from an address on, or from its first for the zero Addr, that skip does not skip. It
// looks at each exclusion and each skipped address once.
func (p Pool) next(from netip.Addr, skip func(netip.Addr) bool) (ip netip.Addr, found bool) {
	if ip = from; !ip.IsValid() {
		ip = p.Range.Addr()
	}
	for p.Range.Contains(ip) {
		if i := slices.IndexFunc(p.Exclude, func(e netip.Prefix) bool { return e.Contains(ip) }); i >= 0 {
			ip = lastOf(p.Exclude[i]).Next()
			continue
		}
		if p.gives(ip) && !skip(ip) {
			return ip, true
		}
		ip = ip.Next()
	}
	return ip, false
}

// lastOf returns the last address of a subnet.
func lastOf(p netip.Prefix) netip.Addr {
	all := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(all)*8; bit++ {
		all[bit/8] |= 0x80 >> (bit % 8)
	}
	ip, _ := netip.AddrFromSlice(all)
	return ip
}
