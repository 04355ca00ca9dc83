package link

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// tunnelledOver6 are the options of a type of tunnel over IPv6.
type tunnelledOver6 interface {
	tunnelled
	ends6() *tunnelEnds6
}

// tunnelEnds6 are the keys that all tunnels over IPv6 have.
type tunnelEnds6 struct {
	tunnelEnds
	EncapLimit *encapLimit `yaml:"encaplimit" doc:"the number of further tunnels that may carry the packets, or none for no limit; 4 by default, as for ip-link(8)"`
	FlowLabel  *int        `yaml:"flowlabel" also:"flow-label" min:"0" max:"1048575" doc:"flow label of the packets that carry the tunnel"`
}

func (e *tunnelEnds6) ends6() *tunnelEnds6 { return e }

// usualTTL is the time to live of a limited tunnel (ipip6_netlink_parms in net/ipv6/sit.c), and in ip-link(8) of one over IPv6.
const usualTTL = 64

// usualEncapLimit is IPV6_DEFAULT_TNL_ENCAP_LIMIT in linux/ip6_tunnel.h.
const usualEncapLimit = 4

// attachUsual returns the defaults of ip-link(8): those of the kernel are a hop limit and an encapsulation limit of 0.
func attachUsual(_ *observe.NS, want *Link) (attrs []*nl.RtAttr, err error) {
	e := want.Options.(tunnelledOver6).ends6()
	if e.EncapLimit == nil {
		attrs = append(attrs, nl.NewRtAttr(e.of.attrs.encapLimit, nl.Uint8Attr(usualEncapLimit)))
	}
	if e.TTL == nil {
		attrs = append(attrs, nl.NewRtAttr(e.of.attrs.ttl, nl.Uint8Attr(usualTTL)))
	}
	return attrs, nil
}

// options lists the options. The limit is an attribute, and a flag says to ignore it (IP6_TNL_F_IGN_ENCAP_LIMIT in
// linux/ip6_tunnel.h).
func (e *tunnelEnds6) options() []option {
	const ignored = 1
	limit := option{name: "encaplimit", attr: e.of.attrs.encapLimit, indirect: true, usual: fmt.Sprint(usualEncapLimit)}
	limit.read = func(have map[uint16][]byte) []byte {
		if observe.Number(have[uint16(e.of.attrs.flags)])&ignored != 0 {
			return []byte(encapLimitNone)
		}
		if number := have[uint16(e.of.attrs.encapLimit)]; number != nil {
			return []byte(decimal(number))
		}
		return nil
	}
	limit.format = func(word []byte) string { return string(word) }
	options := append(e.tunnelEnds.options(), flowLabelOption(e.of.attrs.flowInfo, e.FlowLabel))
	if e.EncapLimit == nil {
		return append(options, limit)
	}
	flag := option{attr: e.of.attrs.flags, mask: nl.Uint32Attr(ignored), want: nl.Uint32Attr(0), format: decimal}
	number := option{attr: e.of.attrs.encapLimit, want: nl.Uint8Attr(0), format: decimal}
	if *e.EncapLimit < 0 {
		flag.want, limit.want = nl.Uint32Attr(ignored), []byte(encapLimitNone)
	} else {
		number.want, limit.want = nl.Uint8Attr(uint8(*e.EncapLimit)), []byte(fmt.Sprint(int(*e.EncapLimit)))
	}
	return append(options, limit, flag, number)
}

// flowLabelOption returns the option of the flow label, the last 20 bits of a number in network byte order.
func flowLabelOption(attr int, value *int) option {
	const label = 1<<20 - 1
	o := option{name: "flowlabel", attr: attr, mask: binary.BigEndian.AppendUint32(nil, label), usual: "0", format: func(value []byte) string {
		if len(value) != 4 {
			return ""
		}
		return fmt.Sprint(binary.BigEndian.Uint32(value) & label)
	}}
	if value != nil {
		o.want = binary.BigEndian.AppendUint32(nil, uint32(*value))
	}
	return o
}

// encapLimit is an encapsulation limit (RFC 2473); -1 for none.
type encapLimit int

const encapLimitNone = "none"

// DecodeNode decodes a number or a word.
func (e *encapLimit) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if n.Value == encapLimitNone {
		*e = -1
		return nil
	}
	if c.Decode(n, (*int)(e)) && (*e < 0 || *e > 255) {
		return errors.New("encaplimit is 0 to 255, or none")
	}
	return nil
}

// EncodeNode encodes the number or the word.
func (e encapLimit) EncodeNode() *yaml.Node {
	if e < 0 {
		return spec.Word(encapLimitNone)
	}
	return spec.Number(uint64(e))
}

func (encapLimit) Syntax() spec.Syntax {
	return spec.Syntax{Name: "encapsulation limit", Words: []string{encapLimitNone}, Min: 0, Max: 255}
}
