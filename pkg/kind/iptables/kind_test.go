package iptables

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestIptablesConform(t *testing.T) {
	const rules = "masquerade: [{out: eth0}, {out: eth1}], forward: [{in: eth0}], rules: [{table: raw, chain: OUTPUT, args: [-j, NOTRACK]}]"
	read := func(family, policy string) []spec.Resource {
		return conform.Read(t, language, "namespaces: {lab: {"+family+": {policies: {FORWARD: "+policy+"}, "+rules+"}}}")
	}
	for family, k := range map[string]reconcile.Registered{"iptables": Kind, "ip6tables": Kind6} {
		var changes []conform.Change
		for _, r := range read(family, "ACCEPT") {
			if _, is := r.(*Policy); is {
				changes = append(changes, conform.To(r, "policy: DROP -> ACCEPT"))
			}
		}
		t.Run(family, func(t *testing.T) {
			conform.Conform(t, k, conform.Example{Want: read(family, "DROP"), Changes: changes})
		})
	}
}

const everything = `
iptables: {
  policies: {FORWARD: ACCEPT},
  masquerade: [{source: 172.17.0.0/16, out: "!docker0"}, {source: 10.0.0.1, destination: 10.1.0.0/16, out: veth+}, {out: "x#y"}],
  forward: [
    {in: docker0, out: "!docker0", source: 172.17.0.0/16, destination: 10.0.0.1, protocol: tcp, port: 8000-8010},
    {in: a, protocol: udp, port: 53}, {source: 10.0.0.0/8, protocol: icmp}, {protocol: gre}, {protocol: esp}, {protocol: sctp, port: 5},
    {in: "!b", action: DROP}, {out: c+, action: REJECT}],
  publish: [
    {port: 8080, to: "172.17.1.2:80"}, {port: 8000-8010, protocol: udp, to: 172.17.1.2},
    {address: 192.0.2.1, port: 53, protocol: udp, to: "172.17.1.3:5353"}, {address: 127.0.0.1, port: 9, to: 172.17.1.2}],
  rules: [
    {chain: INPUT, args: [-p, tcp, --dport, 22, -m, comment, --comment, it's mine, -j, ACCEPT]},
    {table: raw, chain: PREROUTING, args: [--source, 10.0.0.0/255.0.0.0, --jump, NOTRACK]},
    {table: mangle, chain: FORWARD, args: [-p, tcp, --tcp-flags, "SYN,RST", SYN, -j, TCPMSS, --clamp-mss-to-pmtu]}]}
`

const everything6 = `
ip6tables: {
  policies: {FORWARD: ACCEPT},
  masquerade: [{source: "fd00::/8", destination: "::1.2.3.4", out: "!br0"}, {source: "::ffff:1.2.3.4"}, {destination: "1:0:2::/64"}],
  forward: [
    {in: docker0, out: "!docker0", source: "fd00::/8", destination: "::1.2.3.4", protocol: tcp, port: 8000-8010},
    {source: "1:0:2::/64", protocol: icmpv6}, {protocol: gre}, {protocol: esp}, {in: "!b", action: DROP}, {out: c+, action: REJECT}],
  publish: [
    {port: 8080, to: "[fd00::2]:80"}, {port: 8000-8010, protocol: udp, to: "[fd00::2]"},
    {address: "::1.2.3.4", port: 53, protocol: udp, to: "[1:0:2::3]:5353"}],
  rules: [
    {chain: INPUT, args: [-p, ipv6-icmp, -j, ACCEPT]}, {table: nat, chain: POSTROUTING, args: [-d, "fd00::/8", -j, RETURN]}]}
`

// iptables prints what linkd wrote, with either backend and family: a second pass finds no difference.
func TestEverythingIsReadAsItWasWritten(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; ip link add br0 type bridge; ip link set br0 up; ip address add 172.17.0.1/16 dev br0; ip address add fd00::1/64 dev br0 nodad")
		l.is(l.wants(everything+","+everything6), `
+ lab/iptables/filter/LINKD-FORWARD
+ lab/iptables/filter/LINKD-INPUT
+ lab/iptables/mangle/LINKD-FORWARD
+ lab/iptables/nat/LINKD-OUTPUT
+ lab/iptables/nat/LINKD-POSTROUTING
+ lab/iptables/nat/LINKD-PREROUTING
+ lab/iptables/raw/LINKD-PREROUTING
+ lab/ip6tables/filter/LINKD-FORWARD
+ lab/ip6tables/filter/LINKD-INPUT
+ lab/ip6tables/nat/LINKD-OUTPUT
+ lab/ip6tables/nat/LINKD-POSTROUTING
+ lab/ip6tables/nat/LINKD-PREROUTING
`)
	})
}

