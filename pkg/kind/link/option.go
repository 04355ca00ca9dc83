package link

import (
	"slices"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Options has the keys of one type of link, decoded from YAML by their tags.
type Options interface{ options() []option }

// checked is implemented by options of which some exclude each other. wrong returns the key and the reason, or "".
type checked interface{ wrong() (key, why string) }

// option is one key and its attribute in IFLA_INFO_DATA.
type option struct {
	// name is the key; "" for an attribute that goes with another option.
	name string
	attr int
	// alt is the attribute that has the same value for the other address family; 0 for none.
	alt int
	// want is the desired value of the attribute; nil if the files do not set it, and empty if the attribute must not be there.
	want   []byte
	format func(value []byte) string
	// same reports whether an observed value is the desired one; nil if only equal values are the same.
	same func(have, want []byte) bool
	// first: the kernel checks other options against this one, so linkd sends it before them.
	first bool
	// usual is the kernel's default for a new interface; "" if there is none. unset is how a file says the default, if not by that
	// word.
	usual, unset string
	// stays: linkd does not restore the option when its key is removed from the files.
	stays bool
	// fixed reports that the kernel cannot change one value to the other; nil if it can change any.
	fixed func(have, want []byte) bool
	// mask: the option is these bits of the attribute, and want has no others.
	mask []byte
	// indirect: want is not the attribute's value. Type.Change sends it, or options without a name do.
	indirect bool
	// read returns the observed value; nil if that is the attribute's.
	read func(have map[uint16][]byte) []byte
	// standIn is an attribute. While it is not 0, the kernel uses and reports a temporary value of the option.
	standIn int
}

// usually sets the kernel's default.
func (o option) usually(word string) option {
	o.usual = word
	return o
}

// unlessSet sets how a file says the kernel's default.
func (o option) unlessSet(word string) option {
	o.unset = word
	return o
}

// number returns an option with a number of size bytes, in the machine's byte order.
func number[N int | spec.Table](name string, attr, size int, value *N) option {
	o := option{name: name, attr: attr, format: decimal}
	if value != nil {
		o.want = encode(size, int(*value))
	}
	return o
}

// ticks returns an option in hundredths of a second (USER_HZ, time(7)). The kernel converts it to its own ticks, of which there may
// be 250 a second, and rounds down on the way in and out (clock_t_to_jiffies in kernel/time/time.c).
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

// flag returns an option that is 0 or 1.
func flag(name string, attr, size int, value *bool) option {
	o := option{name: name, attr: attr, usual: "false", format: func(value []byte) string { return strconv.FormatBool(observe.Number(value) != 0) }}
	if value != nil {
		set := 0
		if *value {
			set = 1
		}
		o.want = encode(size, set)
	}
	return o
}

// word returns an option whose numbers have names.
func word(name string, attr, size int, value *string, numbers map[string]int) option {
	o := option{name: name, attr: attr, format: func(value []byte) string {
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

// immutable makes the option one that the kernel accepts only at creation.
func (o option) immutable() option {
	o.fixed = func(_, _ []byte) bool { return true }
	return o
}

// sentFirst makes linkd send the option before the others, in a request of its own.
func (o option) sentFirst() option {
	o.first = true
	return o
}

// in returns the observed value of the option; nil if the kernel does not report it.
func (o option) in(have map[uint16][]byte) []byte {
	if o.standsIn(have) {
		return nil
	}
	if o.read != nil {
		return o.read(have)
	}
	if value := have[uint16(o.attr)]; value != nil || o.alt == 0 {
		return value
	}
	return have[uint16(o.alt)]
}

// replacedBy sets the attribute that says that the kernel uses a temporary value (see standIn).
func (o option) replacedBy(attr int) option {
	o.standIn = attr
	return o
}

func (o option) standsIn(have map[uint16][]byte) bool {
	return o.standIn != 0 && observe.Number(have[uint16(o.standIn)]) != 0
}

// setIn returns the attribute's value with that of the option in it.
func (o option) setIn(value []byte) []byte {
	if len(value) != len(o.mask) {
		return o.want
	}
	all := slices.Clone(value)
	for i, mask := range o.mask {
		all[i] = all[i]&^mask | o.want[i]
	}
	return all
}

func (o option) differs(have map[uint16][]byte) bool {
	h := o.in(have)
	switch {
	case o.want == nil, o.name == "", o.standsIn(have):
		return false
	case o.same != nil:
		return !o.same(h, o.want)
	}
	return o.format(o.want) != o.format(h)
}

// compareOptions compares the desired options with the observed attributes.
func compareOptions(fs *reconcile.Fields, o Options, have map[uint16][]byte) {
	if o == nil {
		return
	}
	for _, o := range o.options() {
		h := o.in(have)
		switch {
		case !o.differs(have):
		case o.fixed != nil && o.fixed(h, o.want):
			fs.DifferReplace(o.name, o.format(h), o.format(o.want))
		default:
			fs.Differ(o.name, o.format(h), o.format(o.want))
		}
	}
}

// info returns IFLA_LINKINFO of a type with its attributes.
func (t *Type) info(attrs []*nl.RtAttr) *nl.RtAttr { return infoOf(t.Name, attrs) }

func infoOf(kind string, attrs []*nl.RtAttr) *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	if len(attrs) > 0 {
		data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
		for _, a := range attrs {
			data.AddChild(a)
		}
	}
	return info
}

// given returns the attributes of all desired options, for creation.
func given(o Options) []*nl.RtAttr {
	return attributesOf(o, func(o option) bool { return !o.indirect })
}

// changed returns the attributes that differ from the observed ones: some types refuse even the current value (a vrf has no
// changelink). linkd sends first before rest.
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
		if len(o.want) == 0 || !which(o) {
			continue
		}
		same := func(a *nl.RtAttr) bool { return int(a.Type) == o.attr }
		if at := slices.IndexFunc(attrs, same); at >= 0 && o.mask != nil {
			attrs[at].Data = o.setIn(attrs[at].Data)
			continue
		}
		attrs = append(attrs, nl.NewRtAttr(o.attr, o.want))
	}
	return attrs
}
