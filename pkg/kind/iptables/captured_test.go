package iptables

import (
	"net/netip"
	"strings"
	"testing"
)

// The rules that Docker creates for -p 8080:80, and those of Docker 20.10 before them.
const (
	dockerPublishes = `
		:PREROUTING ACCEPT [0:0]
		:DOCKER - [0:0]
		[0:0] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
		[0:0] -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80`
	docker20Publishes = `
		:PREROUTING ACCEPT [0:0]
		:DOCKER - [0:0]
		[0:0] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
		[0:0] -A DOCKER -i docker0 -j RETURN
		[0:0] -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80`
	// The rules that podman's netavark creates, and those of Kubernetes for two endpoints.
	netavarkPublishes = `
		:PREROUTING ACCEPT [0:0]
		:NETAVARK-HOSTPORT-DNAT - [0:0]
		:NETAVARK-HOSTPORT-SETMARK - [0:0]
		:NETAVARK-DN-1 - [0:0]
		[0:0] -A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
		[0:0] -A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 8080 -m comment --comment "dnat name: podman" -j NETAVARK-DN-1
		[0:0] -A NETAVARK-DN-1 -s 10.88.0.0/16 -p tcp -m tcp --dport 8080 -j NETAVARK-HOSTPORT-SETMARK
		[0:0] -A NETAVARK-DN-1 -s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j NETAVARK-HOSTPORT-SETMARK
		[0:0] -A NETAVARK-DN-1 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80
		[0:0] -A NETAVARK-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000`
	kubernetesPublishes = `
		:PREROUTING ACCEPT [0:0]
		:KUBE-SERVICES - [0:0]
		:KUBE-NODEPORTS - [0:0]
		:KUBE-SVC - [0:0]
		:KUBE-SEP-1 - [0:0]
		:KUBE-SEP-2 - [0:0]
		[0:0] -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
		[0:0] -A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC
		[0:0] -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
		[0:0] -A KUBE-NODEPORTS -p tcp -m tcp --dport 8080 -j KUBE-SVC
		[0:0] -A KUBE-SVC -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-1
		[0:0] -A KUBE-SVC -j KUBE-SEP-2
		[0:0] -A KUBE-SEP-1 -s 10.244.0.2/32 -j MARK --set-xmark 0x4000/0x4000
		[0:0] -A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:80
		[0:0] -A KUBE-SEP-2 -p tcp -m tcp -j DNAT --to-destination 10.244.0.3:80`
)

