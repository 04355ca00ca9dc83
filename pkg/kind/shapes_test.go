package kind_test

import (
	"fmt"
	"strings"
)

// shape is a sort of large file. Its text is one or more sections; each repeats a line for every entry.
type shape struct {
	name     string
	sections []section
	// wrong: each entry is an error.
	wrong bool
}

// section is a head, a line for each entry, and a tail. In the line, # stands for the number of the entry, @ for that
// number as four hexadecimal digits, ~ for that number as the last two bytes of an IPv4 address, and % for #.
type section struct{ head, line, tail string }

// text is the file with n entries in each section.
func (s shape) text(n int) string {
	var b strings.Builder
	for _, part := range s.sections {
		b.WriteString(part.head)
		for i := range n {
			strings.NewReplacer("#", fmt.Sprint(i), "@", fmt.Sprintf("%04x", i+1), "~", fmt.Sprintf("%d.%d", i/250, i%250+1), "%", "#").
				WriteString(&b, part.line)
		}
		b.WriteString(part.tail)
	}
	return b.String()
}

const (
	onBridge = "links:\n  br0:\n    kind: bridge\n    "
	onHost   = "namespaces:\n  host:\n    "
)

// shapes have many of each thing that can be said: below one namespace or link, and, where it stands to reason that the cost
// differs, below one of each.
var shapes = []shape{
	{name: "veths with address and route", sections: []section{
		{head: "namespaces:\n", line: "  n#: {create: true}\n"},
		{head: "links:\n", line: "  c#: {kind: veth, ends: [{name: v#, master: br0}, {netns: n#, name: eth0, addresses: [10.0.~/16], routes: [{to: default, via: 10.0.255.254}]}]}\n"},
	}},
	{name: "veths in namespaces of inline selectors", sections: []section{
		{head: "links:\n", line: "  c#: {kind: veth, ends: [{name: v#}, {netns: \"docker:c#\", name: eth0, addresses: [10.0.~/16]}]}\n"},
	}},
	{name: "addresses of one link", sections: []section{{head: onBridge + "addresses:\n", line: "      - 10.1.~/16\n"}}},
	{name: "IPv6 addresses of one link", sections: []section{{head: onBridge + "addresses:\n", line: "      - \"fd00::@/64\"\n"}}},
	{name: "routes with src in one namespace", sections: []section{
		{head: onHost + "routes:\n", line: "      - {to: 10.2.~/32, via: 10.1.~, src: 10.1.~}\n"},
		{head: onBridge + "addresses:\n", line: "      - 10.1.~/32\n"},
	}},
	{name: "routes with src in as many namespaces", sections: []section{
		{head: "namespaces:\n", line: "  n#: {}\n"},
		{head: "links:\n", line: "  br#: {kind: bridge, netns: n#, addresses: [10.1.0.1/24], routes: [{to: 10.2.0.0/16, via: 10.1.0.2, src: 10.1.0.1}]}\n"},
	}},
	{name: "routes and as many subnets", sections: []section{
		{head: onHost + "routes:\n", line: "      - {to: \"fd02::@/128\", via: \"fd01:0:0:@::2\"}\n"},
		{head: "links:\n", line: "  br#: {kind: bridge, addresses: [\"fd01:0:0:@::1/64\"]}\n"},
	}},
	{name: "routes with nexthops", sections: []section{
		{head: onHost + "routes:\n", line: "      - {to: 10.2.~/32, nexthops: [{via: 10.0.0.1, dev: a}, {via: 10.0.0.2, dev: b}, {via: 10.0.0.3, dev: c}]}\n"},
	}},
	{name: "rules", sections: []section{{head: onHost + "rules:\n", line: "      - {priority: #, from: 10.0.~, table: 100}\n"}}},
	{name: "neighbours", sections: []section{{head: onBridge + "neighbours:\n", line: "      - {to: 10.0.~, mac: \"02:00:00:00:00:01\"}\n"}}},
	{name: "fdb of a vxlan", sections: []section{
		{head: "links:\n  vx0:\n    kind: vxlan\n    id: 7\n    fdb:\n", line: "      - {mac: \"00:00:00:00:00:00\", dst: 10.0.~}\n"},
	}},
	{name: "fdb of a port", sections: []section{
		{head: "links:\n  v0:\n    kind: macvlan\n    parent: e0\n    master: br0\n    fdb:\n", line: "      - {mac: 0200.0000.@}\n"},
	}},
	{name: "remotes of a vxlan", sections: []section{
		{head: "links:\n  vx0:\n    kind: vxlan\n    id: 7\n    remotes:\n", line: "      - 10.0.~\n"},
	}},
	{name: "vxlans with group and route with src", sections: []section{
		{head: "links:\n", line: "  vx#: {kind: vxlan, id: 1#, dstport: 4789, group: 239.1.1.1, parent: eth0, addresses: [10.1.~/32], routes: [{to: 10.2.~/32, via: 10.3.0.1, src: 10.1.~}]}\n"},
	}},
	{name: "sysctls of a namespace", sections: []section{{head: onHost + "sysctls:\n", line: "      net.ipv4.conf.d#.forwarding: 1\n"}}},
	{name: "sysctls of as many links", sections: []section{{head: "links:\n", line: "  br#: {kind: bridge, sysctls: {ipv4.proxy_arp: 1}}\n"}}},
	{name: "ports of one bridge", sections: []section{
		{head: "links:\n  br0: {kind: bridge}\n", line: "  m#: {kind: macvlan, parent: e0, master: br0, port: {isolated: true, vlans: [{vid: 10}, {vid: 20-30}]}}\n"},
	}},
	{name: "ports of as many vrfs", sections: []section{
		{head: "links:\n", line: "  vrf#: {kind: vrf, table: 1#}\n"},
		{line: "  br#: {kind: bridge, master: vrf#, addresses: [10.0.~/32], routes: [{to: 10.9.0.0/16, via: 10.0.0.1, table: 1#}]}\n"},
	}},
	{name: "vlans of one parent", sections: []section{{head: "links:\n", line: "  v#: {kind: vlan, parent: eth0, id: #}\n"}}},
	{name: "ipvlans of one parent", sections: []section{{head: "links:\n", line: "  v#: {kind: ipvlan, parent: eth0, mode: l2}\n"}}},
	{name: "macvlans on links of their own namespaces", sections: []section{
		{head: "namespaces:\n", line: "  n#: {}\n"},
		{head: "links:\n", line: "  br#: {kind: bridge, netns: n#, name: br0}\n  m#: {kind: macvlan, netns: n#, parent: br0, name: m0}\n"},
	}},
	{name: "existing links fetched", sections: []section{
		{head: "namespaces:\n", line: "  n#: {}\n"},
		{head: "links:\n", line: "  e#: {kind: existing, name: e#, netns: host, from: n#}\n"},
	}},
	{name: "iptables rules", sections: []section{{head: onHost + "iptables:\n      rules:\n", line: "        - {chain: FORWARD, args: [-s, 10.0.~, -p, tcp, -j, ACCEPT]}\n"}}},
	{name: "forward", sections: []section{{head: onHost + "iptables:\n      forward:\n", line: "        - {source: 10.0.~, protocol: tcp, port: 80}\n"}}},
	{name: "masquerade", sections: []section{{head: onHost + "iptables:\n      masquerade:\n", line: "        - {source: 10.0.~, out: eth0}\n"}}},
	{name: "publish in one namespace", sections: []section{{head: onHost + "iptables:\n      publish:\n", line: "        - {port: 1#, to: \"10.0.0.1:80\"}\n"}}},
	{name: "publish of one port on many addresses", sections: []section{{head: onHost + "iptables:\n      publish:\n", line: "        - {address: 10.0.~, port: 80, to: \"10.0.0.1:80\"}\n"}}},
	{name: "publish in as many namespaces", sections: []section{
		{head: "namespaces:\n", line: "  n#: {create: true, iptables: {publish: [{port: 80, to: \"10.0.0.1:80\"}]}}\n"},
	}},
	{name: "policies, sysctls, routes and rules of namespaces", sections: []section{
		{head: "namespaces:\n", line: "  n#: {create: true, sysctls: {net.ipv4.ip_forward: 1}, iptables: {policies: {FORWARD: DROP}}, routes: [{to: 10.0.0.0/8, type: blackhole}], rules: [{priority: 7, table: main}]}\n"},
	}},
	{name: "namespaces shown", sections: []section{{head: "namespaces:\n", line: "  n#: {from: \"docker:c#\", expose: true}\n"}}},
	{name: "documents", sections: []section{{line: "---\nlinks:\n  br#: {kind: bridge}\n"}}},
	{name: "comments", sections: []section{{head: "links:\n", line: "  % before\n  br#: {kind: bridge} % behind\n  % after\n\n"}}},
	{name: "containers of as many templates", sections: []section{
		{head: "namespaces:\n", line: "  n#: {from: \"docker:label=l#\"}\n"},
		{head: "links:\n", line: "  c#: {kind: veth, ends: [{name: v#}, {netns: n#, name: eth0}]}\n"},
	}},
	{name: "one address on many links, and routes with it as src", sections: []section{
		{head: "links:\n", line: "  br#: {kind: bridge, addresses: [10.0.0.1/32], routes: [{to: 10.2.~/32, src: 10.0.0.1}]}\n"},
	}},
	{name: "routing tables by name", sections: []section{{head: onHost + "routes:\n", line: "      - {to: 10.2.~/32, type: blackhole, table: main}\n"}}},

	{name: "routing tables that nobody names", wrong: true, sections: []section{
		{head: onHost + "routes:\n", line: "      - {to: 10.2.~/32, type: blackhole, table: mian#}\n"},
	}},
	{name: "unknown keys", wrong: true, sections: []section{{head: "links:\n  br0:\n    kind: bridge\n", line: "    colour#: red\n"}}},
	{name: "unknown keys of as many links", wrong: true, sections: []section{{head: "links:\n", line: "  br#: {kind: bridge, nmae: x}\n"}}},
	{name: "namespaces that nobody declares", wrong: true, sections: []section{
		{head: "namespaces:\n", line: "  namespace-#: {}\n"},
		{head: "links:\n", line: "  br#: {kind: bridge, netns: namespaec-#}\n"},
	}},
	{name: "addresses declared twice", wrong: true, sections: []section{
		{head: onBridge + "addresses: [10.0.0.1/24, ", line: "10.0.0.1/24, ", tail: "]\n"},
	}},
	{name: "IPv6 addresses of two lengths", wrong: true, sections: []section{
		{head: onBridge + "addresses:\n      - \"fd00::1/64\"\n", line: "      - {address: \"fd00::1/80\", metric: #}\n"},
	}},
	{name: "links declared twice by name", wrong: true, sections: []section{
		{head: "links:\n  a: {kind: bridge, name: br0}\n", line: "  br#: {kind: bridge, name: br0}\n"},
	}},
	{name: "a claim of many", wrong: true, sections: []section{
		{head: "links:\n  a: {kind: vxlan, id: 7}\n", line: "  vx#: {kind: vxlan, id: 7}\n"},
	}},
	{name: "a port published often", wrong: true, sections: []section{
		{head: onHost + "iptables:\n      publish:\n        - {port: 80, to: \"10.0.0.1:80\"}\n", line: "        - {port: 80, to: \"10.0.0.1:80\", address: 10.0.~}\n"},
	}},
	{name: "a cycle of many", sections: []section{{head: "links:\n", line: "  m#: {kind: macvlan, parent: m#}\n"}}, wrong: true},
	{name: "values of the wrong type", wrong: true, sections: []section{{head: "links:\n", line: "  br#: {kind: bridge, mtu: large}\n"}}},
	{name: "missing values", wrong: true, sections: []section{{head: "links:\n", line: "  br#:\n"}}},
	{name: "keys that are there twice", wrong: true, sections: []section{{head: "links:\n  br0: {}\n", line: "  br0: {}\n"}}},
}
