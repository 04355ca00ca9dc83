// Package route is the kind of routes. linkd's have the routing protocol address.Mark.
package route

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

const kindName = "route"

// Route is one route, which is one statement: without Via it leads to what is directly connected. What is nil is not
// managed; in a route that was found, it is not there.
type Route struct {
	NS string
	// To has no bits set beyond its length. Its address tells the family, of a default route too.
	To            netip.Prefix
	Table, Metric uint32
	Type          Type
	// Via is the gateway; the zero Addr is none.
	Via netip.Addr
	// Dev is "" where the kernel may choose: by the gateway, or because the type has no device.
	Dev    string
	Src    *netip.Addr
	Scope  *address.Scope
	OnLink *bool
	// MTU is in bytes.
	MTU *uint32
	// Adopt: the device was taken over, and the route with it.
	Adopt bool

	// The rest is found only. Hops are the ways of a route that has several, and Object is the nexthop object
	// (ip-nexthop(8)) that a route goes by.
	Hops   []Hop
	Object uint32
	Proto  uint8
	// Unspoken are the attributes that linkd has no words for.
	Unspoken []string
	// Shared is set where the kernel has several routes of one ID, and Sibling for all but one of these: it is what to
	// tell that one by.
	Shared  bool
	Sibling string
	Source  spec.Source
}

// Hop is one of the ways of a route.
type Hop struct {
	Via netip.Addr
	Dev string
}

func (h Hop) String() string { return strings.TrimPrefix(wayOf(h.Via, h.Dev), " ") }

func wayOf(via netip.Addr, dev string) string {
	way := ""
	if via.IsValid() {
		way += " via " + via.String()
	}
	if dev != "" {
		way += " dev " + dev
	}
	return way
}

// ID is what the kernel tells routes apart by, as ip-route(8) would say it: destination, table and metric.
func (r *Route) ID() spec.ID {
	key := r.To.String()
	if r.To.Bits() == 0 {
		if key = "default"; r.To.Addr().Is6() {
			key = "default inet6"
		}
	}
	if r.Table != unix.RT_TABLE_MAIN {
		key += fmt.Sprintf(" table %d", r.Table)
	}
	if r.Metric != defaultMetric(r.To) {
		key += fmt.Sprintf(" metric %d", r.Metric)
	}
	return spec.ID{NS: r.NS, Kind: kindName, Key: key + r.Sibling}
}

// defaultMetric is the metric of a route that is given none: IP6_RT_PRIO_USER (linux/ipv6_route.h), which the kernel
// also puts in the place of 0, and 0 for IPv4.
func defaultMetric(to netip.Prefix) uint32 {
	if to.Addr().Is6() {
		return 1024
	}
	return 0
}

// Needs implements spec.Resource.
func (r *Route) Needs() []spec.ID {
	if r.Dev == "" {
		return nil
	}
	return []spec.ID{spec.LinkID(r.NS, r.Dev)}
}

// Origin implements spec.Resource.
func (r *Route) Origin() spec.Source { return r.Source }

// Type is what a route does with a packet (rtnetlink(7)).
type Type uint8

var types = map[Type]string{
	unix.RTN_UNICAST:     "unicast",
	unix.RTN_LOCAL:       "local",
	unix.RTN_BROADCAST:   "broadcast",
	unix.RTN_ANYCAST:     "anycast",
	unix.RTN_MULTICAST:   "multicast",
	unix.RTN_BLACKHOLE:   "blackhole",
	unix.RTN_UNREACHABLE: "unreachable",
	unix.RTN_PROHIBIT:    "prohibit",
	unix.RTN_THROW:       "throw",
}

func (t Type) String() string {
	if name, named := types[t]; named {
		return name
	}
	return strconv.Itoa(int(t))
}

// ends tells whether packets end at the route, so that it leads nowhere.
func (t Type) ends() bool {
	switch t {
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_THROW:
		return true
	}
	return false
}

// table is the one in which ip-route(8) puts a route of the type unless told otherwise.
func (t Type) table() uint32 {
	if t == unix.RTN_LOCAL || t == unix.RTN_BROADCAST {
		return unix.RT_TABLE_LOCAL
	}
	return unix.RT_TABLE_MAIN
}

// DecodeNode implements spec.NodeDecoder. Anycast routes are the kernel's own.
func (t *Type) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	for value, name := range types {
		if name == text && value != unix.RTN_ANYCAST {
			*t = value
			return nil
		}
	}
	return spec.OneOf("route type", text, typeWords...)
}

var typeWords = []string{"unicast", "local", "broadcast", "multicast", "blackhole", "unreachable", "prohibit", "throw"}

// Syntax implements spec.Described.
func (Type) Syntax() spec.Syntax { return spec.Syntax{Name: "route type", Words: typeWords} }

// table is a routing table in YAML: its number, or one of the names that every system has.
type table uint32

// DecodeNode implements spec.NodeDecoder.
func (t *table) DecodeNode(c *spec.Context, n *yaml.Node) error {
	switch n.Value {
	case "main":
		*t = unix.RT_TABLE_MAIN
	case "local":
		*t = unix.RT_TABLE_LOCAL
	case "default":
		*t = unix.RT_TABLE_DEFAULT
	default:
		var number uint32
		if c.Decode(n, &number) && number == 0 {
			return fmt.Errorf("there is no table 0")
		}
		*t = table(number)
	}
	return nil
}

// Syntax implements spec.Described.
func (table) Syntax() spec.Syntax {
	return spec.Syntax{Name: "routing table", Words: []string{"main", "local", "default"}, Min: 1, Max: 1<<32 - 1}
}
