package link

import (
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Options are the fields that one kind of link has of its own, decoded from YAML by their tags.
type Options interface{ options() []option }

// checked are options of which some do not go together: wrong tells at which key, and why, or "".
type checked interface{ wrong() (key, why string) }

// option is such a field and its attribute in IFLA_INFO_DATA.
type option struct {
	name string
	attr int
	// alt is an attribute in which the kernel says the same of the other address family; 0 for none.
	alt int
	// want is the attribute as the kernel takes it; nil where the files leave it open, and empty where it is not to be.
	want []byte
	say  func(value []byte) string
	// same tells that a value that was found is the one that was set; nil where only one that reads the same is.
	same func(have, want []byte) bool
	// first: the kernel judges the other options by what this one is.
	first bool
	// usual is what the kernel gives to a new interface; "" where it has to be said.
	usual string
	// fixed tells that the kernel does not change the one value to the other; nil where it changes any.
	fixed func(have, want []byte) bool
	// standIn is an attribute: where it is not 0, the kernel goes by a value of its own meanwhile, and tells only that one.
	standIn int
}

// usually is the option with what the kernel gives to a new interface.
func (o option) usually(word string) option {
	o.usual = word
	return o
}

// number is an option of that many bytes, in the machine's order.
func number[N int | spec.Table](name string, attr, size int, value *N) option {
	o := option{name: name, attr: attr, say: decimal}
	if value != nil {
		o.want = encode(size, int(*value))
	}
	return o
}

// ticks is a number of hundredths of a second (USER_HZ, time(7)). The kernel keeps it in ticks of its own, of which there
// may be 250 a second, and rounds down on the way in and out (clock_t_to_jiffies in kernel/time/time.c).
func ticks(name string, attr int, value *int) option {
	o := number(name, attr, 4, value)
	o.same = func(have, want []byte) bool {
		h, w := observe.Number(have), observe.Number(want)
		return h == w || h+1 == w
	}
	return o
}

func encode(size, value int) []byte {
	switch size {
	case 1:
		return nl.Uint8Attr(uint8(value))
	case 2:
		return nl.Uint16Attr(uint16(value))
	default:
		return nl.Uint32Attr(uint32(value))
	}
}

func decimal(value []byte) string { return strconv.FormatUint(observe.Number(value), 10) }

// flag is an option that is 0 or 1.
func flag(name string, attr, size int, value *bool) option {
	o := option{name: name, attr: attr, usual: "false", say: func(value []byte) string { return strconv.FormatBool(observe.Number(value) != 0) }}
	if value != nil {
		set := 0
		if *value {
			set = 1
		}
		o.want = encode(size, set)
	}
	return o
}

// word is an option whose numbers have names.
func word(name string, attr, size int, value *string, numbers map[string]int) option {
	o := option{name: name, attr: attr, say: func(value []byte) string {
		for word, n := range numbers {
			if uint64(n) == observe.Number(value) {
				return word
			}
		}
		return decimal(value)
	}}
	if value != nil {
		o.want = encode(size, numbers[*value])
	}
	return o
}

// immutable is the option as one that only creation knows.
func (o option) immutable() option {
	o.fixed = func(_, _ []byte) bool { return true }
	return o
}

// sentFirst is the option as one of which the kernel is told by itself.
func (o option) sentFirst() option {
	o.first = true
	return o
}

// in is the option as it was found; nil where the kernel does not tell it.
func (o option) in(have map[uint16][]byte) []byte {
	if o.standsIn(have) {
		return nil
	}
	if value := have[uint16(o.attr)]; value != nil || o.alt == 0 {
		return value
	}
	return have[uint16(o.alt)]
}

// replacedBy is the option as one that something else stands in for while the attribute is not 0.
func (o option) replacedBy(attr int) option {
	o.standIn = attr
	return o
}

func (o option) standsIn(have map[uint16][]byte) bool {
	return o.standIn != 0 && observe.Number(have[uint16(o.standIn)]) != 0
}

func (o option) differs(have map[uint16][]byte) bool {
	h := o.in(have)
	switch {
	case o.want == nil, o.standsIn(have):
		return false
	case o.same != nil:
		return !o.same(h, o.want)
	}
	return o.say(o.want) != o.say(h)
}

// compareOptions compares the fields that are given with the attributes that were found.
func compareOptions(fs *reconcile.Fields, o Options, have map[uint16][]byte) {
	if o == nil {
		return
	}
	for _, o := range o.options() {
		h := o.in(have)
		switch {
		case !o.differs(have):
		case o.fixed != nil && o.fixed(h, o.want):
			fs.DifferReplace(o.name, o.say(h), o.say(o.want))
		default:
			fs.Differ(o.name, o.say(h), o.say(o.want))
		}
	}
}

// info is IFLA_LINKINFO of a type with the attributes of its own.
func (t *Type) info(attrs []*nl.RtAttr) *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(t.Name))
	if len(attrs) > 0 {
		data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
		for _, a := range attrs {
			data.AddChild(a)
		}
	}
	return info
}

// given are the attributes of all fields that are given, for creation.
func given(o Options) []*nl.RtAttr { return attributesOf(o, func(option) bool { return true }) }

// changed are those that are not as they were found: some kinds refuse to be told even what they know (a vrf has no
// changelink at all). First are the ones that have to be told before.
func changed(o Options, have map[uint16][]byte) (first, rest []*nl.RtAttr) {
	first = attributesOf(o, func(o option) bool { return o.first && o.differs(have) })
	rest = attributesOf(o, func(o option) bool { return !o.first && o.differs(have) })
	return first, rest
}

func attributesOf(o Options, which func(option) bool) (attrs []*nl.RtAttr) {
	if o == nil {
		return nil
	}
	for _, o := range o.options() {
		if len(o.want) > 0 && which(o) {
			attrs = append(attrs, nl.NewRtAttr(o.attr, o.want))
		}
	}
	return attrs
}
