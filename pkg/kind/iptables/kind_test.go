package iptables

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestIptablesConform(t *testing.T) {
	read := func(family, policy string) []spec.Resource {
		return conform.Read(t, language, "namespaces: {lab: {"+family+": {policies: {FORWARD: "+policy+"}, masquerade: [{out: eth0}, {out: eth1}]}}}")
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

// lab is a network namespace, and the programs of one backend under the names by which linkd knows them.
type lab struct {
	*testing.T
	ns *observe.NS
}

// onEachBackend runs a test in a new namespace for each backend.
func onEachBackend(t *testing.T, test func(l lab)) {
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			inside := conform.Open(t)
			dir := t.TempDir()
			for _, program := range []string{"iptables", "ip6tables"} {
				for _, tool := range []string{"", "-save", "-restore"} {
					real, err := exec.LookPath(program + "-" + backend + tool)
					if err != nil {
						t.Skip(err)
					}
					if err := os.Symlink(real, filepath.Join(dir, program+tool)); err != nil {
						t.Fatal(err)
					}
				}
			}
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			test(lab{t, inside.NS})
		})
	}
}

// sh runs commands in the namespace and returns what they print.
func (l lab) sh(script string) string {
	l.Helper()
	var out []byte
	err := l.ns.Do(func() (err error) {
		out, err = exec.Command("sh", "-ec", script).Output()
		return err
	})
	if err != nil {
		l.Fatalf("%s: %v", script, err)
	}
	return string(out)
}

// want is the one resource with that key that the text declares.
func (l lab) want(key, text string) (kind, Resource) {
	l.Helper()
	for _, r := range conform.Read(l.T, language, "namespaces: {lab: {"+text+"}}") {
		for _, f := range []family{ipv4, ipv6} {
			if r.ID() == (spec.ID{NS: "lab", Kind: f.name, Key: key}) {
				return kind{f}, r.(Resource)
			}
		}
	}
	l.Fatalf("no %s in %s", key, text)
	return kind{}, nil
}

func (l lab) find(k kind, want Resource) Resource {
	l.Helper()
	found, err := k.ObserveWanted(context.Background(), l.ns, []Resource{want})
	if err != nil {
		l.Fatal(err)
	}
	for _, r := range found {
		if r.ID() == want.ID() {
			return r
		}
	}
	return nil
}

// converge does what a pass does, and returns what it found to do.
func (l lab) converge(k kind, want Resource) string {
	l.Helper()
	have := l.find(k, want)
	if have == nil {
		if err := k.Create(context.Background(), l.ns, want); err != nil {
			l.Fatal(err)
		}
	} else if why := k.Diff(want, have); len(why) == 0 {
		return ""
	} else if err := k.Update(context.Background(), l.ns, want, have); err != nil {
		l.Fatal(err)
	} else {
		defer l.settled(k, want)
		return fmt.Sprint(why)
	}
	l.settled(k, want)
	return "create"
}

func (l lab) settled(k kind, want Resource) {
	l.Helper()
	have := l.find(k, want)
	if have == nil {
		l.Fatalf("%s is not there", want.ID())
	}
	if why := k.Diff(want, have); len(why) > 0 {
		l.Errorf("still to do: %v", why)
	}
}

const (
	masquerade4 = `iptables: {masquerade: [{source: 172.17.0.0/16, out: "!docker0"}, {source: 10.0.0.1, destination: 10.1.0.0/16, out: veth+}, {out: "x#y"}]}`
	masquerade6 = `ip6tables: {masquerade: [{source: "fd00::/8", destination: "::1.2.3.4", out: "!br0"}, {source: "::ffff:1.2.3.4"}, {destination: "1:0:2::/64"}]}`
	postrouting = "nat/LINKD-POSTROUTING"
)

// What iptables prints is what linkd wrote, whatever the backend and the family.
func TestMasquerade(t *testing.T) {
	onEachBackend(t, func(l lab) {
		for _, text := range []string{masquerade4, masquerade6} {
			k, want := l.want(postrouting, text)
			if did := l.converge(k, want); did != "create" {
				l.Errorf("did %s", did)
			}
			if did := l.converge(k, want); did != "" {
				l.Errorf("did %s though nothing was to do", did)
			}
		}
	})
}

