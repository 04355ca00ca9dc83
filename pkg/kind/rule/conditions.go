package rule

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/route"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Conditions are what a rule asks of a packet besides addresses, devices and mark. The zero value matches any packet.
type Conditions struct {
	// TOS is the type of service of the packet's header, with the two bits of ECN clear; 0 for any.
	TOS route.TOS
	// IPProto is the protocol above IP; 0 for any.
	IPProto IPProto
	// SPort and DPort are ranges of ports of TCP, UDP, DCCP and SCTP.
	SPort, DPort Ports
	// UIDs are the users that own the sending socket.
	UIDs UIDs
}

// text returns the conditions in the syntax of ip-rule(8), each with a space before it.
func (c Conditions) text() string {
	var b strings.Builder
	if c.TOS != 0 {
		fmt.Fprintf(&b, " tos %s", c.TOS)
	}
	if c.IPProto != 0 {
		fmt.Fprintf(&b, " ipproto %s", c.IPProto)
	}
	if c.SPort != (Ports{}) {
		fmt.Fprintf(&b, " sport %s", c.SPort)
	}
	if c.DPort != (Ports{}) {
		fmt.Fprintf(&b, " dport %s", c.DPort)
	}
	if c.UIDs.Given {
		fmt.Fprintf(&b, " uidrange %s", c.UIDs)
	}
	return b.String()
}

// add adds the conditions to a request. The type of service is in the header.
func (c Conditions) add(req *nl.NetlinkRequest) {
	if c.IPProto != 0 {
		req.AddData(nl.NewRtAttr(unix.FRA_IP_PROTO, []byte{byte(c.IPProto)}))
	}
	for attr, ports := range map[int]Ports{unix.FRA_SPORT_RANGE: c.SPort, unix.FRA_DPORT_RANGE: c.DPort} {
		if ports != (Ports{}) {
			req.AddData(nl.NewRtAttr(attr, slices.Concat(nl.Uint16Attr(ports.First), nl.Uint16Attr(ports.Last))))
		}
	}
	if c.UIDs.Given {
		req.AddData(nl.NewRtAttr(unix.FRA_UID_RANGE, slices.Concat(nl.Uint32Attr(c.UIDs.First), nl.Uint32Attr(c.UIDs.Last))))
	}
}

// read reads an attribute of a message, and returns whether it is a condition. The layouts are those of fib_nl_fill_rule in
// net/core/fib_rules.c.
func (c *Conditions) read(attr uint16, value []byte) bool {
	switch {
	case attr == unix.FRA_IP_PROTO && len(value) == 1:
		c.IPProto = IPProto(value[0])
	case attr == unix.FRA_SPORT_RANGE && len(value) == 4:
		c.SPort = Ports{binary.NativeEndian.Uint16(value), binary.NativeEndian.Uint16(value[2:])}
	case attr == unix.FRA_DPORT_RANGE && len(value) == 4:
		c.DPort = Ports{binary.NativeEndian.Uint16(value), binary.NativeEndian.Uint16(value[2:])}
	case attr == unix.FRA_UID_RANGE && len(value) == 8:
		c.UIDs = UIDs{true, binary.NativeEndian.Uint32(value), binary.NativeEndian.Uint32(value[4:])}
	default:
		return false
	}
	return true
}

// IPProto is a protocol above IP.
type IPProto uint8

func (p IPProto) String() string {
	if name, named := observe.Protocols[uint8(p)]; named {
		return name
	}
	return strconv.Itoa(int(p))
}

// DecodeWord reads a name or a number.
func (p *IPProto) DecodeWord(word string) error {
	for number, name := range observe.Protocols {
		if name == word {
			*p = IPProto(number)
			return nil
		}
	}
	number, err := strconv.ParseUint(word, 10, 8)
	if err != nil || number == 0 {
		return fmt.Errorf("%q is no protocol: one of %s, or a number from 1 to 255", word, strings.Join(protocolNames(), ", "))
	}
	*p = IPProto(number)
	return nil
}

func protocolNames() []string { return slices.Sorted(maps.Values(observe.Protocols)) }

func (IPProto) Syntax() spec.Syntax {
	return spec.Syntax{Name: "IP protocol", Words: protocolNames(), Min: 1, Max: 255}
}

// Ports is a range of ports; the zero value is any port.
type Ports struct{ First, Last uint16 }

func (p Ports) String() string { return span(p.First, p.Last) }

// DecodeWord reads FIRST or FIRST-LAST.
func (p *Ports) DecodeWord(word string) error {
	first, last, err := decodeSpan(word, 16)
	// fib_rule_port_range_valid in net/core/fib_rules.c.
	if err != nil || first == 0 || last == 1<<16-1 {
		return fmt.Errorf("%q is no range of ports: FIRST or FIRST-LAST, from 1 to 65534", word)
	}
	*p = Ports{uint16(first), uint16(last)}
	return nil
}

func (Ports) Syntax() spec.Syntax {
	return spec.Syntax{Name: "range of ports", Doc: "A port, or a range of ports: `80`, `8000-8099`.", Pattern: "^[0-9]{1,5}(-[0-9]{1,5})?$"}
}

// UIDs is a range of user IDs. Not Given, it is any user.
type UIDs struct {
	Given       bool
	First, Last uint32
}

func (u UIDs) String() string { return fmt.Sprintf("%d-%d", u.First, u.Last) }

// DecodeWord reads FIRST or FIRST-LAST.
func (u *UIDs) DecodeWord(word string) error {
	first, last, err := decodeSpan(word, 32)
	if err != nil || last == 1<<32-1 {
		return fmt.Errorf("%q is no range of user IDs: FIRST or FIRST-LAST", word)
	}
	*u = UIDs{true, uint32(first), uint32(last)}
	return nil
}

func (UIDs) Syntax() spec.Syntax {
	return spec.Syntax{Name: "user IDs", Doc: "A user ID, or a range of user IDs: `1000-1999`.", Pattern: "^[0-9]{1,10}(-[0-9]{1,10})?$"}
}

// decodeSpan reads N or N-M, each a number of so many bits.
func decodeSpan(word string, bits int) (first, last uint64, err error) {
	low, high, isRange := strings.Cut(word, "-")
	if first, err = strconv.ParseUint(low, 10, bits); err != nil || !isRange {
		return first, first, err
	}
	if last, err = strconv.ParseUint(high, 10, bits); err == nil && last < first {
		err = strconv.ErrRange
	}
	return first, last, err
}

// EncodeNode writes one port as a number.
func (p Ports) EncodeNode() *yaml.Node { return encodeSpan(p.String()) }

func (u UIDs) EncodeNode() *yaml.Node { return encodeSpan(u.String()) }

func encodeSpan(text string) *yaml.Node {
	n := spec.Word(text)
	if !strings.Contains(text, "-") {
		n.Tag = "!!int"
	}
	return n
}

// Limit is the longest prefix of routes in the table that a lookup ignores. Not Given, the lookup ignores none.
type Limit struct {
	Given  bool
	Length uint8
}

func (l Limit) String() string {
	if !l.Given {
		return ""
	}
	return strconv.Itoa(int(l.Length))
}
