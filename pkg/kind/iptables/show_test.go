package iptables

import (
	"context"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/kind/sysctl"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// shown returns the output of show for the lab.
func (l lab) shown(kept ...string) string {
	l.Helper()
	doc := spec.NewDocument(language)
	doc.Declare(spec.Namespace{Name: "lab", Selector: spec.Selector{Scheme: "name", Value: "lab"}}, true)
	ns := l.open()
	for _, f := range []family{ipv4, ipv6} {
		found, err := kind{f}.survey(context.Background(), ns)
		conform.Must(l, err)
		kind{f}.Show(doc, found, func(id spec.ID) (string, bool) {
			for _, key := range kept {
				if id.Kind+"/"+id.Key == key {
					return "", true
				}
			}
			return "", false
		})
	}
	text, err := doc.YAML()
	conform.Must(l, err)
	return string(text)
}

const bare = "version: 1\n\nnamespaces:\n  lab: {}\n"

func TestToShowMakesNoTable(t *testing.T) {
	onEachBackend(t, func(l lab) {
		if d := cmp.Diff(bare, l.shown()); d != "" {
			t.Error(d)
		}
		if tables := l.sh("cat /proc/thread-self/net/ip_tables_names /proc/thread-self/net/ip6_tables_names 2>/dev/null || :; nft list ruleset || :"); tables != "" {
			t.Errorf("there are tables now:\n%s", tables)
		}
	})
}

// The shown files compile to exactly the existing rules.
func TestShowIsReadBack(t *testing.T) {
	for _, declared := range []string{`
    iptables:
      policies: {INPUT: DROP, FORWARD: DROP}
      masquerade:
        - {source: 10.0.0.0/8, destination: 192.0.2.1, out: "!eth0"}
        - {out: eth1}
        - {source: 172.17.0.0/16}
    ip6tables:
      masquerade: [{destination: "fd00::/8"}]
`, `
    sysctls: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1}
    iptables:
      forward:
        - {in: eth0, out: "!eth1", source: 10.0.0.0/8, destination: 10.9.9.9, protocol: tcp, port: 8000-8010}
        - {protocol: icmp, action: DROP}
        - {protocol: gre}
        - {in: eth+, action: REJECT}
        - {action: ACCEPT}
      publish:
        - {port: 8080, to: "172.17.1.2:80"}
        - {protocol: udp, address: 192.0.2.1, port: 5000-5010, to: 172.17.1.2}
        - {address: 127.0.0.1, port: 81, to: "172.17.1.3:81"}
      rules:
        - chain: INPUT
          args: [-p, tcp, -m, tcp, --dport, 22, -m, comment, --comment, of no one, -j, ACCEPT]
        - table: mangle
          chain: POSTROUTING
          args: ["!", -o, eth0, -j, MARK, --set-xmark, 0x7/0xffffffff]
    ip6tables:
      forward: [{protocol: ipv6-icmp}]
      publish: [{port: 80, to: "[fd00::2]"}]
`, `
    sysctls: {net.ipv4.conf.all.route_localnet: 1, net.ipv4.ip_forward: 1}
    iptables:
      publish: [{port: 8080, to: "172.17.1.2:80"}]
`} {
		onEachBackend(t, func(l lab) {
			l.sh("ip link add eth0 type bridge; ip address add 172.17.0.1/16 dev eth0")
			withSysctls := spec.Language{Namespace: append(Keys(), sysctl.NamespaceKey())}
			want := &spec.Set{}
			for _, r := range conform.Read(l.T, withSysctls, "namespaces:\n  lab:"+declared) {
				// The lab has the kinds of iptables only.
				if _, is := r.(Resource); is {
					want.Add(r)
				}
			}
			named := map[string]spec.Namespace{"lab": {Name: "lab", Selector: spec.Selector{Scheme: "name", Value: "lab"}}}
			l.engine.Want(&spec.Desired{Namespaces: named, Resources: want}, true)
			l.engine.Converge(l.Context())
			if status := l.engine.Status(nil); status.State != reconcile.Converged {
				l.Fatalf("%+v", status.Resources)
			}
			without := regexp.MustCompile(`(?m)^    sysctls.*\n`).ReplaceAllString(declared, "")
			if d := cmp.Diff("version: 1\n\nnamespaces:\n  lab:"+without, l.shown()); d != "" {
				l.Errorf("shown (-declared +shown):\n%s", d)
			}
		})
	}
}

func TestOthersRulesAreCounted(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh(`iptables -t nat -A POSTROUTING -j MASQUERADE
iptables -t nat -A PREROUTING -j ACCEPT
iptables -t mangle -N OURS
iptables -t mangle -A OURS -j ACCEPT
iptables -t nat -N LINKD-POSTROUTING
iptables -t nat -A LINKD-POSTROUTING -p tcp -j MASQUERADE`)
		const want = `version: 1

namespaces:
  # not shown: rules in the table nat of iptables that linkd did not make: 2
  # not shown: rules in the table mangle of iptables that linkd did not make: 1
  # the chain LINKD-POSTROUTING in the table nat of iptables is not quite what is made of this
  lab:
    iptables:
      policies: {OUTPUT: ACCEPT}
`
		if d := cmp.Diff(want, l.shown("iptables/policy/OUTPUT")); d != "" {
			t.Errorf("shown (-want +got):\n%s", d)
		}
	})
}

// linkd reports what iptables cannot read, and shows the rest.
func TestAForeignTableIsSaid(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("nft add table ip nat; nft add chain ip nat x; nft add rule ip nat x meta mark set 7 counter; iptables -P FORWARD DROP")
		if text := l.shown(); t.Name() == "TestAForeignTableIsSaid/nft" {
			const want = `version: 1

namespaces:
  # not shown: what is in iptables nat: the table nat holds rules of nft that iptables cannot read
  lab:
    iptables:
      policies: {FORWARD: DROP}
`
			if d := cmp.Diff(want, text); d != "" {
				t.Errorf("shown (-want +got):\n%s", d)
			}
		}
	})
}
