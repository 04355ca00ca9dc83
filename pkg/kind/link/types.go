package link

import (
	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Types is the list of the kinds of link.
var Types = []*Type{
	veth,
	bridge,
	dummy,
	existingType,
}

// Type is one kind of link.
type Type struct {
	// Name is the kernel's name of the kind (IFLA_INFO_KIND), and the one in the files.
	Name, Doc string
	// New is an empty value of the kind's own fields; nil where it has none.
	New func() Options
	// Paired: it has two ends, each with the fields of an end.
	Paired bool
	// KeepsMAC: without an address of its own the kernel would change it, so it is given one.
	KeepsMAC bool
	// Attach makes the attributes that only creation knows; nil where there are none.
	Attach func(ns *observe.NS, want *Link) ([]*nl.RtAttr, error)
}

// Options are the fields that one kind of link has of its own, decoded from YAML by their tags.
type Options interface {
	// Data are the attributes (IFLA_INFO_DATA) of the fields that are given.
	Data() []*nl.RtAttr
	// Diff compares the fields that are given with the attributes that were found.
	Diff(fs *reconcile.Fields, have map[uint16][]byte)
}

func typeNamed(name string) *Type {
	for _, t := range Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

func (t *Type) data(ns *observe.NS, want *Link) (attrs []*nl.RtAttr, err error) {
	if t.Attach != nil {
		if attrs, err = t.Attach(ns, want); err != nil {
			return nil, err
		}
	}
	if want.Options != nil {
		attrs = append(attrs, want.Options.Data()...)
	}
	return attrs, nil
}

// option is a numeric attribute of a kind of link: one field of the files.
type option struct {
	name  string
	attr  int
	size  int // bytes
	most  int // the largest value, where it is not that of the size
	value *int
}

func (o option) largest() int {
	if o.most > 0 {
		return o.most
	}
	return 1<<(8*o.size) - 1
}

func (o option) encode() []byte {
	switch o.size {
	case 1:
		return nl.Uint8Attr(uint8(*o.value))
	case 2:
		return nl.Uint16Attr(uint16(*o.value))
	default:
		return nl.Uint32Attr(uint32(*o.value))
	}
}

func optionData(options []option) (attrs []*nl.RtAttr) {
	for _, o := range options {
		if o.value != nil {
			attrs = append(attrs, nl.NewRtAttr(o.attr, o.encode()))
		}
	}
	return attrs
}

func optionDiff(fs *reconcile.Fields, options []option, have map[uint16][]byte) {
	for _, o := range options {
		reconcile.Compare(fs, o.name, o.value, int(observe.Number(have[uint16(o.attr)])))
	}
}

// number makes a flag comparable with its attribute.
func number(flag *bool) *int {
	if flag == nil {
		return nil
	}
	n := 0
	if *flag {
		n = 1
	}
	return &n
}
