package route

import (
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// Type is what a route does with a packet (rtnetlink(7)).
type Type uint8

// types has the names in the order of linux/rtnetlink.h, from 1. The last one, nat, is missing, because no kernel since 2.6 has it.
var types = []string{
	"unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw",
}

func (t Type) String() string {
	if t >= 1 && int(t) <= len(types) {
		return types[t-1]
	}
	return strconv.Itoa(int(t))
}

// ends reports whether packets end at the route, so that it has no nexthop.
func (t Type) ends() bool {
	switch t {
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_THROW:
		return true
	}
	return false
}

// table returns the default table of a route of the type in ip-route(8).
func (t Type) table() spec.Table {
	switch t {
	case unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_ANYCAST:
		return unix.RT_TABLE_LOCAL
	}
	return unix.RT_TABLE_MAIN
}

func (Type) Syntax() spec.Syntax { return spec.Syntax{Name: "route type", Words: types} }

// DecodeWord accepts a name.
func (t *Type) DecodeWord(word string) error {
	*t = Type(slices.Index(types, word) + 1)
	return spec.OneOf("route type", word, types...)
}
