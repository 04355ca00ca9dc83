package iptables

import "testing"

// linkd leaves out a masquerade rule while a foreign rule before its jump does the same.
func TestOthersMasquerade(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
		const (
			keys = `iptables: {masquerade: [{source: 172.17.0.0/16, out: "!docker0"}, {source: 10.8.0.0/24}], forward: [{in: br0}]}`
			rule = "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"
			mine = "-s 10.8.0.0/24 -j MASQUERADE"
			said = "lab/iptables/nat/LINKD-POSTROUTING ok: left out, because a rule in POSTROUTING itself does it: " + rule + "\n"
		)
		rules := func() string {
			return l.sh(`iptables -t nat -S LINKD-POSTROUTING | sed -n 's/^-A LINKD-POSTROUTING \(.*\) -m comment.* -j/\1 -j/p'`)
		}
		l.is(l.wants(keys), "+ lab/iptables/filter/LINKD-FORWARD\n+ lab/iptables/nat/LINKD-POSTROUTING\n")
		l.is(rules(), rule+"\n"+mine+"\n")
		for _, step := range []struct{ by, did, rules string }{
			// A rule behind linkd's jump decides nothing, and a rule with a difference does not count.
			{"iptables -t nat -A POSTROUTING " + rule, "", rule + "\n" + mine + "\n"},
			{"iptables -t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -p tcp -j MASQUERADE", "", rule + "\n" + mine + "\n"},
			{"iptables -t nat -I POSTROUTING " + rule,
				"~ lab/iptables/nat/LINKD-POSTROUTING  (rule 1: " + rule + " -> (none))\n" + said, mine + "\n"},
			{"", said, mine + "\n"},
			{"iptables -t nat -D POSTROUTING " + rule,
				"~ lab/iptables/nat/LINKD-POSTROUTING  (rule 1: (none) -> " + rule + ")\n", rule + "\n" + mine + "\n"},
			// linkd's jump may be created after the rule.
			{"iptables -t nat -F POSTROUTING; iptables -t nat -A POSTROUTING " + rule,
				"~ lab/iptables/nat/LINKD-POSTROUTING  (rule 1: " + rule + " -> (none), jump from: (none) -> POSTROUTING)\n" + said, mine + "\n"},
		} {
			l.sh(step.by)
			l.is(l.wants(keys), step.did)
			l.is(rules(), step.rules)
		}
	})
}
