package sysctl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

var language = conform.Language([]spec.Key{NamespaceKey()}, []spec.Key{EndKey()})

func compile(text string) string {
	resources, errs := conform.Compile(language, text)
	var b strings.Builder
	for _, r := range resources {
		fmt.Fprintf(&b, "%s = %q needs %v\n", r.ID(), r.(Sysctl).Value, r.Needs())
	}
	return b.String() + errs
}

func TestKeys(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"forms of a name": {`
namespaces:
  host:
    sysctls:
      net.ipv4.ip_forward: 1
      net/ipv4/conf/eth0.100/proxy_arp: 0
      net.ipv4.conf.eth0/100.rp_filter: 2
      net.ipv4.conf.all.rp_filter: 0
      net.ipv4.neigh.default.gc_thresh3: 4096
links:
  a: {netns: host, name: eth0.100, sysctls: {ipv4.arp_ignore: 1, ipv6.neigh.gc_stale_time: 60}}
`, `host/sysctl/net.ipv4.conf.all.rp_filter = "0" needs []
host/sysctl/net.ipv4.ip_forward = "1" needs []
host/sysctl/net.ipv4.neigh.default.gc_thresh3 = "4096" needs []
host/sysctl/net/ipv4/conf/eth0.100/arp_ignore = "1" needs [host/link/eth0.100]
host/sysctl/net/ipv4/conf/eth0.100/proxy_arp = "0" needs [host/link/eth0.100]
host/sysctl/net/ipv4/conf/eth0.100/rp_filter = "2" needs [host/link/eth0.100]
host/sysctl/net/ipv6/neigh/eth0.100/gc_stale_time = "60" needs [host/link/eth0.100]
`},
		"forms of a value": {`
namespaces:
  host:
    sysctls:
      net.a.list: [4096, 87380, 6291456]
      net.a.words: "4096  87380\t6291456"
      net.a.hex: 0x10
      net.a.word: cubic
      net.a.empty: ""
      net.a.negative: -1
`, `host/sysctl/net.a.empty = "" needs []
host/sysctl/net.a.hex = "16" needs []
host/sysctl/net.a.list = "4096 87380 6291456" needs []
host/sysctl/net.a.negative = "-1" needs []
host/sysctl/net.a.word = "cubic" needs []
host/sysctl/net.a.words = "4096 87380 6291456" needs []
`},
		"values that are none": {`
namespaces:
  host:
    sysctls:
      net.a.bool: true
      net.a.off: off
      net.a.octal: 010
      net.a.map: {x: 1}
      net.a.list: [1, yes]
      net.a.deep: [[1]]
`, `a.yaml:5:19: a sysctl has no true: write 1
a.yaml:6:18: a sysctl has no off: write 0
a.yaml:7:20: 010 starts with a zero, which YAML versions read differently: write it without
a.yaml:8:18: expected a word, found a mapping
a.yaml:9:23: a sysctl has no yes: write 1
a.yaml:10:20: expected a word, found a list
`},
		"names that are none": {`
namespaces:
  host:
    sysctls:
      kernel.panic: 1
      net: 1
      net/../kernel/panic: 1
      net..ipv4.ip_forward: 1
      "net.ipv4.ip forward": 1
      net.ipv4.conf.averyveryverylongname.rp_filter: 1
links:
  a: {netns: host, name: eth0.100, sysctls: {net.ipv4.conf.eth0.rp_filter: 1, proxy_arp: 1, ipv4.route.x: 1}}
`, `a.yaml:5:7: sysctl kernel.panic: a namespace has the sysctls below net. only, such as net.ipv4.ip_forward
a.yaml:6:7: sysctl net: a namespace has the sysctls below net. only, such as net.ipv4.ip_forward
a.yaml:7:7: sysctl net/../kernel/panic: ".." cannot be part of a sysctl's name
a.yaml:8:7: sysctl net..ipv4.ip_forward: "" cannot be part of a sysctl's name
a.yaml:9:7: sysctl net.ipv4.ip forward: "ip forward" cannot be part of a sysctl's name
a.yaml:10:7: sysctl net.ipv4.conf.averyveryverylongname.rp_filter: interface name "averyveryverylongname" has 21 bytes; the kernel takes 15 at most
a.yaml:12:46: sysctl net.ipv4.conf.eth0.rp_filter: a device has the sysctls ipv4.NAME, ipv6.NAME, ipv4.neigh.NAME and ipv6.neigh.NAME, such as ipv4.proxy_arp
a.yaml:12:79: sysctl proxy_arp: a device has the sysctls ipv4.NAME, ipv6.NAME, ipv4.neigh.NAME and ipv6.neigh.NAME, such as ipv4.proxy_arp
a.yaml:12:93: sysctl ipv4.route.x: a device has the sysctls ipv4.NAME, ipv6.NAME, ipv4.neigh.NAME and ipv6.neigh.NAME, such as ipv4.proxy_arp
`},
		"values in the kernel's form": {`
namespaces:
  host:
    sysctls:
      net.ipv4.ip_local_reserved_ports: "8081,9000-9010,8080"
      net.ipv4.tcp_fastopen_key: 1-2-a-FFFF
      net.ipv6.conf.lo.stable_secret: 2001:db8::1
      net.ipv4.tcp_rmem: ["0x1000", 87380, 6291456]
      net.a.port: "http"
      net.b.ip_local_reserved_ports: "10-1"
`, `host/sysctl/net.a.port = "http" needs []
host/sysctl/net.b.ip_local_reserved_ports = "10-1" needs []
host/sysctl/net.ipv4.ip_local_reserved_ports = "8080-8081,9000-9010" needs []
host/sysctl/net.ipv4.tcp_fastopen_key = "00000001-00000002-0000000a-0000ffff" needs []
host/sysctl/net.ipv4.tcp_rmem = "4096 87380 6291456" needs []
host/sysctl/net.ipv6.conf.lo.stable_secret = "2001:0db8:0000:0000:0000:0000:0000:0001" needs [host/link/lo]
`},
		"two names of one value": {`
namespaces:
  host:
    sysctls:
      net.ipv4.ip_forward: 1
      net.ipv4.conf.all.forwarding: 0
      net.ipv4.neigh.default.retrans_time_ms: 1000
      net.netfilter.nf_conntrack_max: 1000
      net.nf_conntrack_max: 1000
links:
  a: {netns: host, name: eth0, sysctls: {ipv6.neigh.base_reachable_time: 30, ipv6.neigh.base_reachable_time_ms: 20000, ipv4.neigh.retrans_time: 1}}
`, `host/sysctl/net.ipv4.conf.all.forwarding = "0" needs []
host/sysctl/net.ipv4.ip_forward = "1" needs []
host/sysctl/net.ipv4.neigh.default.retrans_time_ms = "1000" needs []
host/sysctl/net.ipv4.neigh.eth0.retrans_time = "1" needs [host/link/eth0]
host/sysctl/net.ipv6.neigh.eth0.base_reachable_time = "30" needs [host/link/eth0]
host/sysctl/net.ipv6.neigh.eth0.base_reachable_time_ms = "20000" needs [host/link/eth0]
host/sysctl/net.netfilter.nf_conntrack_max = "1000" needs []
host/sysctl/net.nf_conntrack_max = "1000" needs []
a.yaml:6:7: net.ipv4.conf.all.forwarding is the same value of the kernel as net.ipv4.ip_forward, declared in a.yaml:5: keep one of the two
a.yaml:9:7: net.nf_conntrack_max is the same value of the kernel as net.netfilter.nf_conntrack_max, declared in a.yaml:8: keep one of the two
a.yaml:11:78: net.ipv6.neigh.eth0.base_reachable_time_ms is the same value of the kernel as net.ipv6.neigh.eth0.base_reachable_time, declared in a.yaml:11: keep one of the two
`},
		"two spellings of one name": {`
namespaces:
  host:
    sysctls:
      net.ipv4.ip_forward: 1
      net/ipv4/ip_forward: 1
      net.ipv4.conf.eth0/100.rp_filter: 1
links:
  a: {netns: host, name: eth0.100, sysctls: {ipv4.rp_filter: 0}}
`, `host/sysctl/net.ipv4.ip_forward = "1" needs []
host/sysctl/net/ipv4/conf/eth0.100/rp_filter = "1" needs [host/link/eth0.100]
a.yaml:6:7: host/sysctl/net.ipv4.ip_forward is declared twice, first in a.yaml:5
a.yaml:9:46: host/sysctl/net/ipv4/conf/eth0.100/rp_filter is declared twice, first in a.yaml:7
`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimSpace(test.want), strings.TrimSpace(compile(test.text))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A resource that only the journal knows is the one that was declared.
func TestFromID(t *testing.T) {
	for _, path := range []string{"net/ipv4/ip_forward", "net/ipv4/conf/eth0/rp_filter", "net/ipv6/conf/eth0.100/forwarding"} {
		want, err := ofNamespace("lab", path)
		if err != nil {
			t.Fatal(err)
		}
		if have, ok := (kind{}).FromID(want.ID()); !ok || have != want {
			t.Errorf("%s: have %+v, want %+v", want.ID(), have, want)
		}
	}
	for _, id := range []spec.ID{{NS: "lab", Kind: kindName, Key: "net/../kernel/panic"}, {NS: "lab", Kind: "link", Key: "net.ipv4.ip_forward"}} {
		if have, ok := (kind{}).FromID(id); ok {
			t.Errorf("%s: have %+v, want nothing", id, have)
		}
	}
}
