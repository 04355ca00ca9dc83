package iptables

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

var language = conform.Language(Keys(), nil)

func state(r spec.Resource) string {
	var b strings.Builder
	switch r := r.(type) {
	case *Policy:
		fmt.Fprintf(&b, "%s %s\n", r.ID(), r.Target)
	case *Chain:
		fmt.Fprintln(&b, r.ID())
		for _, rule := range r.Rules {
			fmt.Fprintf(&b, "  %s\n", rule)
		}
	}
	return b.String()
}

func TestKeys(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"policies and rules": {`
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
  -s fd00::/8 -d ::102:304/128 -m comment --comment linkd:7af234e44406 -j MASQUERADE
host/iptables/nat/LINKD-POSTROUTING
  -s 172.17.0.0/16 ! -o docker0 -m comment --comment linkd:2fcd15c82123 -j MASQUERADE
  -s 10.0.0.1/32 -o veth+ -m comment --comment linkd:1efa1ede8646 -j MASQUERADE
host/iptables/policy/FORWARD ACCEPT
host/iptables/policy/INPUT DROP
`},
		"nothing": {`
namespaces:
  host: {iptables: {policies: {}, masquerade: []}, ip6tables: {}}
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
	} {
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
