package iptables

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// protocol is a protocol with its name in iptables' output.
type protocol struct {
	name   string
	number int
	// bits is the address length of the only family that has the protocol; 0 for both.
	bits int
	// ported: it has ports, and an extension with its name matches them.
	ported bool
}

// protocols has the protocols of /etc/protocols that are common enough to have a name here. For IPv6, AH is an extension header,
// which -p does not match (ip6tables(8)).
var protocols = withNames([]protocol{
	{number: unix.IPPROTO_TCP, ported: true},
	{number: unix.IPPROTO_UDP, ported: true},
	{number: unix.IPPROTO_SCTP, ported: true},
	{number: unix.IPPROTO_ICMP, bits: 32},
	{number: unix.IPPROTO_ICMPV6, bits: 128},
	{number: unix.IPPROTO_GRE},
	{number: unix.IPPROTO_ESP},
})

func withNames(protocols []protocol) []protocol {
	for i := range protocols {
		protocols[i].name = observe.Protocols[uint8(protocols[i].number)]
	}
	return protocols
}

// aliases has other names of protocols.
var aliases = map[string]string{"icmpv6": "ipv6-icmp"}

// protocolName returns linkd's name of a protocol.
func protocolName(word string) string {
	if name, is := aliases[word]; is {
		return name
	}
	for _, p := range protocols {
		if word == strconv.Itoa(p.number) {
			return p.name
		}
	}
	return word
}

// protocolRef is a protocol and its place in the files.
type protocolRef struct {
	*protocol
	src spec.Source
}

// DecodeNode decodes a name or a number.
func (r *protocolRef) DecodeNode(c *spec.Context, n *yaml.Node) error {
	r.src = c.At(n).Source()
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	name := text
	if alias, is := aliases[text]; is {
		name = alias
	}
	for i, p := range protocols {
		if name == p.name {
			r.protocol = &protocols[i]
		}
	}
	return spec.OneOf("protocol", name, protocolNames()...)
}

func protocolNames() []string {
	names := make([]string, len(protocols))
	for i, p := range protocols {
		names[i] = p.name
	}
	return names
}

func (protocolRef) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:  "protocol",
		Doc:   "`icmp` is for iptables. `icmpv6` and `ipv6-icmp` are for ip6tables.",
		Words: append(protocolNames(), slices.Sorted(maps.Keys(aliases))...),
	}
}

// isIn reports an error if the protocol is of the other address family.
func (r protocolRef) isIn(c *spec.Context, f family) bool {
	if r.protocol != nil && r.bits != 0 && r.bits != f.bits {
		c.Reject(r.src, "%s is not of the address family of %s", r.name, f.name)
		return false
	}
	return true
}

// ports is one port, or a range of them.
type ports struct {
	first, last uint16
	src         spec.Source
}

// DecodeNode decodes a number or a range.
func (p *ports) DecodeNode(c *spec.Context, n *yaml.Node) (err error) {
	p.src = c.At(n).Source()
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	first, last, isRange := strings.Cut(text, "-")
	if p.first, err = parsePort(first); err == nil {
		p.last = p.first
		if isRange {
			p.last, err = parsePort(last)
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("expected a port such as 8080 or a range such as 8000-8010, found %q: %w", text, err)
	case p.first > p.last:
		return fmt.Errorf("the range %s ends before it begins", text)
	}
	return nil
}

func (ports) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "ports",
		Doc:     "A port, `8080`, or a range of them, `8000-8010`.",
		Pattern: "^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$",
		Min:     1, Max: math.MaxUint16,
	}
}

func parsePort(text string) (uint16, error) {
	number, err := strconv.ParseUint(text, 10, 16)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && number == 0:
		return 0, errors.New("ports go from 1 to 65535")
	case err != nil || text[0] == '0':
		return 0, fmt.Errorf("%q is not a port", text)
	}
	return uint16(number), nil
}

func (p ports) one() bool { return p.first == p.last }

// String returns the form in the files.
func (p ports) String() string {
	if p.one() {
		return strconv.Itoa(int(p.first))
	}
	return fmt.Sprintf("%d-%d", p.first, p.last)
}

// text returns the form in iptables' output.
func (p ports) text() string { return strings.Replace(p.String(), "-", ":", 1) }

// match returns the arguments that iptables prints for the port of a protocol's packets; none for all ports.
func (p ports) match(of string) []string {
	if p.first == 0 {
		return nil
	}
	return []string{"-m", of, "--dport", p.text()}
}

// tracked returns the arguments for the ports of an end of a tracked connection.
func (p ports) tracked(option string) []string {
	if p.first == 0 {
		return nil
	}
	return []string{option, p.text()}
}

func protocolNumber(name string) int {
	for _, p := range protocols {
		if p.name == name {
			return p.number
		}
	}
	return 0
}
