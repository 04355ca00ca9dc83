package port

import (
	"encoding/json"
	"strconv"

	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// option is an option that a bridge has for each of its ports.
type option struct {
	// name is the key in the files, attr the attribute (IFLA_BRPORT_* in linux/if_link.h).
	name string
	attr int
	// size is the size of the attribute in bytes; 1 for a flag.
	size int
	// initial is the value for a port that has just joined (new_nbp in net/bridge/br_if.c).
	initial int
}

var options = [...]option{
	{name: "cost", attr: nl.IFLA_BRPORT_COST, size: 4, initial: absent}, // depends on the interface's speed
	{name: "priority", attr: nl.IFLA_BRPORT_PRIORITY, size: 2, initial: 32},
	{name: "hairpin", attr: nl.IFLA_BRPORT_MODE, size: 1},
	{name: "isolated", attr: nl.IFLA_BRPORT_ISOLATED, size: 1},
	{name: "learning", attr: nl.IFLA_BRPORT_LEARNING, size: 1, initial: 1},
	{name: "flood", attr: nl.IFLA_BRPORT_UNICAST_FLOOD, size: 1, initial: 1},
	{name: "mcast_flood", attr: nl.IFLA_BRPORT_MCAST_FLOOD, size: 1, initial: 1},
	{name: "guard", attr: nl.IFLA_BRPORT_GUARD, size: 1},
	{name: "fast_leave", attr: nl.IFLA_BRPORT_FAST_LEAVE, size: 1},
	{name: "neigh_suppress", attr: nl.IFLA_BRPORT_NEIGH_SUPPRESS, size: 1},
}

// Options has a value for each of options, in their order. The value is absent if the option is not managed, or if the kernel does
// not have it.
type Options [len(options)]int32

const absent = -1

// unmanaged are Options without a managed option.
var unmanaged = func() (none Options) {
	for i := range none {
		none[i] = absent
	}
	return none
}()

// names returns the names of the managed options.
func (o Options) names() (names []string) {
	for i, value := range o {
		if value != absent {
			names = append(names, options[i].name)
		}
	}
	return names
}

// fill returns o with the values of other for its absent ones.
func (o Options) fill(other Options) Options {
	for i, value := range o {
		if value == absent {
			o[i] = other[i]
		}
	}
	return o
}

func (o Options) diff(fs *reconcile.Fields, have Options) {
	for i, value := range o {
		if value != absent && value != have[i] {
			fs.Differ(options[i].name, options[i].format(have[i]), options[i].format(value))
		}
	}
}

func (o option) format(value int32) string {
	switch {
	case value == absent:
		return ""
	case o.size == 1:
		return strconv.FormatBool(value != 0)
	}
	return strconv.Itoa(int(value))
}

// ofAttr has the index in options of each attribute, plus 1; 0 for other attributes.
var ofAttr = func() (places [nl.IFLA_BRPORT_MAX + 1]uint8) {
	for i, o := range options {
		places[o.attr] = uint8(i + 1)
	}
	return places
}()

// readOptions reads a bridge's attributes of a port.
func readOptions(attrs []byte) (o Options, state uint8, err error) {
	o = unmanaged
	err = observe.EachAttr(attrs, func(attr uint16, value []byte) error {
		if attr == nl.IFLA_BRPORT_STATE {
			state = uint8(observe.Number(value))
		}
		if int(attr) < len(ofAttr) && ofAttr[attr] > 0 {
			o[ofAttr[attr]-1] = int32(observe.Number(value))
		}
		return nil
	})
	return o, state, err
}

// MarshalJSON writes the options that are not absent, by their names.
func (o Options) MarshalJSON() ([]byte, error) {
	named := map[string]int32{}
	for i, value := range o {
		if value != absent {
			named[options[i].name] = value
		}
	}
	return json.Marshal(named)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (o *Options) UnmarshalJSON(text []byte) error {
	var named map[string]int32
	if err := json.Unmarshal(text, &named); err != nil {
		return err
	}
	*o = unmanaged
	for i := range options {
		if value, known := named[options[i].name]; known {
			o[i] = value
		}
	}
	return nil
}

// data returns the attributes of the managed options.
func (o Options) data() (attrs []*nl.RtAttr) {
	for i, value := range o {
		if value == absent {
			continue
		}
		encoded := nl.Uint8Attr(uint8(value))
		switch options[i].size {
		case 2:
			encoded = nl.Uint16Attr(uint16(value))
		case 4:
			encoded = nl.Uint32Attr(uint32(value))
		}
		attrs = append(attrs, nl.NewRtAttr(options[i].attr, encoded))
	}
	return attrs
}
