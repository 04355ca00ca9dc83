package iptables

import "testing"

func TestForward(t *testing.T) {
	examples{
		"forward": {`
namespaces:
  host:
    iptables:
      forward:
        - {in: evil+, action: DROP}
        - {in: docker0, out: "!docker0", source: 172.17.0.9/16, destination: 10.0.0.0/8, protocol: tcp, port: 8000-8010}
        - {source: 10.0.0.1, destination: 0.0.0.0/0, protocol: icmp, action: ACCEPT}
        - {protocol: sctp, port: 5}
        - {action: REJECT}
    ip6tables:
      forward:
        - {protocol: icmpv6}
        - {destination: "fd00::2", protocol: udp, port: 53}
        - {protocol: gre, action: REJECT}
`, `host/ip6tables/filter/LINKD-FORWARD
  forward/replies: -m conntrack --ctstate RELATED,ESTABLISHED --ctproto 58 --ctdir REPLY -j ACCEPT
  forward/replies: -m conntrack --ctstate RELATED,ESTABLISHED --ctproto 17 --ctreplsrc fd00::2 --ctreplsrcport 53 --ctdir REPLY -j ACCEPT
  forward: -p ipv6-icmp -j ACCEPT
  forward: -d fd00::2/128 -p udp -m udp --dport 53 -j ACCEPT
  forward/errors: -m conntrack --ctstate RELATED --ctproto 17 --ctreplsrc fd00::2 --ctreplsrcport 53 --ctdir ORIGINAL -j ACCEPT
  forward: -p gre -j REJECT --reject-with icmp6-port-unreachable
host/iptables/filter/LINKD-FORWARD
  forward/replies: ! -i docker0 -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED --ctproto 6 --ctorigsrc 172.17.0.0/16 --ctreplsrc 10.0.0.0/8 --ctreplsrcport 8000:8010 --ctdir REPLY -j ACCEPT
  forward/replies: -m conntrack --ctstate RELATED,ESTABLISHED --ctproto 1 --ctorigsrc 10.0.0.1 --ctdir REPLY -j ACCEPT
  forward/replies: -m conntrack --ctstate RELATED,ESTABLISHED --ctproto 132 --ctreplsrcport 5 --ctdir REPLY -j ACCEPT
  forward: -i evil+ -j DROP
  forward: -s 172.17.0.0/16 -d 10.0.0.0/8 -i docker0 ! -o docker0 -p tcp -m tcp --dport 8000:8010 -j ACCEPT
  forward/errors: -i docker0 ! -o docker0 -m conntrack --ctstate RELATED --ctproto 6 --ctorigsrc 172.17.0.0/16 --ctreplsrc 10.0.0.0/8 --ctreplsrcport 8000:8010 --ctdir ORIGINAL -j ACCEPT
  forward: -s 10.0.0.1/32 -p icmp -j ACCEPT
  forward: -p sctp -m sctp --dport 5 -j ACCEPT
  forward/errors: -m conntrack --ctstate RELATED --ctproto 132 --ctreplsrcport 5 --ctdir ORIGINAL -j ACCEPT
  forward: -j REJECT --reject-with icmp-port-unreachable
`},
		"what is no entry of forward": {`
namespaces:
  host:
    iptables:
      forward:
        - {protocol: tpc}
        - {protocol: 6}
        - {protocol: tcp, port: 0}
        - {protocol: tcp, port: 65536}
        - {protocol: tcp, port: 080}
        - {protocol: tcp, port: 10-5}
        - {protocol: tcp, port: 10-}
        - {protocol: tcp, port: http}
        - {protocol: tcp, port: [80]}
        - {action: accept}
        - {in: "eth0:1"}
        - {out: averyveryverylongname}
        - {dport: 80}
        - {in: "!+"}
`, `a.yaml:6:22: protocol "tpc" is not one of tcp, udp, sctp, icmp, ipv6-icmp, gre, esp; did you mean "tcp"?
a.yaml:7:22: protocol "6" is not one of tcp, udp, sctp, icmp, ipv6-icmp, gre, esp
a.yaml:8:33: expected a port such as 8080 or a range such as 8000-8010, found "0": ports go from 1 to 65535
a.yaml:9:33: expected a port such as 8080 or a range such as 8000-8010, found "65536": ports go from 1 to 65535
a.yaml:10:33: expected a port such as 8080 or a range such as 8000-8010, found "080": "080" is not a port
a.yaml:11:33: the range 10-5 ends before it begins
a.yaml:12:33: expected a port such as 8080 or a range such as 8000-8010, found "10-": "" is not a port
a.yaml:13:33: expected a port such as 8080 or a range such as 8000-8010, found "http": "http" is not a port
a.yaml:14:33: expected a word, found a list
a.yaml:15:20: action "accept" is not one of ACCEPT, DROP, REJECT
a.yaml:16:16: interface name "eth0:1": ':' is not allowed
a.yaml:17:17: interface name "averyveryverylongname" has 21 bytes; the kernel takes 15 at most
a.yaml:18:12: unknown key "dport"; did you mean "port"?
a.yaml:19:16: "+" is every interface: leave the key out
`},
		"entries of forward that make no sense": {`
namespaces:
  host:
    iptables:
      forward:
        - {}
        - {port: 80}
        - {protocol: icmp, port: 80}
        - {protocol: icmpv6, source: "fd00::1", destination: "fd00::2"}
        - {action: DROP}
        - {source: 0.0.0.0/0, action: REJECT}
        - {action: ACCEPT}
    ip6tables:
      forward: [{protocol: icmp}]
`, `a.yaml:6:11: say what to forward, or what not: in, out, source, destination, protocol or action
a.yaml:7:18: a port is one of tcp, udp or sctp: say which with protocol
a.yaml:8:34: a port is one of tcp, udp or sctp: say which with protocol
a.yaml:9:22: ipv6-icmp is not of the address family of iptables
a.yaml:9:38: fd00::1 is not of the address family of iptables
a.yaml:9:62: fd00::2 is not of the address family of iptables
a.yaml:10:11: this entry matches everything, so the entries after it are never reached
a.yaml:11:11: this entry matches everything, so the entries after it are never reached
a.yaml:14:28: icmp is not of the address family of ip6tables
`},
	}.run(t)
}
