package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// portOption returns an option with a port, in network byte order.
func portOption(name string, attr int, value *int) option {
	o := option{name: name, attr: attr, format: func(value []byte) string { return fmt.Sprint(nl.Swap16(uint16(observe.Number(value)))) }}
	if value != nil {
		o.want = encode(2, int(nl.Swap16(uint16(*value))))
	}
	return o
}

// ttlOption returns the option ttl.
func ttlOption(attr int, value *ttl) option {
	o := number("ttl", attr, 1, (*int)(value)).usually(ttlAuto)
	o.format = func(value []byte) string {
		if observe.Number(value) == 0 {
			return ttlAuto
		}
		return decimal(value)
	}
	return o
}

// ttl is a time to live; 0 lets the kernel choose.
type ttl int

const ttlAuto = "auto"

// DecodeNode decodes a number or a word.
func (t *ttl) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if n.Value == ttlAuto {
		return nil
	}
	if c.Decode(n, (*int)(t)) && (*t < 1 || *t > 255) {
		return errors.New("ttl is 1 to 255, or auto")
	}
	return nil
}

func (ttl) Syntax() spec.Syntax {
	return spec.Syntax{Name: "time to live", Words: []string{ttlAuto}, Min: 1, Max: 255}
}

// kernelPorts lets the kernel choose the range, as 0 0 does in ip-link(8).
const kernelPorts = "0-0"

// portRange is a range of UDP ports.
type portRange struct{ first, last uint16 }

func (r portRange) String() string { return fmt.Sprintf("%d-%d", r.first, r.last) }

// DecodeWord parses FIRST-LAST.
func (r *portRange) DecodeWord(word string) error {
	first, last, _ := strings.Cut(word, "-")
	low, err := strconv.ParseUint(first, 10, 16)
	high, errHigh := strconv.ParseUint(last, 10, 16)
	if word == kernelPorts {
		return nil
	}
	if err != nil || errHigh != nil || low == 0 || low > high || fmt.Sprintf("%d-%d", low, high) != word {
		return errors.New("srcport is a range of ports, such as 49152-65535")
	}
	r.first, r.last = uint16(low), uint16(high)
	return nil
}

// EncodeNode encodes FIRST-LAST.
func (r portRange) EncodeNode() *yaml.Node { return spec.Word(r.String()) }

func (portRange) Syntax() spec.Syntax {
	return spec.Syntax{Name: "port range", Doc: "Two ports, such as `49152-65535`.", Pattern: "^[0-9]+-[0-9]+$"}
}

// option returns the option srcport: struct ifla_vxlan_port_range in linux/if_link.h. The kernel does not change it (vxlan_nl2conf in
// drivers/net/vxlan/vxlan_core.c).
func (r *portRange) option() option {
	o := option{name: "srcport", attr: nl.IFLA_VXLAN_PORT_RANGE, format: func(value []byte) string {
		if len(value) != 4 || observe.Number(value) == 0 {
			return ""
		}
		return portRange{binary.BigEndian.Uint16(value), binary.BigEndian.Uint16(value[2:])}.String()
	}}
	if r != nil {
		o.want = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, r.first), r.last)
	}
	return o.immutable().unlessSet(kernelPorts)
}
