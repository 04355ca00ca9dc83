package link

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
)

var (
	gre       = greTunnel("gre", "a tunnel over IPv4 for packets of any protocol (ip-link(8), gre)", tunnelType{attrs: greAttrs})
	gretap    = greTunnel("gretap", "an Ethernet through a tunnel over IPv4 (ip-link(8), gretap)", tunnelType{attrs: greAttrs, bridged: true})
	ip6gre    = greTunnel("ip6gre", "a tunnel over IPv6 for packets of any protocol (ip-link(8), ip6gre)", tunnelType{attrs: greAttrs, v6: true})
	ip6gretap = greTunnel("ip6gretap", "an Ethernet through a tunnel over IPv6 (ip-link(8), ip6gretap)", tunnelType{attrs: greAttrs, v6: true, bridged: true})
)

func greTunnel(name, doc string, of tunnelType) *Type {
	return tunnel(name, doc, of, func() tunnelled {
		if of.v6 {
			return &gre6Options{}
		}
		return &greOptions{}
	})
}

type greOptions struct {
	tunnelEnds
	greKeys
}

func (o *greOptions) options() []option {
	return append(o.tunnelEnds.options(), o.greKeys.options()...)
}

func (o *greOptions) wrong() (key, why string) { return o.greKeys.wrong(o.tunnelEnds.wrong) }

func (o *greOptions) distinct() string { return o.greKeys.distinct() }

type gre6Options struct {
	tunnelEnds6
	greKeys
}

func (o *gre6Options) options() []option {
	return append(o.tunnelEnds6.options(), o.greKeys.options()...)
}

func (o *gre6Options) wrong() (key, why string) { return o.greKeys.wrong(o.tunnelEnds.wrong) }

func (o *gre6Options) distinct() string { return o.greKeys.distinct() }

// greKeys are the keys that only GRE has.
type greKeys struct {
	Key  *int  `yaml:"key" also:"keys" min:"1" max:"4294967295" doc:"the key of both directions; it distinguishes tunnels between the same ends"`
	IKey *int  `yaml:"ikey" also:"input-key input_key" min:"1" max:"4294967295" doc:"the key of incoming packets, if it differs"`
	OKey *int  `yaml:"okey" also:"output-key output_key" min:"1" max:"4294967295" doc:"the key of outgoing packets"`
	Csum *bool `yaml:"csum" doc:"checksums in both directions"`
	Seq  *bool `yaml:"seq" doc:"sequence numbers in both directions"`
}

// The bits of the flags, in network byte order (GRE_* in linux/if_tunnel.h).
var greCsum, greKey, greSeq = nl.Swap16(0x8000), nl.Swap16(0x2000), nl.Swap16(0x1000)

func (o *greKeys) keys() (in, out *int) {
	in, out = o.Key, o.Key
	if o.IKey != nil {
		in = o.IKey
	}
	if o.OKey != nil {
		out = o.OKey
	}
	return in, out
}

func (o *greKeys) options() (options []option) {
	in, out := o.keys()
	for _, key := range []struct {
		name        string
		flags, attr int
		value       *int
	}{{"ikey", nl.IFLA_GRE_IFLAGS, nl.IFLA_GRE_IKEY, in}, {"okey", nl.IFLA_GRE_OFLAGS, nl.IFLA_GRE_OKEY, out}} {
		number := option{name: key.name, attr: key.attr, usual: "0", format: bigEndian}
		present := bit("", key.flags, greKey, nil)
		if key.value != nil {
			yes := *key.value != 0
			number.want = binary.BigEndian.AppendUint32(nil, uint32(*key.value))
			present = bit("", key.flags, greKey, &yes)
		}
		options = append(options, number, present)
	}
	return append(options,
		bit("csum", nl.IFLA_GRE_IFLAGS, greCsum, o.Csum), bit("", nl.IFLA_GRE_OFLAGS, greCsum, o.Csum),
		bit("seq", nl.IFLA_GRE_IFLAGS, greSeq, o.Seq), bit("", nl.IFLA_GRE_OFLAGS, greSeq, o.Seq))
}

// bit returns an option that is one bit of an attribute. One without a name is sent together with another option, and neither
// compared nor shown.
func bit(name string, attr int, mask uint16, value *bool) option {
	o := flag(name, attr, 2, value)
	o.mask = nl.Uint16Attr(mask)
	o.format = func(value []byte) string {
		return fmt.Sprint(len(value) == 2 && nl.NativeEndian().Uint16(value)&mask != 0)
	}
	if value != nil {
		o.want = make([]byte, 2)
		if *value {
			o.want = o.mask
		}
	}
	return o
}

func bigEndian(value []byte) string {
	if len(value) != 4 {
		return ""
	}
	return fmt.Sprint(binary.BigEndian.Uint32(value))
}

// wrong checks the keys, and then the ends.
func (o *greKeys) wrong(ends func() (key, why string)) (key, why string) {
	if o.Key != nil && o.IKey != nil && o.OKey != nil {
		return "key", "key is that of both directions, and ikey and okey are those of each: leave one out"
	}
	return ends()
}

func (o *greKeys) distinct() string {
	if in, _ := o.keys(); in != nil {
		return fmt.Sprintf(" with the key %d", *in)
	}
	return ""
}
