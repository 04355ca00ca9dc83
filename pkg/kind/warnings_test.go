package kind_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// Each warning is there where it is true, and not where the files mean what they say.
func TestWarnings(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a host address without a length", `
links:
  br0: {kind: bridge, addresses: [10.8.0.1, 10.9.0.1/32, "fd00::1", {address: 10.7.0.1, peer: 10.7.0.2}]}
`, `
a.yaml:3:35: warning: 10.8.0.1 has no length, so it is 10.8.0.1/32: no other host is in its subnet. Write the length
a.yaml:3:58: warning: fd00::1 has no length, so it is fd00::1/128: no other host is in its subnet. Write the length
`},
		{"a network address", `
links:
  br0: {kind: bridge, addresses: [10.8.0.0/24, 10.9.0.255/24, "fd00::/64"]}
  br1: {kind: bridge, addresses: [10.10.0.0/31, 10.10.0.2/32, "fd01::/127", "fd02::/128", {address: 10.11.0.0/24, peer: 10.12.0.0/24}, 10.13.0.255/23]}
`, `
a.yaml:3:35: warning: 10.8.0.0/24 is the address of a network: give the interface an address in it, such as 10.8.0.1/24
a.yaml:3:48: warning: 10.9.0.255/24 is the broadcast address of its network: give the interface another address in it
a.yaml:3:63: warning: fd00::/64 is the anycast address of the routers of its subnet (RFC 4291, 2.6.1): give the interface an address in it, such as fd00::1/64
`},
		{"overlapping subnets", `
links:
  br0: {kind: bridge, addresses: [10.8.0.1/16, 10.8.0.2/24]}
  br1: {kind: bridge, addresses: [10.8.1.1/24, "fd00:1::1/64"]}
  br2: {kind: bridge, addresses: ["fd00:1::2/64"]}
`, `
a.yaml:4:35: warning: 10.8.1.0/24 of br1 overlaps 10.8.0.0/16 of br0 in host (a.yaml:3): packets to 10.8.1.0/24 leave by one of the two
a.yaml:5:35: warning: fd00:1::/64 of br2 overlaps fd00:1::/64 of br1 in host (a.yaml:4): packets to fd00:1::/64 leave by one of the two
`},
		{"subnets that may overlap", `
namespaces:
  host: {}
  a: {create: true}
  b: {create: true, rules: [{priority: 10, from: 10.0.0.0/24, table: 7}]}
  c: {create: true}
links:
  red: {kind: vrf, table: 10}
  blue: {kind: vrf, table: 11}
  r0: {kind: dummy, master: red, addresses: [10.0.0.1/24]}
  b0: {kind: dummy, master: blue, addresses: [10.0.0.2/24]}
  m0: {kind: dummy, addresses: [10.0.0.3/24, "fe80::1/64", 169.254.1.1/32]}
  m1: {kind: dummy, addresses: [{address: 10.0.0.4/24, metric: 5}, "fe80::2/64"]}
  m2: {kind: dummy, addresses: [{address: 10.0.0.5/24, noprefixroute: true}, {address: 10.0.0.6, peer: 10.0.0.7}]}
  m3: {kind: dummy, addresses: [10.0.0.8/31, 10.0.0.10/32]}
  m4: {kind: dummy, master: vrf0, addresses: [10.0.0.11/24]}
  vrf0: {kind: existing}
  a0: {kind: dummy, netns: a, addresses: [10.0.0.1/24]}
  n0: {kind: dummy, netns: b, addresses: [10.0.0.1/24]}
  n1: {kind: dummy, netns: b, addresses: [10.0.0.2/24]}
  p0: {kind: dummy, netns: c, addresses: [10.0.0.1/16], sysctls: {ipv4.proxy_arp: 1}}
  p1: {kind: dummy, netns: c, addresses: [10.0.1.1/24]}
`, ``},
		{"a gateway in no subnet of its interface", `
namespaces:
  host: {routes: [{to: 10.5.0.0/16, via: 10.99.0.1, dev: d0}, {to: 10.6.0.0/16, nexthops: [{via: 10.8.0.2, dev: d0}, {via: 10.98.0.1, dev: d0}]}]}
links:
  d0:
    kind: dummy
    addresses: [10.8.0.1/24, "fd00::1/64"]
    routes: [{to: default, via: 10.9.0.1}, {to: "fd01::/64", via: "fd02::1"}]
`, `
a.yaml:3:19: warning: the gateway 10.99.0.1 is in no subnet of d0 in host: correct it or the address there, or write onlink: true
a.yaml:3:63: warning: the gateway 10.98.0.1 is in no subnet of d0 in host: correct it or the address there, or write onlink: true
a.yaml:8:14: warning: the gateway 10.9.0.1 is in no subnet of d0 in host: correct it or the address there, or write onlink: true
a.yaml:8:44: warning: the gateway fd02::1 is in no subnet of d0 in host: correct it or the address there, or write onlink: true
`},
		{"gateways that are reached", `
links:
  d0:
    kind: dummy
    addresses: [10.8.0.1/24, "fd00::1/64", {address: 10.7.0.1, peer: 10.7.0.2/32}]
    routes:
      - {to: default, via: 10.8.0.254}
      - {to: 10.1.0.0/16, via: 10.7.0.2}
      - {to: 10.2.0.0/16, via: 10.77.0.1, onlink: true}
      - {to: "fd01::/64", via: "fe80::1"}
      - {to: 10.3.0.0/16, via: "fe80::1"}
      - {to: 169.254.1.1/32}
      - {to: 10.4.0.0/16, via: 169.254.1.1}
  eth0: {kind: existing, addresses: [10.20.0.1/24], routes: [{to: 10.5.0.0/16, via: 10.21.0.1}]}
  d1: {kind: dummy, routes: [{to: 10.6.0.0/16, via: 10.22.0.1}]}
`, ``},
		{"a master or a parent that no file declares", `
links:
  br-lab: {kind: bridge}
  d0: {kind: dummy, master: br-lba}
  d1: {kind: dummy, master: elsewhere}
  v0: {kind: vlan, id: 5, parent: trunk}
  m0: {kind: macvlan, parent: {netns: host, name: br-la}}
`, `
a.yaml:4:29: warning: no file declares br-lba in host, the master of this interface; if something else makes it, declare it with kind: existing
a.yaml:5:29: warning: no file declares elsewhere in host, the master of this interface; if something else makes it, declare it with kind: existing
a.yaml:6:35: warning: no file declares trunk in host, the parent of this interface; if something else makes it, declare it with kind: existing
a.yaml:7:31: warning: no file declares br-la in host, the parent of this interface; if something else makes it, declare it with kind: existing
`},
		{"masters and parents that somebody declares, or has anyway", `
links:
  up: {kind: existing, name: trunk}
  br0: {kind: bridge}
  d0: {kind: dummy, master: br0}
  d1: {kind: dummy, master: docker0}
  d2: {kind: dummy, master: br-0123456789ab, port: {cost: 5}}
  d3: {kind: dummy, port: {cost: 5}}
  v0: {kind: vlan, id: 5, parent: trunk}
  v1: {kind: vlan, id: 5, parent: eth0}
  v2: {kind: vlan, id: 5, parent: enp3s0f1}
`, ``},
		{"ends with different MTU", `
links:
  v0: {kind: veth, ends: [{name: a0, mtu: 9000}, {name: b0, mtu: 1400}]}
  v1: {kind: veth, ends: [{name: a1}, {name: b1, mtu: 9000}]}
`, `
a.yaml:3:66: warning: this end has the mtu 1400, and a0 in host has 9000: packets that are larger than the smaller one are lost
a.yaml:4:55: warning: a1 in host has no mtu, so it has 1500, and this end has 9000: packets that are larger than the smaller one are lost
`},
		{"ends with one MTU", `
links:
  v0: {kind: veth, ends: [{name: a0, mtu: 9000}, {name: b0, mtu: 9000}]}
  v1: {kind: veth, ends: [{name: a1}, {name: b1, mtu: 1500}]}
`, ``},
		{"an MTU below that of IPv6", `
links:
  d0: {kind: dummy, mtu: 1279, addresses: [10.0.0.1/24, "fd00::1/64"]}
  d1: {kind: dummy, mtu: 1280, addresses: ["fd01::1/64"]}
  d2: {kind: dummy, mtu: 1000, addresses: [10.1.0.1/24]}
`, `
a.yaml:3:26: warning: with an mtu below 1280 the kernel has no IPv6 on d0 in host, and fd00::1/64 is declared there (a.yaml:3)
`},
		{"disable_ipv6 with IPv6 addresses", `
namespaces:
  a: {create: true, sysctls: {net.ipv6.conf.all.disable_ipv6: 1}}
  b: {create: true, sysctls: {net.ipv6.conf.default.disable_ipv6: 1}}
links:
  d0: {kind: dummy, addresses: ["fd00::1/64"], sysctls: {ipv6.disable_ipv6: 1}}
  d1: {kind: dummy, netns: a, addresses: ["fd00::1/64"]}
  d2: {kind: dummy, netns: b, addresses: ["fd00::1/64"]}
`, `
a.yaml:3:31: warning: with net.ipv6.conf.all.disable_ipv6 the kernel has no IPv6 on d1, and fd00::1/64 is declared there (a.yaml:7)
a.yaml:4:31: warning: with net.ipv6.conf.default.disable_ipv6 the kernel has no IPv6 on d2, and fd00::1/64 is declared there (a.yaml:8)
a.yaml:6:58: warning: with net.ipv6.conf.d0.disable_ipv6 the kernel has no IPv6 on d0, and fd00::1/64 is declared there (a.yaml:6)
`},
		{"disable_ipv6 elsewhere", `
namespaces:
  a: {create: true, sysctls: {net.ipv6.conf.all.disable_ipv6: 1}}
  b: {sysctls: {net.ipv6.conf.default.disable_ipv6: 1}}
links:
  d0: {kind: dummy, addresses: ["fd00::1/64"], sysctls: {ipv6.disable_ipv6: 0}}
  d1: {kind: dummy, netns: a, addresses: ["fd00::1/64"], sysctls: {ipv6.disable_ipv6: 0}}
  d2: {kind: dummy, netns: a, addresses: [10.0.0.1/24]}
  eth0: {kind: existing, netns: b, addresses: ["fd00::1/64"]}
`, ``},
		{"routes on an interface that is down", `
links:
  d0: {kind: dummy, up: false, addresses: [10.0.0.1/24], routes: [{to: 10.1.0.0/16}, {to: 10.2.0.0/16}]}
  d1: {kind: dummy, up: false, addresses: [10.3.0.1/24]}
`, `
a.yaml:3:67: warning: d0 of host is down (up: false, a.yaml:3), and the kernel has no routes by an interface that is down
`},
		{"an unknown sysctl", `
namespaces:
  host: {sysctls: {net.ipv4.ip_foward: 1, net.ipv4.conf.all.rp_fliter: 0, net.core.somaxcon: 1, net.ipv4.neigh.default.gc_tresh3: 9}}
links:
  d0: {kind: dummy, sysctls: {ipv4.proxy_apr: 1}}
`, `
a.yaml:3:20: warning: linkd knows no sysctl net.ipv4.ip_foward of the Linux kernel; did you mean "ip_forward"?
a.yaml:3:43: warning: linkd knows no sysctl net.ipv4.conf.all.rp_fliter of the Linux kernel; did you mean "rp_filter"?
a.yaml:3:75: warning: linkd knows no sysctl net.core.somaxcon of the Linux kernel; did you mean "somaxconn"?
a.yaml:3:97: warning: linkd knows no sysctl net.ipv4.neigh.default.gc_tresh3 of the Linux kernel; did you mean "gc_thresh3"?
a.yaml:5:31: warning: linkd knows no sysctl net.ipv4.conf.d0.proxy_apr of the Linux kernel; did you mean "proxy_arp"?
`},
		{"sysctls of modules, which linkd does not list", `
namespaces:
  host: {sysctls: {net.netfilter.nf_conntrack_max: 1, net.bridge.bridge-nf-call-iptables: 0, net.ipv4.route.gc_timeout: 9, net.mptcp.enabled: 1}}
`, ``},
		{"several containers of a template", `
namespaces:
  web: {from: "docker:label=web"}
links:
  v: {kind: veth, ends: [{netns: host, name: "v{id}", master: docker0}, {netns: web, name: eth0, addresses: ["{label:ip}"], routes: [{to: default, via: "{label:gw}"}]}]}
`, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			desired, errs := spec.Compile(kind.Language(), []spec.File{{Path: "a.yaml", Text: []byte(test.text)}})
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			got := strings.Join(desired.Warnings.Lines(), "\n")
			if d := cmp.Diff(strings.TrimSpace(test.want), got); d != "" {
				t.Errorf("warnings (-want +got):\n%s", d)
			}
		})
	}
}
