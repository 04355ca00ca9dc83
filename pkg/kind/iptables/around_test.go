package iptables

import (
	"strings"
	"testing"
)

// The jump for FORWARD precedes Docker's rules, wherever they are.
func TestDockerComesAndGoes(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("echo 1 >/proc/sys/net/ipv4/ip_forward; iptables -A FORWARD -s 192.0.2.1 -j DROP")
		const keys = "iptables: {forward: [{in: eth0}]}"
		jumps := func() string {
			out := l.sh("iptables -S | grep -e '^-A FORWARD' -e '^-A DOCKER-USER'")
			return strings.ReplaceAll(out, ` -m comment --comment "linkd:lab/iptables 842e28ccd8fa"`, "")
		}
		l.is(l.wants(keys), "+ lab/iptables/filter/LINKD-FORWARD\n")
		l.is(jumps(), "-A FORWARD -j LINKD-FORWARD\n-A FORWARD -s 192.0.2.1/32 -j DROP\n")

		stand := ""
		for _, step := range []struct{ by, did, jumps string }{
			// Docker creates the chain, and then the jump to it.
			{"iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN",
				"jump from: FORWARD -> DOCKER-USER, FORWARD",
				"-A FORWARD -j LINKD-FORWARD\n-A FORWARD -s 192.0.2.1/32 -j DROP\n-A DOCKER-USER -j LINKD-FORWARD\n-A DOCKER-USER -j RETURN\n"},
			{"iptables -P FORWARD DROP; iptables -I FORWARD -j DOCKER-USER",
				"jump from: DOCKER-USER, FORWARD -> DOCKER-USER",
				"-A FORWARD -j DOCKER-USER\n-A FORWARD -s 192.0.2.1/32 -j DROP\n-A DOCKER-USER -j LINKD-FORWARD\n-A DOCKER-USER -j RETURN\n"},
			// Docker restarts.
			{"iptables -D FORWARD -j DOCKER-USER; iptables -I FORWARD -j DOCKER-USER", "", "="},
			{"iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN",
				"jump from: (none) -> DOCKER-USER", "="},
			{"iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN; iptables -A DOCKER-USER -m comment --comment 'linkd:lab/iptables 842e28ccd8fa' -j LINKD-FORWARD",
				"jump from: DOCKER-USER behind its RETURN -> DOCKER-USER", "="},
			// A rule that an administrator inserts before the jump stays there.
			{"iptables -I DOCKER-USER -s 192.0.2.9 -j DROP", "",
				"-A FORWARD -j DOCKER-USER\n-A FORWARD -s 192.0.2.1/32 -j DROP\n-A DOCKER-USER -s 192.0.2.9/32 -j DROP\n-A DOCKER-USER -j LINKD-FORWARD\n-A DOCKER-USER -j RETURN\n"},
			{"iptables -D FORWARD -j DOCKER-USER; iptables -F DOCKER-USER; iptables -X DOCKER-USER",
				"jump from: (none) -> FORWARD", "-A FORWARD -j LINKD-FORWARD\n-A FORWARD -s 192.0.2.1/32 -j DROP\n"},
		} {
			l.sh(step.by)
			want := ""
			if step.did != "" {
				want = "~ lab/iptables/filter/LINKD-FORWARD  (" + step.did + ")\n"
			}
			l.is(l.wants(keys), want)
			if step.jumps != "=" {
				stand = step.jumps
			}
			l.is(jumps(), stand)
		}
	})
}