func TestRepair(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("iptables -t nat -A POSTROUTING -o foreign0 -j ACCEPT; iptables -t nat -N MINE; iptables -t nat -A MINE -m comment --comment 'two \" words' -j ACCEPT")
		const a, b = "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", "-o b -j MASQUERADE"
		const keys = `iptables: {policies: {FORWARD: ACCEPT}, masquerade: [{source: 172.17.0.0/16, out: "!docker0"}, {out: b}], rules: [{chain: OUTPUT, args: [-j, LOG]}]}`
		l.is(l.wants(keys), `
+ lab/iptables/filter/LINKD-OUTPUT
+ lab/iptables/nat/LINKD-POSTROUTING
lab/iptables/nat/LINKD-POSTROUTING ok: nothing is forwarded: net.ipv4.ip_forward is 0
`)
		right, rightNat := l.rules("iptables", "filter"), l.rules("iptables", "nat")
		jump := (&Chain{NS: "lab", Family: "iptables", Name: "LINKD-POSTROUTING"}).jump().String()
		for _, fault := range []struct{ by, seen string }{
			{"-F LINKD-POSTROUTING", "rule 1: (none) -> " + a + ", rule 2: (none) -> " + b},
			{"-D LINKD-POSTROUTING 1", "rule 1: (none) -> " + a},
			{"-A LINKD-POSTROUTING -j ACCEPT", "rule 3: -j ACCEPT -> (none)"},
			{"-I LINKD-POSTROUTING -m comment --comment 'a \" b\n*filter' -j ACCEPT", `rule 1: -m comment --comment "a \" b?*filter" -j ACCEPT -> (none)`},
			{"-R LINKD-POSTROUTING 2 -o eth0 -m comment --comment linkd:000000000000 -j MASQUERADE", "rule 2: -o eth0 -j MASQUERADE -> " + b},
			{"-R LINKD-POSTROUTING 2 -o b -j MASQUERADE", "rule 2: -o b -j MASQUERADE -> " + `-m comment --comment "linkd:lab/iptables/masquerade 691e7d022827" -o b -j MASQUERADE`},
			{"-D POSTROUTING " + jump, "jump from: (none) -> POSTROUTING"},
			{"-A POSTROUTING " + jump, "jump from: POSTROUTING, POSTROUTING -> POSTROUTING"},
		} {
			l.sh("iptables -t nat " + fault.by)
			if did := l.wants(keys); !strings.HasPrefix(did, "~ lab/iptables/nat/LINKD-POSTROUTING  ("+fault.seen+")\n") {
				l.Errorf("%s was seen as %s", fault.by, did)
			}
			// The position of a jump among the others does not matter.
			if diff := cmp.Diff(sorted(rightNat), sorted(l.rules("iptables", "nat"))); diff != "" {
				l.Errorf("after %s: %s", fault.by, diff)
			}
		}
		l.sh("iptables -F; iptables -X; iptables -t nat -D POSTROUTING " + jump + "; iptables -t nat -F LINKD-POSTROUTING; iptables -t nat -X LINKD-POSTROUTING")
		if did := l.wants(keys); !strings.HasPrefix(did, "+ lab/iptables/filter/LINKD-OUTPUT\n+ lab/iptables/nat/LINKD-POSTROUTING\n") {
			l.Error(did)
		}
		l.is(l.rules("iptables", "filter"), right)
		if diff := cmp.Diff(sorted(rightNat), sorted(l.rules("iptables", "nat"))); diff != "" {
			l.Error(diff)
		}
	})
}

func sorted(text string) map[string]int {
	lines := map[string]int{}
	for _, line := range strings.Split(text, "\n") {
		lines[line]++
	}
	return lines
}