func TestRepair(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("iptables -t nat -A POSTROUTING -o foreign0 -j ACCEPT; iptables -t nat -N MINE; iptables -t nat -A MINE -m comment --comment 'two \" words' -j ACCEPT")
		k, want := l.want(postrouting, masquerade4)
		l.converge(k, want)
		right := l.sh("iptables-save -t nat | grep -v '^#'")
		jump := want.(*Chain).jump().String()
		for _, fault := range []string{
			"iptables -t nat -F LINKD-POSTROUTING",
			"iptables -t nat -D LINKD-POSTROUTING 1",
			"iptables -t nat -A LINKD-POSTROUTING -j ACCEPT",
			"iptables -t nat -I LINKD-POSTROUTING -m comment --comment 'a \" b\n*filter' -j ACCEPT",
			"iptables -t nat -R LINKD-POSTROUTING 2 -o eth0 -m comment --comment linkd:000000000000 -j MASQUERADE",
			"iptables -t nat -D POSTROUTING " + jump,
			"iptables -t nat -A POSTROUTING " + jump,
			"iptables -t nat -A POSTROUTING " + jump + "; iptables -t nat -A POSTROUTING " + jump + "; iptables -t nat -F LINKD-POSTROUTING",
			"iptables -t nat -D POSTROUTING " + jump + "; iptables -t nat -F LINKD-POSTROUTING; iptables -t nat -X LINKD-POSTROUTING",
		} {
			l.sh(fault)
			if did := l.converge(k, want); did == "" {
				l.Errorf("%s was not seen", fault)
			}
			// Where among the others a jump stands is not compared.
			if diff := cmp.Diff(sorted(right), sorted(l.sh("iptables-save -t nat | grep -v '^#'"))); diff != "" {
				l.Errorf("after %s: %s", fault, diff)
			}
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

// A rule that stays keeps its counters when others change.
func TestCounters(t *testing.T) {
	onEachBackend(t, func(l lab) {
		k, want := l.want(postrouting, `iptables: {masquerade: [{out: a}, {out: b}]}`)
		l.converge(k, want)
		l.sh("iptables -t nat -R LINKD-POSTROUTING 2 -c 7 420 " + want.(*Chain).Rules[1].String())
		k, want = l.want(postrouting, `iptables: {masquerade: [{out: b}, {out: c}]}`)
		l.converge(k, want)
		if have := l.sh("iptables-save -c -t nat"); !strings.Contains(have, "[7:420] -A LINKD-POSTROUTING -o b ") {
			l.Error(have)
		}
	})
}

func TestDelete(t *testing.T) {
	onEachBackend(t, func(l lab) {
		ctx := context.Background()
		l.sh("iptables -t nat -A POSTROUTING -o foreign0 -j ACCEPT")
		before := l.sh("iptables-save -t nat | grep -v '^#'")
		k, want := l.want(postrouting, masquerade4)
		l.converge(k, want)
		l.sh("iptables -t nat -A POSTROUTING " + want.(*Chain).jump().String())
		for range 2 {
			if err := k.Delete(ctx, l.ns, want); err != nil {
				l.Fatal(err)
			}
			if diff := cmp.Diff(before, l.sh("iptables-save -t nat | grep -v '^#'")); diff != "" {
				l.Error(diff)
			}
		}
		l.converge(k, want)
		l.sh("iptables -t nat -A POSTROUTING -o foreign1 -j LINKD-POSTROUTING")
		if err := k.Delete(ctx, l.ns, want); err == nil || !strings.Contains(err.Error(), "not linkd's") {
			l.Errorf("have %v", err)
		}
		if have := l.find(k, want).(*Chain); len(have.Rules) != 0 || have.Jumps != 0 {
			l.Errorf("%+v is in the way", have)
		}
	})
}

func TestPolicy(t *testing.T) {
	onEachBackend(t, func(l lab) {
		for _, text := range []string{"iptables: {policies: {FORWARD: DROP}}", "ip6tables: {policies: {FORWARD: DROP}}"} {
			k, want := l.want("policy/FORWARD", text)
			have := l.find(k, want)
			before, ok := k.Before(want, have)
			if !ok || before != "ACCEPT" {
				l.Fatalf("before is %s, %v", before, ok)
			}
			if did := l.converge(k, want); did != "[policy: ACCEPT -> DROP]" {
				l.Errorf("did %s", did)
			}
			if did := l.converge(k, k.Prior(l.find(k, want), before)); did != "[policy: DROP -> ACCEPT]" {
				l.Errorf("did %s", did)
			}
			if p := l.find(k, want).(*Policy); p.Target != "ACCEPT" || k.Owned(p) {
				l.Errorf("have %+v", p)
			}
		}
	})
}

// To look must not make tables.
func TestLookMakesNothing(t *testing.T) {
	onEachBackend(t, func(l lab) {
		const tables = "cat /proc/self/net/ip_tables_names /proc/self/net/ip6_tables_names; nft list tables"
		before := l.sh(tables)
		for _, text := range []string{masquerade4, masquerade6} {
			k, want := l.want(postrouting, text)
			if have := l.find(k, want); have != nil {
				l.Errorf("have %+v", have)
			}
		}
		k, want := l.want("policy/INPUT", "iptables: {policies: {INPUT: ACCEPT}}")
		l.find(k, want)
		if diff := cmp.Diff(before, l.sh(tables)); diff != "" {
			l.Error(diff)
		}
	})
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	onEachBackend(t, func(l lab) {
		k, want := l.want(postrouting, masquerade4)
		chain := *want.(*Chain)
		chain.Rules = append(chain.Rules, newRule([]string{"-m", "nosuchmatch"}, "-j", "MASQUERADE"))
		err := k.Create(ctx, l.ns, &chain)
		if err == nil || !strings.Contains(err.Error(), "iptables-restore: exit status 2: ") || !strings.Contains(err.Error(), "nosuchmatch") {
			l.Errorf("have %v", err)
		}
		if have := l.find(k, want); have != nil {
			l.Errorf("half of it is there: %+v", have)
		}
		l.Setenv("PATH", l.TempDir())
		_, looked := k.ObserveWanted(ctx, l.ns, []Resource{want})
		for _, err := range []error{looked, k.Create(ctx, l.ns, want)} {
			if err == nil || !strings.HasPrefix(err.Error(), "iptables is not installed: ") {
				l.Errorf("have %v", err)
			}
		}
		if found, err := k.ObserveWanted(ctx, l.ns, nil); len(found) > 0 || err != nil {
			l.Errorf("have %v, %v", found, err)
		}
	})
}

// A table that nft filled with what iptables cannot say is not taken for an empty one.
func TestTableOfNft(t *testing.T) {
	onEachBackend(t, func(l lab) {
		if strings.HasSuffix(l.Name(), "legacy") {
			return // It has tables of its own.
		}
		l.sh("nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; }; add rule ip filter FORWARD ip saddr { 10.0.0.0/8 } numgen random mod 2 0 accept'")
		k, want := l.want("policy/FORWARD", "iptables: {policies: {FORWARD: DROP}}")
		_, err := k.ObserveWanted(context.Background(), l.ns, []Resource{want})
		if err == nil || err.Error() != "the table filter holds rules of nft that iptables cannot read" {
			l.Errorf("have %v", err)
		}
	})
}

// The lock is one for all namespaces: whoever holds it makes linkd wait, but not for long.
func TestLock(t *testing.T) {
	onEachBackend(t, func(l lab) {
		if !strings.HasSuffix(l.Name(), "legacy") {
			return // The nft backend has no lock.
		}
		lock, err := os.Create("/run/xtables.lock")
		if err != nil {
			l.Fatal(err)
		}
		defer lock.Close()
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
			l.Fatal(err)
		}
		k, want := l.want(postrouting, masquerade4)
		err = k.Create(context.Background(), l.ns, want)
		if err == nil || !strings.Contains(err.Error(), "Another app is currently holding the xtables lock") {
			l.Errorf("have %v", err)
		}
	})
}