// linkd reports only rules that certainly capture packets for a published port.
func TestCaptured(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")}
	const (
		everywhere = "-p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2:80"
		onOne      = "-d 192.0.2.1/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.1.2:80"
		several    = "-p tcp -m tcp --dport 8000:8100 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2"
	)
	for _, test := range []struct{ name, rules, published, want string }{
		{"nothing", "", everywhere, ""},
		{"Docker", dockerPublishes, everywhere, "tcp port 8080 > 172.17.0.2:80"},
		{"Docker 20.10", docker20Publishes, everywhere, "tcp port 8080 > 172.17.0.2:80"},
		{"Docker, one of several ports", dockerPublishes, several, "tcp port 8080 > 172.17.0.2:80"},
		{"Docker, on one address", dockerPublishes, onOne, "tcp port 8080 > 172.17.0.2:80"},
		{"Docker, another protocol", strings.ReplaceAll(dockerPublishes, "tcp", "udp"), everywhere, ""},
		{"Docker, another port", strings.ReplaceAll(dockerPublishes, "8080", "8081"), everywhere, ""},
		{"Docker, on the loopback", strings.Replace(dockerPublishes, "! -i docker0 -p", "-d 127.0.0.1/32 ! -i docker0 -p", 1), everywhere, ""},
		{"Docker, on an address", strings.Replace(dockerPublishes, "! -i docker0 -p", "-d 192.0.2.1/32 ! -i docker0 -p", 1), everywhere, "tcp port 8080 of 192.0.2.1 > 172.17.0.2:80"},
		{"Docker, on another address", strings.Replace(dockerPublishes, "! -i docker0 -p", "-d 198.51.100.1/32 ! -i docker0 -p", 1), onOne, ""},
		{"Docker, to where linkd does", strings.Replace(dockerPublishes, "172.17.0.2:80", "172.17.1.2:80", 1), everywhere, ""},
		{"podman", netavarkPublishes, everywhere, "tcp port 8080 > 10.88.0.2:80"},
		{"Kubernetes", kubernetesPublishes, everywhere, "tcp port 8080 > 10.244.0.3:80"},
		{"by an interface", "[0:0] -A PREROUTING -i eth0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.1:80", everywhere, "tcp port 8080 by eth0 > 10.0.0.1:80"},
		{"by an interface that is spared", "[0:0] -A PREROUTING -i eth0 -j RETURN\n[0:0] -A PREROUTING -i eth0 -p tcp -j REDIRECT", everywhere, ""},
		{"by all interfaces but those that are spared", "[0:0] -A PREROUTING ! -i eth0 -j ACCEPT\n[0:0] -A PREROUTING ! -i eth0 -p tcp -j REDIRECT", everywhere, ""},
		{"from some sources", "[0:0] -A PREROUTING -s 10.0.0.0/8 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.1:80", everywhere, ""},
		{"a proxy", "[0:0] -A PREROUTING -p tcp -m multiport --dports 80,8000:8100 -j REDIRECT --to-ports 3128", everywhere, "tcp port 8080 > "},
		{"a proxy for other ports", "[0:0] -A PREROUTING -p tcp -m multiport ! --dports 80,8000:8100 -j REDIRECT --to-ports 3128", everywhere, ""},
		{"an address behind an exception of it", "[0:0] -A PREROUTING -d 192.0.2.1/32 -j ACCEPT\n[0:0] -A PREROUTING -d 192.0.2.1/32 -j REDIRECT", everywhere, ""},
		{"all but an exception", "[0:0] -A PREROUTING -d 192.0.2.1/32 -j ACCEPT\n[0:0] -A PREROUTING -p tcp -j REDIRECT", everywhere, "tcp port 8080 of 198.51.100.1 > "},
		{"an exception alone", "[0:0] -A PREROUTING -d 192.0.2.1/32 -j ACCEPT", everywhere, ""},
		{"an exception for all", "[0:0] -A PREROUTING -p tcp -m tcp --dport 8080 -j ACCEPT", everywhere, "tcp port 8080 > "},
		{"sources that are spared", "[0:0] -A PREROUTING -s 10.0.0.0/8 -j ACCEPT\n[0:0] -A PREROUTING -p tcp -j REDIRECT", everywhere, ""},
		{"an exception in a chain", ":C - [0:0]\n[0:0] -A PREROUTING -p tcp -j C\n[0:0] -A PREROUTING -p tcp -j REDIRECT\n[0:0] -A C -j ACCEPT", onOne, ""},
		{"a chain that is left", ":C - [0:0]\n[0:0] -A PREROUTING -p tcp -j C\n[0:0] -A PREROUTING -p tcp -j REDIRECT\n[0:0] -A C -j RETURN\n[0:0] -A C -j ACCEPT", onOne, "tcp port 8080 > "},
		{"a chain without return", ":C - [0:0]\n[0:0] -A PREROUTING -p tcp -g C\n[0:0] -A PREROUTING -p tcp -j REDIRECT", everywhere, ""},
		{"what linkd cannot follow", "[0:0] -A PREROUTING -j ELSEWHERE --so\n[0:0] -A PREROUTING -p tcp -j REDIRECT", everywhere, ""},
		{"what tells nothing of packets", "[0:0] -A PREROUTING -p tcp -m set --match-set some dst -j REDIRECT", everywhere, ""},
	} {
		tables, err := readTables(strings.NewReader("*nat\n:PREROUTING ACCEPT [0:0]\n" + strings.ReplaceAll(test.rules, "\t", "") + "\nCOMMIT\n"))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		p, target := newRule("", strings.Fields(test.published)...).arrives("PREROUTING", own)
		steps := mostSteps
		have := ""
		by := tables[nat].captures("PREROUTING", tables[nat].chains["PREROUTING"], p, &steps)
		if by != nil && !sameTarget(by.first, by.to, target) {
			have = by.describe(p, "tcp") + " > " + by.to
		}
		if have != test.want {
			t.Errorf("%s: have %q, want %q", test.name, have, test.want)
		}
	}
}
