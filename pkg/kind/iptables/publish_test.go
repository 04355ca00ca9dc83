package iptables

import "testing"

func TestPublish(t *testing.T) {
	examples{
		"publish": {`
namespaces:
  host:
    iptables:
      publish:
        - {address: 192.0.2.1, port: 53, protocol: udp, to: 172.17.1.3:5353}
        - {port: 53, protocol: udp, to: 172.17.1.2:53}
        - {port: 8000-8010, to: 172.17.1.2}
        - {address: 127.0.0.1, port: 9, to: 172.17.1.2:9}
    ip6tables:
      publish: [{port: 8080, to: "[fd00::2]:80"}, {port: 81, address: "2001:db8::1", to: "[fd00::2]"}]
`, `host/ip6tables/filter/LINKD-FORWARD
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -j ACCEPT
  publish/tcp/81: -m conntrack --ctstate DNAT --ctproto 6 --ctorigdst 2001:db8::1 --ctreplsrc fd00::2 --ctorigdstport 81 --ctreplsrcport 81 -j ACCEPT
host/ip6tables/nat/LINKD-OUTPUT
  publish/tcp/8080: ! -d ::1/128 -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination [fd00::2]:80
  publish/tcp/81: -d 2001:db8::1/128 -p tcp -m tcp --dport 81 -j DNAT --to-destination fd00::2
host/ip6tables/nat/LINKD-POSTROUTING
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -j MASQUERADE
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -m addrtype --src-type LOCAL -j MASQUERADE
  publish/tcp/81: -m conntrack --ctstate DNAT --ctproto 6 --ctorigdst 2001:db8::1 --ctreplsrc fd00::2 --ctorigdstport 81 --ctreplsrcport 81 -j MASQUERADE
  publish/tcp/81: -m conntrack --ctstate DNAT --ctproto 6 --ctorigdst 2001:db8::1 --ctreplsrc fd00::2 --ctorigdstport 81 --ctreplsrcport 81 -m addrtype --src-type LOCAL -j MASQUERADE
host/ip6tables/nat/LINKD-PREROUTING
  publish/tcp/8080: -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination [fd00::2]:80
  publish/tcp/81: -d 2001:db8::1/128 -p tcp -m tcp --dport 81 -j DNAT --to-destination fd00::2
host/iptables/filter/LINKD-FORWARD
  publish/udp/53: -m conntrack --ctstate DNAT --ctproto 17 --ctorigdst 192.0.2.1 --ctreplsrc 172.17.1.3 --ctorigdstport 53 --ctreplsrcport 5353 -j ACCEPT
  publish/udp/53: -m conntrack --ctstate DNAT --ctproto 17 --ctreplsrc 172.17.1.2 --ctorigdstport 53 --ctreplsrcport 53 -j ACCEPT
  publish/tcp/8000-8010: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8000:8010 --ctreplsrcport 8000:8010 -j ACCEPT
  publish/tcp/9: -m conntrack --ctstate DNAT --ctproto 6 --ctorigdst 127.0.0.1 --ctreplsrc 172.17.1.2 --ctorigdstport 9 --ctreplsrcport 9 -j ACCEPT
host/iptables/nat/LINKD-OUTPUT
  publish/udp/53: -d 192.0.2.1/32 -p udp -m udp --dport 53 -j DNAT --to-destination 172.17.1.3:5353
  publish/udp/53: ! -d 127.0.0.0/8 -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2:53
  publish/tcp/8000-8010: ! -d 127.0.0.0/8 -p tcp -m tcp --dport 8000:8010 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2
  publish/tcp/9: -d 127.0.0.1/32 -p tcp -m tcp --dport 9 -j DNAT --to-destination 172.17.1.2:9
host/iptables/nat/LINKD-POSTROUTING
  publish/udp/53: -m conntrack --ctstate DNAT --ctproto 17 --ctorigdst 192.0.2.1 --ctreplsrc 172.17.1.3 --ctorigdstport 53 --ctreplsrcport 5353 -j MASQUERADE
  publish/udp/53: -m conntrack --ctstate DNAT --ctproto 17 --ctorigdst 192.0.2.1 --ctreplsrc 172.17.1.3 --ctorigdstport 53 --ctreplsrcport 5353 -m addrtype --src-type LOCAL -j MASQUERADE
  publish/udp/53: -m conntrack --ctstate DNAT --ctproto 17 --ctreplsrc 172.17.1.2 --ctorigdstport 53 --ctreplsrcport 53 -j MASQUERADE
  publish/udp/53: -m conntrack --ctstate DNAT --ctproto 17 --ctreplsrc 172.17.1.2 --ctorigdstport 53 --ctreplsrcport 53 -m addrtype --src-type LOCAL -j MASQUERADE
  publish/tcp/8000-8010: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8000:8010 --ctreplsrcport 8000:8010 -j MASQUERADE
  publish/tcp/8000-8010: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8000:8010 --ctreplsrcport 8000:8010 -m addrtype --src-type LOCAL -j MASQUERADE
  publish/tcp/9: -m conntrack --ctstate DNAT --ctproto 6 --ctorigdst 127.0.0.1 --ctreplsrc 172.17.1.2 --ctorigdstport 9 --ctreplsrcport 9 -j MASQUERADE
  publish/tcp/9: -m conntrack --ctstate DNAT --ctproto 6 --ctorigdst 127.0.0.1 --ctreplsrc 172.17.1.2 --ctorigdstport 9 --ctreplsrcport 9 -m addrtype --src-type LOCAL -j MASQUERADE
host/iptables/nat/LINKD-PREROUTING
  publish/udp/53: -d 192.0.2.1/32 -p udp -m udp --dport 53 -j DNAT --to-destination 172.17.1.3:5353
  publish/udp/53: -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2:53
  publish/tcp/8000-8010: -p tcp -m tcp --dport 8000:8010 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2
`},
		"where a setting of the bridge lets 127.0.0.0/8 go out": {`
namespaces:
  host:
    iptables: {publish: [{port: 8080, to: 172.17.1.2:80}]}
    ip6tables: {publish: [{port: 8080, to: "[fd00::2]:80"}]}
links:
  docker0: {netns: host, name: docker0, sysctls: {ipv4.route_localnet: 1}}
`, `host/ip6tables/filter/LINKD-FORWARD
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -j ACCEPT
host/ip6tables/nat/LINKD-OUTPUT
  publish/tcp/8080: ! -d ::1/128 -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination [fd00::2]:80
host/ip6tables/nat/LINKD-POSTROUTING
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -j MASQUERADE
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -m addrtype --src-type LOCAL -j MASQUERADE
host/ip6tables/nat/LINKD-PREROUTING
  publish/tcp/8080: -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination [fd00::2]:80
host/iptables/filter/LINKD-FORWARD
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 80 -j ACCEPT
host/iptables/nat/LINKD-OUTPUT
  publish/tcp/8080: -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2:80
host/iptables/nat/LINKD-POSTROUTING
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 80 -j MASQUERADE
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 80 -m addrtype --src-type LOCAL -j MASQUERADE
host/iptables/nat/LINKD-PREROUTING
  publish/tcp/8080: -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2:80
`},
		"where a setting says that it does not": {`
namespaces:
  host:
    sysctls: {net.ipv4.conf.docker0.route_localnet: 0}
    iptables: {publish: [{port: 8080, to: 172.17.1.2:80}]}
    ip6tables: {publish: [{port: 8080, to: "[fd00::2]:80"}]}
`, `host/ip6tables/filter/LINKD-FORWARD
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -j ACCEPT
host/ip6tables/nat/LINKD-OUTPUT
  publish/tcp/8080: ! -d ::1/128 -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination [fd00::2]:80
host/ip6tables/nat/LINKD-POSTROUTING
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -j MASQUERADE
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc fd00::2 --ctorigdstport 8080 --ctreplsrcport 80 -m addrtype --src-type LOCAL -j MASQUERADE
host/ip6tables/nat/LINKD-PREROUTING
  publish/tcp/8080: -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination [fd00::2]:80
host/iptables/filter/LINKD-FORWARD
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 80 -j ACCEPT
host/iptables/nat/LINKD-OUTPUT
  publish/tcp/8080: ! -d 127.0.0.0/8 -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2:80
host/iptables/nat/LINKD-POSTROUTING
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 80 -j MASQUERADE
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 80 -m addrtype --src-type LOCAL -j MASQUERADE
host/iptables/nat/LINKD-PREROUTING
  publish/tcp/8080: -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2:80
`},
		"what is no entry of publish": {`
namespaces:
  host:
    iptables:
      publish:
        - {port: 1}
        - {to: 172.17.1.2:80}
        - {port: 3, to: 172.17.1.2:0}
        - {port: 4, to: 172.17.1.2:http}
        - {port: 5, to: "172.17.1.2:"}
        - {port: 6, to: nowhere:80}
        - {port: 7, to: 127.0.0.1:80}
        - {port: 8, to: 0.0.0.0:80}
        - {port: 9, to: 172.17.1.2:80:80}
        - {port: 10, to: 80}
        - {port: 13, protocol: icmp, to: 172.17.1.2:80}
        - {port: 14, adress: 10.0.0.1, to: 172.17.1.2:80}
    ip6tables:
      publish:
        - {port: 2, to: "fd00::2:80"}
        - {port: 3, to: "[172.17.1.2]:80"}
        - {port: 6, to: "[fe80::1%eth0]:80"}
        - {port: 7, to: "[fd00::2"}
        - {port: 8, to: "[::ffff:10.0.0.1]:80"}
`, `a.yaml:6:11: "to" is missing
a.yaml:7:11: "port" is missing
a.yaml:8:25: ports go from 1 to 65535
a.yaml:9:25: "http" is not a port
a.yaml:10:25: expected an address and a port such as 172.17.1.2:80 or [fd00::2]:80, found "172.17.1.2:"
a.yaml:11:25: expected an address and a port such as 172.17.1.2:80 or [fd00::2]:80, found "nowhere:80"
a.yaml:12:25: 127.0.0.1 is no address of another machine
a.yaml:13:25: 0.0.0.0 is no address of another machine
a.yaml:14:25: "80:80" is not a port
a.yaml:15:26: expected an address and a port such as 172.17.1.2:80 or [fd00::2]:80, found "80"
a.yaml:16:32: protocol "icmp" is not one of tcp, udp, sctp
a.yaml:17:22: unknown key "adress"; did you mean "address"?
a.yaml:20:25: write an IPv6 address in brackets: [fd00::2:80] or [ADDRESS]:PORT
a.yaml:21:25: expected an address and a port such as 172.17.1.2:80 or [fd00::2]:80, found "[172.17.1.2]:80"
a.yaml:22:25: expected an address and a port such as 172.17.1.2:80 or [fd00::2]:80, found "[fe80::1%eth0]:80"
a.yaml:23:25: expected an address and a port such as 172.17.1.2:80 or [fd00::2]:80, found "[fd00::2"
a.yaml:24:25: expected an address and a port such as 172.17.1.2:80 or [fd00::2]:80, found "[::ffff:10.0.0.1]:80"
`},
		"entries of publish that make no sense": {`
namespaces:
  host:
    iptables:
      publish:
        - {port: 2, to: "[fd00::2]:80"}
        - {port: 11-12, to: 172.17.1.2:80}
        - {port: 14, address: 10.0.0.0/8, to: 172.17.1.2:80}
        - {port: 15, address: 0.0.0.0/32, to: 172.17.1.2:80}
        - {port: 16, address: "fd00::1", to: 172.17.1.2:80}
    ip6tables:
      publish:
        - {port: 4, to: 172.17.1.2:80}
        - {port: 5, address: "::1", to: "[fd00::2]:80"}
`, `a.yaml:6:25: fd00::2 is not of the address family of iptables
a.yaml:7:29: a range of ports goes to the same ports: write 172.17.1.2 without a port
a.yaml:8:31: 10.0.0.0/8 is a network: publish on one address, or leave it out
a.yaml:9:31: 0.0.0.0 is no address of this machine; leave it out for all of them
a.yaml:10:31: fd00::1 is not of the address family of iptables
a.yaml:13:25: 172.17.1.2 is not of the address family of ip6tables
a.yaml:14:30: nothing can be published on ::1: the kernel lets nothing from it leave the machine
`},
		"what is published twice": {`
namespaces:
  host:
    iptables:
      publish:
        - {port: 80, to: 172.17.1.2}
        - {port: 80, protocol: udp, to: 172.17.1.2}
        - {port: 80, to: 172.17.1.3}
        - {port: 79-81, to: 172.17.1.3}
        - {port: 80, address: 192.0.2.1, to: 172.17.1.3}
        - {port: 90, address: 192.0.2.1, to: 172.17.1.3}
        - {port: 90, address: 192.0.2.2, to: 172.17.1.3}
        - {port: 90, address: 192.0.2.1, to: 172.17.1.3}
        - {port: 90, to: 172.17.1.3}
  other:
    iptables: {publish: [{port: 80, to: 172.17.1.2}]}
`, `a.yaml:8:11: tcp port 80 is published twice, first in a.yaml:6
a.yaml:9:11: tcp port 79-81 is published twice, first in a.yaml:6
a.yaml:10:11: tcp port 80 is published twice, first in a.yaml:6
a.yaml:13:11: tcp port 90 is published twice, first in a.yaml:11
`},
	}.run(t)
}
