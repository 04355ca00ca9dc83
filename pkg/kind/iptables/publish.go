package iptables

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/sysctl"
	"linkd/pkg/spec"
)

// publish is an entry of publish: linkd forwards packets for a port of this namespace to another machine.
type publish struct {
	Protocol string   `yaml:"protocol" also:"proto" oneof:"tcp udp sctp" default:"tcp" doc:"the protocol of the port"`
	Address  network  `yaml:"address" also:"host_ip ip listen" absent:"all except those of lo" doc:"publish the port only on this address of the namespace"`
	Port     ports    `yaml:"port" also:"published ports host_port hostPort dport" required:"true" doc:"the port of the namespace, or a range of ports"`
	To       endpoint `yaml:"to" also:"target containerPort to_destination" required:"true" doc:"the target: an address, or an address and a port"`
	Source   spec.Source
}

// endpoint is an address and a port: 172.17.1.2:80. The port is 0 if there is none.
type endpoint struct {
	netip.AddrPort
	src spec.Source
}

// DecodeNode decodes ADDRESS:PORT, or an address.
func (e *endpoint) DecodeNode(c *spec.Context, n *yaml.Node) error {
	e.src = c.At(n).Source()
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	parts := endpointForm.FindStringSubmatch(text)
	if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() {
		// 1::2:80 may be an address, or an address with a port.
		return fmt.Errorf("write an IPv6 address in brackets: [%s] or [ADDRESS]:PORT", text)
	}
	if parts == nil {
		return expectedEndpoint(text)
	}
	ip, err := netip.ParseAddr(parts[1] + parts[2])
	switch {
	case err != nil || ip.Zone() != "" || ip.Is6() != (parts[1] != "") || ip.Is4In6():
		return expectedEndpoint(text)
	case ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback():
		return fmt.Errorf("%s is no address of another machine", ip)
	}
	port := uint16(0)
	if parts[3] != "" {
		if port, err = parsePort(parts[3]); err != nil {
			return err
		}
	}
	e.AddrPort = netip.AddrPortFrom(ip, port)
	return nil
}

// endpointForm matches [IPV6] or IPV4, and :PORT.
var endpointForm = regexp.MustCompile(`^(?:\[([^\]]+)\]|([^:\[\]]+))(?::(.+))?$`)

func (endpoint) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "endpoint",
		Doc:     "An address and a port: `172.17.1.2:80`, `[fd00::2]:80`. Without a port, `172.17.1.2` or `[fd00::2]`, the port stays the same. Leave it out if you publish a range of ports.",
		Pattern: "^([0-9]{1,3}([.][0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]+\\])(:[1-9][0-9]{0,4})?$",
	}
}

func expectedEndpoint(text string) error {
	return fmt.Errorf("expected an address and a port such as 172.17.1.2:80 or [fd00::2]:80, found %q", text)
}

// publishes compiles all entries of a namespace, after all files were read: declared sysctls determine whether the loopback
// addresses are published, too.
func publishes(c *spec.Context, f family, entries []publish, chains chains) {
	loopback := f == ipv4 && sysctl.RoutesLocalnet(c.All(), c.NS)
	published := publishedPorts{}
	for i, p := range entries {
		first, hidden := published.hides(p)
		published.add(p, i)
		if !p.isValid(c, f) {
			continue
		}
		p.compile(f, f.path(c, "publish/"+p.protocol()+"/"+p.Port.String()), loopback, chains)
		if hidden {
			c.Reject(p.Source, "%s port %s is published twice, first in %s", p.protocol(), p.Port, entries[first].Source)
		}
	}
}

func (p publish) protocol() string {
	if p.Protocol == "" {
		return "tcp"
	}
	return p.Protocol
}

func (p publish) isValid(c *spec.Context, f family) bool {
	to := network{prefix: netip.PrefixFrom(p.To.Addr(), p.To.Addr().BitLen()), src: p.To.src}
	address, target := p.Address.isIn(c, f), to.isIn(c, f)
	if !address || !target {
		return false
	}
	switch at := p.Address.prefix; {
	case at.IsValid() && !at.IsSingleIP():
		c.Reject(p.Address.src, "%s is a network: publish on one address, or leave it out", at)
	case at.IsValid() && at.Addr() == netip.IPv6Loopback():
		c.Reject(p.Address.src, "nothing can be published on ::1: the kernel lets nothing from it leave the machine")
	case at.IsValid() && (at.Addr().IsUnspecified() || at.Addr().IsMulticast()):
		c.Reject(p.Address.src, "%s is no address of this machine; leave it out for all of them", at.Addr())
	case p.To.Port() != 0 && !p.Port.one():
		c.Reject(p.To.src, "a range of ports goes to the same ports: write %s without a port", p.To.Addr())
	default:
		return true
	}
	return false
}

// compile adds the rules of a valid entry.
func (p publish) compile(f family, path string, loopback bool, chains chains) {
	add := func(table, hook string, args ...[]string) {
		chains.add(table, hook, newRule(path, slices.Concat(args...)...).from(p.Source))
	}
	connection := p.connection()
	onPort := slices.Concat([]string{"-p", p.protocol()}, p.Port.match(p.protocol()))
	dnat := []string{"-j", "DNAT", "--to-destination", p.target()}
	onLocal := []string{"-m", "addrtype", "--dst-type", "LOCAL"}
	switch at := p.Address.prefix; {
	case at.IsValid():
		// No packet for a loopback address comes from outside.
		if !at.Addr().IsLoopback() {
			add("nat", "PREROUTING", []string{"-d", at.String()}, onPort, dnat)
		}
		add("nat", "OUTPUT", []string{"-d", at.String()}, onPort, dnat)
	case loopback:
		add("nat", "PREROUTING", onPort, onLocal, dnat)
		add("nat", "OUTPUT", onPort, onLocal, dnat)
	default:
		add("nat", "PREROUTING", onPort, onLocal, dnat)
		// A packet from a loopback address cannot leave by another interface, and the entry does not affect processes that listen
		// there.
		add("nat", "OUTPUT", []string{"!", "-d", f.loopback}, onPort, onLocal, dnat)
	}
	add(filter, "FORWARD", connection, []string{"-j", "ACCEPT"})

	// A client that reaches the target without passing through here would get replies from an address to which it sent nothing.
	hairpin := newRule(path, slices.Concat(connection, []string{"-j", "MASQUERADE"})...).from(p.Source)
	hairpin.near = p.To.Addr()
	chains.add("nat", "POSTROUTING", hairpin)
	// The target may have no route to the address that the namespace used as the source.
	add("nat", "POSTROUTING", connection, []string{"-m", "addrtype", "--src-type", "LOCAL", "-j", "MASQUERADE"})
}

// connection matches exactly the packets of connections that this entry has translated, in both directions, and errors about them.
func (p publish) connection() []string {
	words := []string{"-m", "conntrack", "--ctstate", "DNAT", "--ctproto", strconv.Itoa(protocolNumber(p.protocol()))}
	words = append(words, p.Address.tracked("--ctorigdst")...)
	words = append(words, "--ctreplsrc", p.To.Addr().String())
	words = append(words, p.Port.tracked("--ctorigdstport")...)
	port := p.Port
	if p.To.Port() != 0 {
		port = ports{first: p.To.Port(), last: p.To.Port()}
	}
	return append(words, port.tracked("--ctreplsrcport")...)
}

// target returns the new destination in the syntax of DNAT; without a port, the port stays.
func (p publish) target() string {
	if p.To.Port() == 0 {
		return p.To.Addr().String()
	}
	return p.To.AddrPort.String()
}
