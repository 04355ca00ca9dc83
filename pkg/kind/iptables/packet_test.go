package iptables

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// For a packet with all fields known, no rule is doubtful that iptables could evaluate.
func TestFollow(t *testing.T) {
	source, target := netip.MustParseAddrPort("10.1.0.2:0"), netip.MustParseAddrPort("203.0.113.2:443")
	first := Packet{
		In: "br0", Out: "eth0", Source: source, Destination: target, Protocol: unix.IPPROTO_TCP,
		First: Ends{source, target}, Answer: Ends{target, source},
		Local: func(ip netip.Addr) bool { return ip == netip.MustParseAddr("10.1.0.1") },
	}
	reply := first
	reply.In, reply.Out, reply.Source, reply.Destination, reply.Reply = "eth0", "br0", target, source, true
	published := first
	published.First.Destination = netip.MustParseAddrPort("203.0.113.1:8443")
	echo := first
	echo.Protocol, echo.Source, echo.Destination = unix.IPPROTO_ICMP, netip.AddrPortFrom(source.Addr(), 0), netip.AddrPortFrom(target.Addr(), 0)

	for _, test := range []struct {
		name, rules string
		packet      Packet
		want        string
	}{
		{"nothing", ":FORWARD ACCEPT [0:0]", first, ""},
		{"the policy", ":FORWARD DROP [0:0]", first, "dropped FORWARD the policy of FORWARD is DROP"},
		{"a port", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p tcp -m tcp --dport 443 -j DROP", first, "dropped FORWARD -p tcp -m tcp --dport 443 -j DROP"},
		{"another port", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p tcp -m tcp --dport 80 -j DROP", first, ""},
		{"a range of ports", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p tcp -m tcp --dport 400:500 -j DROP", first, "dropped FORWARD -p tcp -m tcp --dport 400:500 -j DROP"},
		{"some ports", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p tcp -m multiport --dports 80,443 -j DROP", first, "dropped FORWARD -p tcp -m multiport --dports 80,443 -j DROP"},
		{"a port of an echo", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p tcp -m tcp --dport 443 -j DROP", echo, ""},
		{"an echo", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP", echo, "dropped FORWARD -p icmp -m icmp --icmp-type 8 -j DROP"},
		{"another ICMP", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p icmp -m icmp --icmp-type 3/4 -j DROP", echo, ""},
		{"a source port", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p tcp -m tcp --sport 1024:65535 -j DROP", first, "unsure  doubt: FORWARD: -p tcp -m tcp --sport 1024:65535 -j DROP"},
		{"a network", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD ! -s 10.0.0.0/8 -j DROP\n[0:0] -A FORWARD -d 203.0.113.0/24 -j ACCEPT", first, "accepted FORWARD -d 203.0.113.0/24 -j ACCEPT"},
		{"a local source", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -m addrtype --src-type LOCAL -j DROP", first, ""},
		{"established", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", reply, "accepted FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"},
		{"not established", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", first, "dropped FORWARD the policy of FORWARD is DROP"},
		{"published", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 203.0.113.2 --ctorigdstport 8443 -j ACCEPT", published, "accepted FORWARD -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 203.0.113.2 --ctorigdstport 8443 -j ACCEPT"},
		{"a match of its own", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -m limit --limit 3/sec -j DROP", first, "unsure  doubt: FORWARD: -m limit --limit 3/sec -j DROP"},
		{"a chain", ":FORWARD DROP [0:0]\n:C - [0:0]\n[0:0] -A FORWARD -i br0 -j C\n[0:0] -A C -o eth0 -j ACCEPT", first, "accepted C -o eth0 -j ACCEPT"},
		{"a chain that returns", ":FORWARD DROP [0:0]\n:C - [0:0]\n[0:0] -A FORWARD -i br0 -j C\n[0:0] -A C -o eth0 -j RETURN\n[0:0] -A C -j ACCEPT", first, "dropped FORWARD the policy of FORWARD is DROP"},
	} {
		tables, err := readTables(strings.NewReader("*filter\n" + test.rules + "\nCOMMIT\n"))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		have := ""
		for _, d := range (&Firewall{family: ipv4, view: &view{tables: tables}}).Follow("FORWARD", test.packet) {
			have += [...]string{"unsure", "accepted", "dropped", "translated"}[d.Verdict] + " " + d.Chain + " " + d.Rule
			for _, r := range d.Doubtful {
				have += "doubt: " + r
			}
		}
		if have != test.want {
			t.Errorf("%s: have %q, want %q", test.name, have, test.want)
		}
	}
}

// Rules of the table nat translate a packet.
func TestFollowTranslation(t *testing.T) {
	source, target := netip.MustParseAddrPort("10.1.0.2:0"), netip.MustParseAddrPort("203.0.113.1:8080")
	p := Packet{
		In: "eth0", Source: source, Destination: target, Protocol: unix.IPPROTO_TCP, First: Ends{source, target}, Answer: Ends{target, source},
		Local: func(ip netip.Addr) bool { return ip == target.Addr() },
	}
	for rule, want := range map[string]string{
		"-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.3:80":       "10.1.0.3:80",
		"-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.3":          "10.1.0.3:8080",
		"-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.3-10.1.0.9": "invalid AddrPort",
		"-p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80":                  "203.0.113.1:80",
		"-m addrtype --dst-type LOCAL -j REDIRECT":                              "203.0.113.1:8080",
	} {
		tables, err := readTables(strings.NewReader("*nat\n:PREROUTING ACCEPT [0:0]\n[0:0] -A PREROUTING " + rule + "\nCOMMIT\n"))
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		decisions := (&Firewall{family: ipv4, view: &view{tables: tables}}).Follow("PREROUTING", p)
		if len(decisions) != 1 || decisions[0].Verdict != Translated || decisions[0].To.String() != want {
			t.Errorf("%s: have %+v, want %s", rule, decisions, want)
		}
	}
}