func TestDelete(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("iptables -t nat -A POSTROUTING -o foreign0 -j ACCEPT; iptables -A FORWARD -j ACCEPT")
		nat, filter := l.rules("iptables", "nat"), l.rules("iptables", "filter")
		l.wants(everything)
		jump := (&Chain{NS: "lab", Family: "iptables", Name: "LINKD-POSTROUTING"}).jump().String()
		l.sh("iptables -t nat -A POSTROUTING " + jump)
		for _, gone := range []string{`
- lab/iptables/raw/LINKD-PREROUTING
- lab/iptables/nat/LINKD-PREROUTING
- lab/iptables/nat/LINKD-POSTROUTING
- lab/iptables/nat/LINKD-OUTPUT
- lab/iptables/mangle/LINKD-FORWARD
- lab/iptables/filter/LINKD-INPUT
- lab/iptables/filter/LINKD-FORWARD
`, ""} {
			did := strings.Split(l.wants(""), "\n")
			if want := strings.Split(strings.TrimPrefix(gone, "\n"), "\n"); cmp.Diff(sorted(strings.Join(want, "\n")), sorted(strings.Join(did, "\n"))) != "" {
				l.Errorf("did %s", did)
			}
			l.is(l.rules("iptables", "nat"), nat)
			l.is(l.rules("iptables", "filter"), filter)
		}
	})
}

// A foreign jump to linkd's chain stays.
func TestAChainThatOthersJumpToStaysEmpty(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.wants("iptables: {masquerade: [{out: eth0}]}")
		l.sh("iptables -t nat -A POSTROUTING -o foreign1 -j LINKD-POSTROUTING")
		l.is(l.wants(""), `
- lab/iptables/nat/LINKD-POSTROUTING
lab/iptables/nat/LINKD-POSTROUTING failed: delete lab/iptables/nat/LINKD-POSTROUTING: rules that are not linkd's jump there, in POSTROUTING: it stays, empty
`)
		if have := l.rules("iptables", "nat"); strings.Contains(have, "-A LINKD-") || strings.Contains(have, ownMark) {
			l.Error(have)
		}
		l.sh("iptables -t nat -F POSTROUTING")
		l.is(l.wants(""), "- lab/iptables/nat/LINKD-POSTROUTING\n")
	})
}

func TestPolicy(t *testing.T) {
	onEachBackend(t, func(l lab) {
		for _, family := range []string{"iptables", "ip6tables"} {
			l.is(l.wants(family+": {policies: {FORWARD: DROP}}"), "~ lab/"+family+"/policy/FORWARD  (policy: ACCEPT -> DROP)\n")
			l.is(l.wants(""), "~ lab/"+family+"/policy/FORWARD  (policy: DROP -> ACCEPT, put back)\n")
		}
	})
}

// Reading rules must not create tables.
func TestLookMakesNothing(t *testing.T) {
	onEachBackend(t, func(l lab) {
		const tables = "cat /proc/self/net/ip_tables_names /proc/self/net/ip6_tables_names 2>/dev/null || :; nft list tables"
		before := l.sh(tables)
		for _, r := range conform.Read(t, language, "namespaces: {lab: {"+everything+","+everything6+"}}") {
			found, err := kindOf(r).observeWanted(l.Context(), l.open(), []Resource{r.(Resource)})
			conform.Must(l, err)
			for _, f := range found {
				if p, is := f.(*Policy); !is || p.Target != "ACCEPT" {
					l.Errorf("have %+v", f)
				}
			}
		}
		l.is(l.sh(tables), before)
	})
}

func TestErrors(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.wants("iptables: {rules: [{chain: INPUT, args: [-j, ACCEPT]}]}")
		before := l.rules("iptables", "filter")
		for args, message := range map[string]string{
			"-m, nosuchmatch, -j, DROP":         "-m nosuchmatch -j DROP: Couldn't load match `nosuchmatch':No such file or directory",
			"--dport, 80":                       `--dport 80: unknown option "--dport"`,
			"-p, tcp, --dport, http80":          "-p tcp --dport http80: invalid port/service `http80' specified",
			"-j, REJECT, --reject-with, nobody": `-j REJECT --reject-with nobody: unknown reject type "nobody"`,
		} {
			did := l.wants("iptables: {rules: [\n{chain: INPUT, args: [-j, ACCEPT]},\n{chain: INPUT, args: [" + args + "]}, {chain: OUTPUT, args: [-j, ACCEPT]}]}")
			for _, chain := range []string{"update lab/iptables/filter/LINKD-INPUT", "create lab/iptables/filter/LINKD-OUTPUT"} {
				want := fmt.Sprintf("%s: a.yaml:3: iptables-restore refuses %s (exit status 2); the table filter stays as it was\n", chain, message)
				if !strings.Contains(did, want) {
					l.Errorf("have %s, want %s", did, want)
				}
			}
			l.is(l.rules("iptables", "filter"), before)
		}
		// For an error of the kernel, the legacy programs do not report the line.
		did := l.wants("iptables: {rules: [\n{chain: INPUT, args: [-j, ACCEPT]},\n{chain: INPUT, args: [-j, MASQUERADE]}]}")
		if !strings.Contains(did, ": a.yaml:3: iptables-restore refuses ") || !strings.Contains(did, "the table filter stays as it was\n") {
			l.Error(did)
		}
		l.is(l.rules("iptables", "filter"), before)
		l.is(l.wants("iptables: {rules: [{chain: INPUT, args: [-j, ACCEPT]}]}"), "")
	})
}