// The subnet of a published target determines which sources need replies through this namespace, and it may change.
func TestThoseBesideATarget(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; ip link add br0 type bridge; ip link set br0 up")
		const keys = `iptables: {publish: [{port: 80, to: 172.17.1.2}]}, ip6tables: {publish: [{port: 80, to: "[fd00::2]"}]}`
		sources := func() string {
			return l.sh("(iptables-save -t nat; ip6tables-save -t nat) | sed -n 's/^-A LINKD-POSTROUTING -s \\([^ ]*\\) .*/\\1/p'")
		}
		l.wants(keys)
		l.is(sources(), "172.17.1.2/32\nfd00::2/128\n")
		l.sh("ip address add 172.17.0.1/16 dev br0; ip address add fd00::1/64 dev br0 nodad")
		const connection = "-m conntrack --ctstate DNAT --ctproto 6 --ctreplsrc 172.17.1.2 --ctorigdstport 80 --ctreplsrcport 80 -j MASQUERADE"
		connection6 := strings.ReplaceAll(connection, "172.17.1.2", "fd00::2")
		l.is(l.wants(keys), "~ lab/iptables/nat/LINKD-POSTROUTING  (rule 1: -s 172.17.1.2/32 "+connection+" -> -s 172.17.0.0/16 "+connection+")\n"+
			"~ lab/ip6tables/nat/LINKD-POSTROUTING  (rule 1: -s fd00::2/128 "+connection6+" -> -s fd00::/64 "+connection6+")\n")
		l.is(sources(), "172.17.0.0/16\nfd00::/64\n")
		// The narrowest subnet counts, because its route does, and the address of a peer is no subnet.
		l.sh("ip address add 172.17.1.1/24 dev br0; ip address add 10.0.0.1 peer 172.17.1.2/32 dev br0")
		l.wants(keys)
		l.is(sources(), "172.17.1.0/24\nfd00::/64\n")
		l.sh("ip address flush dev br0")
		l.wants(keys)
		l.is(sources(), "172.17.1.2/32\nfd00::2/128\n")
	})
}

// linkd reports what keeps rules from working and is not linkd's to change.
func TestRemarks(t *testing.T) {
	onEachBackend(t, func(l lab) {
		const policy = "the policy of FORWARD is DROP, so only what a rule accepts is forwarded: see forward, or policies"
		l.sh("iptables -P FORWARD DROP; echo 1 >/proc/sys/net/ipv4/ip_forward")
		for keys, want := range map[string]string{
			"masquerade: [{out: eth0}]":                                  "lab/iptables/nat/LINKD-POSTROUTING ok: " + policy + "\n",
			"masquerade: [{out: eth0}], forward: [{in: eth1}]":           "",
			"rules: [{table: nat, chain: POSTROUTING, args: [-j, LOG]}]": "",
		} {
			if _, remarks, _ := strings.Cut(l.wants("iptables: {"+keys+"}"), "ok: "); !strings.Contains(want, remarks) || (want == "") != (remarks == "") {
				l.Errorf("%s: have %q, want %q", keys, remarks, want)
			}
		}
		l.sh("echo 0 >/proc/sys/net/ipv4/ip_forward")
		for keys, want := range map[string]bool{
			"forward: [{in: eth0}]":                      true,
			"publish: [{port: 80, to: 172.17.1.2}]":      true,
			"rules: [{chain: FORWARD, args: [-j, LOG]}]": false,
			"policies: {INPUT: ACCEPT}":                  false,
		} {
			if did := l.wants("iptables: {" + keys + "}"); strings.Contains(did, "ok: nothing is forwarded: net.ipv4.ip_forward is 0") != want {
				l.Errorf("%s: %s", keys, did)
			}
		}
		if did := l.wants("ip6tables: {forward: [{in: eth0}]}"); !strings.Contains(did, "ok: nothing is forwarded: net.ipv6.conf.all.forwarding is 0\n") {
			l.Error(did)
		}
	})
}

// FAULTS 22: linkd leaves rules in the other backend alone, creates no table to read them, and reports them.
func TestBothBackends(t *testing.T) {
	onEachBackend(t, func(l lab) {
		other := map[string]string{"nft": "legacy", "legacy": "nft"}[l.backend]
		save := "iptables-" + other + "-save -c | grep -v '^#' || :"
		const keys = "iptables: {policies: {FORWARD: DROP}, rules: [{chain: INPUT, args: [-j, LOG]}]}"
		remark := "ok: there are rules in the " + other + " backend of iptables too, which is not the one in use here: what they drop, no rule here can let through\n"
		if did := l.wants(keys); strings.Contains(did, "ok: ") {
			l.Error(did)
		}
		// An empty table is not in use: listing rules with the legacy programs creates one.
		l.sh("iptables-" + other + " -t nat -S")
		l.is(l.wants(keys), "")
		l.sh("iptables-" + other + " -N THEIRS; iptables-" + other + " -A THEIRS -j DROP")
		before := l.sh(save)
		l.is(l.wants(keys), "lab/iptables/filter/LINKD-INPUT "+remark+"lab/iptables/policy/FORWARD "+remark)
		l.is(l.sh(save), before)
		l.wants("")
		l.is(l.sh(save), before)
		l.sh("iptables-" + other + " -F; iptables-" + other + " -X")
		if did := l.wants(keys); strings.Contains(did, "ok: ") {
			l.Error(did)
		}
	})
}
