// Package replaced implements what a file asks linkd to take over with adopt: true on an address or a route: the equal address
// on other interfaces, and the route in the same place. linkd removes it before it adds its own, and puts it back when the
// files do not ask for it any more. It is a setting of the namespace whose desired value is that nothing foreign is there.
package replaced

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/link/belongings"
	"linkd/pkg/spec"
)

const kindName = spec.ReplacedKind

// Replaced is what others have in the place of an address or a route of linkd's.
type Replaced struct {
	NS string
	// What is the address or the route: "address 192.0.2.10/24", "route default table 7".
	What string
	// There is what is there; none in a desired resource.
	There  belongings.Belongings
	Source spec.Source

	needs []spec.ID
}

func (r *Replaced) ID() spec.ID { return spec.ReplacedID(r.NS, r.What) }

// Needs returns, for an address, the routes to replace: the kernel deletes them together with the address, and then linkd could
// not record them.
func (r *Replaced) Needs() []spec.ID { return r.needs }

func (r *Replaced) Origin() spec.Source { return r.Source }

func (r *Replaced) Relations() spec.Relations { return spec.Relations{} }

// Replacing is a resource that can ask for the place of another one.
type Replacing interface {
	spec.Resource
	// Replaces returns what it replaces, as in Replaced; "" for nothing.
	Replaces() string
}

// Watch returns the key with a further effect: the resources that it makes take over what they ask for.
func Watch(k spec.Key) spec.Key {
	decode := k.Decode
	k.Decode = func(c *spec.Context, n *yaml.Node) {
		decode(c, n)
		c.Once("replaced in "+c.NS, func() { declare(c) })
	}
	return k
}

// declare adds what the resources of a namespace replace.
func declare(c *spec.Context) {
	var routes []spec.ID
	var all []*Replaced
	seen := map[string]bool{}
	for _, kind := range []string{"route", "address"} {
		for _, declared := range c.All().In(c.NS, kind) {
			r, is := declared.(Replacing)
			if !is || r.Replaces() == "" || seen[r.Replaces()] {
				continue
			}
			seen[r.Replaces()] = true
			one := &Replaced{NS: c.NS, What: r.Replaces(), Source: r.Origin()}
			if kind == "route" {
				routes = append(routes, one.ID())
			} else {
				one.needs = routes
			}
			all = append(all, one)
		}
	}
	for _, r := range all {
		c.Add(r)
	}
}

// prefixOf returns the prefix of an address; ok is false for anything else.
func prefixOf(what string) (p netip.Prefix, ok bool) {
	text, is := strings.CutPrefix(what, "address ")
	p, err := netip.ParsePrefix(text)
	return p, is && err == nil
}

// placeOf returns the place of a route, which is the key of its ID; ok is false for anything else.
func placeOf(what string) (at belongings.Place, ok bool) {
	text, is := strings.CutPrefix(what, "route ")
	words := strings.Fields(text)
	if !is || len(words) == 0 {
		return at, false
	}
	to, rest := words[0], words[1:]
	if to == "default" {
		to = "0.0.0.0/0"
		if len(rest) > 0 && rest[0] == "inet6" {
			to, rest = "::/0", rest[1:]
		}
	}
	var err error
	if at.To, err = netip.ParsePrefix(to); err != nil || len(rest)%2 != 0 {
		return at, false
	}
	at.Table = unix.RT_TABLE_MAIN
	if at.To.Addr().Is6() {
		// IP6_RT_PRIO_USER in linux/ipv6_route.h.
		at.Metric = 1024
	}
	for i := 0; i < len(rest); i += 2 {
		number, err := strconv.ParseUint(rest[i+1], 0, 32)
		if err != nil {
			return at, false
		}
		switch rest[i] {
		case "table":
			at.Table = uint32(number)
		case "metric":
			at.Metric = uint32(number)
		case "tos":
			at.TOS = uint8(number)
		default:
			return at, false
		}
	}
	return at, true
}

// String returns where it is, for people.
func (r *Replaced) String() string {
	return fmt.Sprintf("%s %s", r.What, cmp.Or(r.There.Text(), "nowhere"))
}