func TestNoIptables(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.Setenv("PATH", l.TempDir())
		did := l.wants("iptables: {masquerade: [{out: eth0}]}")
		if !strings.HasPrefix(did, "lab/iptables/nat/LINKD-POSTROUTING failed: look at iptables in lab: iptables is not installed: ") {
			l.Error(did)
		}
		l.is(l.wants(""), "")
	})
}

// linkd does not take a table with nft rules that iptables cannot express for an empty one.
func TestTableOfNft(t *testing.T) {
	onEachBackend(t, func(l lab) {
		if l.backend == "legacy" {
			return // It has tables of its own.
		}
		l.sh("nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; }; add rule ip filter FORWARD ip saddr { 10.0.0.0/8 } numgen random mod 2 0 accept'")
		l.is(l.wants("iptables: {policies: {FORWARD: DROP}}"),
			"lab/iptables/policy/FORWARD failed: look at iptables in lab: the table filter holds rules of nft that iptables cannot read\n")
		l.is(l.wants("iptables: {masquerade: [{out: eth0}]}"),
			"+ lab/iptables/nat/LINKD-POSTROUTING\nlab/iptables/nat/LINKD-POSTROUTING ok: nothing is forwarded: net.ipv4.ip_forward is 0\n")
	})
}

// A name with a quote makes only its own table unreadable.
func TestTableWithAQuote(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh(`iptables -t mangle -A FORWARD -i 'a"b' -j ACCEPT; echo 1 >/proc/sys/net/ipv4/ip_forward`)
		l.is(l.wants("iptables: {masquerade: [{out: eth0}], rules: [{chain: INPUT, args: [-j, LOG]}]}"),
			"+ lab/iptables/filter/LINKD-INPUT\n+ lab/iptables/nat/LINKD-POSTROUTING\n")
		l.is(l.wants("iptables: {rules: [{table: mangle, chain: INPUT, args: [-j, LOG]}]}"),
			"lab/iptables/mangle/LINKD-INPUT failed: look at iptables in lab: the table mangle cannot be read: a quote has no end\n")
	})
}

// Flushing nf_tables also removes the tables.
func TestFlushRuleset(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
		const keys = "iptables: {policies: {FORWARD: DROP}, masquerade: [{out: eth0}]}"
		l.wants(keys)
		l.sh("nft flush ruleset")
		want := "+ lab/iptables/nat/LINKD-POSTROUTING\n~ lab/iptables/policy/FORWARD  (policy: ACCEPT -> DROP)\n"
		if l.backend == "legacy" {
			want = ""
		}
		l.is(l.wants(keys), want)
	})
}

// All namespaces share the lock: a program that holds it makes linkd wait, but only once, and not for long.
func TestLock(t *testing.T) {
	onEachBackend(t, func(l lab) {
		if l.backend != "legacy" {
			return // The nft backend has no lock.
		}
		begun := time.Now()
		file, err := os.Create(lockFile)
		conform.Must(l, err)
		defer file.Close()
		conform.Must(l, unix.Flock(int(file.Fd()), unix.LOCK_EX))
		const rounds = 20
		for range rounds {
			did := l.wants("iptables: {masquerade: [{out: eth0}], forward: [{in: eth0}]}")
			if !strings.Contains(did, "lab/iptables/filter/LINKD-FORWARD failed: create lab/iptables/filter/LINKD-FORWARD: iptables-restore: somebody keeps the xtables lock\n") {
				l.Error(did)
			}
			if !lock.isKept() {
				l.Error("it would be waited for again")
			}
		}
		// Waiting once takes a twentieth of waiting every time.
		if took := time.Since(begun); took > rounds*lockWait*time.Second/2 {
			l.Errorf("it was waited for again and again: %d rounds took %v", rounds, took)
		}
		conform.Must(l, unix.Flock(int(file.Fd()), unix.LOCK_UN))
		l.is(l.wants("iptables: {forward: [{action: DROP}]}"), "+ lab/iptables/filter/LINKD-FORWARD\nlab/iptables/filter/LINKD-FORWARD ok: nothing is forwarded: net.ipv4.ip_forward is 0\n")
	})
}
