package iptables

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/kind/sysctl"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

var language = conform.Language(append(Keys(), sysctl.NamespaceKey()), []spec.Key{sysctl.EndKey()})

// state returns the content of resources, without the hashes of the marks: each rule after its mark's path.
func state(r spec.Resource) string {
	var b strings.Builder
	switch r := r.(type) {
	case *Policy:
		fmt.Fprintf(&b, "%s %s\n", r.ID(), r.Target)
	case *Chain:
		fmt.Fprintln(&b, r.ID())
		for _, rule := range r.Rules {
			path, _, _ := strings.Cut(strings.TrimPrefix(rule.Mark, ownMark), " ")
			fmt.Fprintf(&b, "  %s: %s\n", strings.TrimPrefix(path, r.NS+"/"+r.Family+"/"), rule.text())
		}
	}
	return b.String()
}

// examples has texts, and what each compiles to, or its errors.
type examples map[string]struct{ text, want string }

func (e examples) run(t *testing.T) {
	for name, test := range e {
		t.Run(name, func(t *testing.T) {
			wanted, have := conform.Compile(language, test.text)
			if have == "" {
				for _, r := range wanted {
					have += state(r)
				}
			}
			if diff := cmp.Diff(strings.TrimSpace(test.want), strings.TrimSpace(have)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	examples{
		"policies and masquerade": {`
namespaces:
  host:
    iptables:
      policies: {FORWARD: ACCEPT, INPUT: DROP}
      masquerade:
        - {source: 172.17.0.9/16, out: "!docker0"}
        - {source: 10.0.0.1, destination: 0.0.0.0/0, out: veth+}
    ip6tables:
      masquerade: [{source: "fd00::/8", destination: "::1.2.3.4"}]
`, `host/ip6tables/nat/LINKD-POSTROUTING
  masquerade: -s fd00::/8 -d ::102:304/128 -j MASQUERADE
host/iptables/nat/LINKD-POSTROUTING
  masquerade: -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
  masquerade: -s 10.0.0.1/32 -o veth+ -j MASQUERADE
host/iptables/policy/FORWARD ACCEPT
host/iptables/policy/INPUT DROP
`},
		"nothing": {`
namespaces:
  host: {iptables: {policies: {}, masquerade: [], forward: [], publish: [], rules: []}, ip6tables: {}}
`, ``},
		"errors": {`
namespaces:
  host:
    iptables:
      policies: {FORWRD: ACCEPT, INPUT: REJECT, OUTPUT: [DROP]}
      masquerades: []
      masquerade:
        - {source: 172.17.0.0/33}
        - {out: "!"}
        - {out: a name}
        - {in: eth0}
  lab:
    iptables:
      masquerade:
        - {}
        - {source: "fd00::/8", out: eth0}
    ip6tables:
      masquerade: [{destination: 10.0.0.0/8}]
`, `a.yaml:5:18: unknown key "FORWRD"; did you mean "FORWARD"?
a.yaml:5:41: policy "REJECT" is not one of ACCEPT, DROP
a.yaml:5:57: expected a word, found a list
a.yaml:6:7: unknown key "masquerades"; did you mean "masquerade"?
a.yaml:8:20: expected an address or a network such as 172.17.0.0/16, found "172.17.0.0/33"
a.yaml:9:17: an interface name is missing
a.yaml:10:17: interface name "a name": ' ' is not allowed
a.yaml:11:12: unknown key "in"
a.yaml:15:11: say what to masquerade: source, destination or out
a.yaml:16:20: fd00::/8 is not of the address family of iptables
a.yaml:18:34: 10.0.0.0/8 is not of the address family of ip6tables
`},
		"all keys, in the order in which they stand in a chain": {`
namespaces:
  host:
    iptables:
      masquerade: [{out: eth0}]
      publish: [{port: 8080, to: 172.17.1.2}]
      forward: [{in: docker0}, {action: REJECT}]
      rules:
        - {chain: FORWARD, args: [-j, LOG]}
        - {table: nat, chain: POSTROUTING, args: [-d, 10.0.0.0/8, -j, RETURN]}
        - {table: mangle, chain: FORWARD, args: [-j, MARK, --set-mark, 1]}
`, `host/iptables/filter/LINKD-FORWARD
  rules: -j LOG
  forward/replies: -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY -j ACCEPT
  forward: -i docker0 -j ACCEPT
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 8080 -j ACCEPT
  forward: -j REJECT --reject-with icmp-port-unreachable
host/iptables/mangle/LINKD-FORWARD
  rules: -j MARK --set-mark 1
host/iptables/nat/LINKD-OUTPUT
  publish/tcp/8080: ! -d 127.0.0.0/8 -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2
host/iptables/nat/LINKD-POSTROUTING
  rules: -d 10.0.0.0/8 -j RETURN
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 8080 -j MASQUERADE
  publish/tcp/8080: -m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 8080 --ctreplsrcport 8080 -m addrtype --src-type LOCAL -j MASQUERADE
  masquerade: -o eth0 -j MASQUERADE
host/iptables/nat/LINKD-PREROUTING
  publish/tcp/8080: -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2
`},
	}.run(t)
}

func TestFromID(t *testing.T) {
	for id, want := range map[spec.ID]string{
		{NS: "lab", Kind: "iptables", Key: "policy/FORWARD"}:         "filter",
		{NS: "lab", Kind: "iptables", Key: "nat/LINKD-POSTROUTING"}:  "nat",
		{NS: "lab", Kind: "ip6tables", Key: "nat/LINKD-POSTROUTING"}: "",
		{NS: "lab", Kind: "iptables", Key: "LINKD-POSTROUTING"}:      "",
		{NS: "lab", Kind: "iptables", Key: "filter/LINKD-FORWARD"}:   "filter",
	} {
		r, ok := kind{ipv4}.FromID(id)
		if ok != (want != "") || ok && (r.ID() != id || r.table() != want) {
			t.Errorf("%s: have %v, want one in the table %q", id, r, want)
		}
	}
}
