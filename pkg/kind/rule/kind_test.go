package rule

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

func read(t *testing.T, entry string) *Rule {
	t.Helper()
	return conform.Read(t, language, inLab("    - "+entry))[0].(*Rule)
}

// others are rules that somebody else made, like the ones below and yet not: by what linkd has no words for, by what they
// do, or by who made them.
const others = `rule add pref 100 from 10.0.0.0/8 table 100 suppress_ifgroup 1
rule add pref 100 from 10.0.0.0/8 table 100 ipproto tcp sport 1-2 dport 3 uidrange 4-5
rule add pref 100 from 10.0.0.0/8 table 100 tos 0x10 suppress_ifgroup 2 realms 3
rule add not pref 100 from 10.0.0.0/8 table 100
rule add pref 100 from 10.0.0.0/8 goto 200
rule add pref 100 from 10.0.0.0/8 table 100 proto static
rule add pref 100 iif lo nop
rule add pref 101 table 100 proto 108 suppress_ifgroup 1
`

func TestConform(t *testing.T) {
	read := func(entry string) spec.Resource { return read(t, entry) }
	for name, example := range map[string]conform.Example{
		"IPv4 beside what others made": {
			Setup: strings.ReplaceAll(others, "pref 100", "pref 99") + "rule add pref 101 from 10.0.0.0/8 table 100 tos 4\n",
			Want: []spec.Resource{
				read("{priority: 100, from: 10.0.0.0/8, table: 100}"),
				read("{priority: 100, from: 10.0.0.0/8, to: 10.1.0.1, iif: eth7, oif: eth8, fwmark: 1, table: 70000}"),
				read("{priority: 100, from: 10.0.0.0/8, fwmark: 0x10/0xff, action: blackhole}"),
				read("{priority: 100, iif: lo, action: prohibit}"),
				read("{priority: 0, oif: eth0, action: unreachable}"),
				read("{priority: 4294967295, fwmark: 0/1, table: main}"),
				read("{priority: 100, from: 10.0.0.0/8, not: true, table: 100}"),
				read("{priority: 100, from: 10.0.0.0/8, tos: 0x10, ipproto: tcp, sport: 1024-65534, dport: 80, uidrange: 1000-1999, table: 100}"),
				read("{priority: 100, ipproto: 112, uidrange: 0, action: blackhole}"),
				read("{priority: 102, table: main, suppress_prefixlength: 0}"),
				read("{priority: 103, not: true, fwmark: 0xca6c, goto: 200}"),
			},
			Changes: []conform.Change{
				conform.To(read("{priority: 100, from: 10.0.0.0/8, table: 200}"), "table: 100 -> 200"),
				conform.To(read("{priority: 100, from: 10.0.0.0/8, action: blackhole}"), "action: lookup -> blackhole", "table: 200 -> (none)"),
				conform.To(read("{priority: 100, iif: lo, table: local}"), "action: prohibit -> lookup", "table: (none) -> 255"),
				conform.To(read("{priority: 102, table: main, suppress_prefixlength: 8}"), "suppress_prefixlength: 0 -> 8"),
				conform.To(read("{priority: 102, table: main}"), "suppress_prefixlength: 8 -> (none)"),
				conform.To(read("{priority: 103, not: true, fwmark: 0xca6c, goto: 300}"), "goto: 200 -> 300"),
				conform.To(read("{priority: 103, not: true, fwmark: 0xca6c, table: 5}"), "action: goto -> lookup", "table: (none) -> 5", "goto: 300 -> (none)"),
			},
		},
		"IPv6": {
			Want: []spec.Resource{
				read("{priority: 100, from: 'fd00::/64', to: 'fd01::1', table: 100}"),
				read("{priority: 100, family: inet6, iif: eth7, fwmark: 7, action: unreachable}"),
				read("{priority: 101, family: inet6, not: true, tos: 8, ipproto: udp, dport: 53, uidrange: 5, table: 7, suppress_prefixlength: 64}"),
			},
			Changes: []conform.Change{
				conform.To(read("{priority: 100, family: inet6, iif: eth7, fwmark: 7, table: 5}"), "action: unreachable -> lookup", "table: (none) -> 5"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			conform.Conform(t, Kind, example)
		})
	}
}

// rules are the lab's rules, as ip-rule(8) shows them, without the kernel's own.
func rules(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("ip", "-N", "-n", conform.LabName, "-d", "rule").CombinedOutput()
	conform.Must(t, err)
	text := regexp.MustCompile(`(?m)^.* proto 2 ?\n`).ReplaceAllString(string(out), "")
	return strings.NewReplacer("\t", " ", " \n", "\n").Replace(text)
}

func find(t *testing.T, lab *conform.Lab, want *Rule) *Rule {
	t.Helper()
	found, err := kind{}.Observe(context.Background(), lab.NS, reconcile.Query[*Rule]{Purpose: reconcile.ToSearch})
	conform.Must(t, err)
	for _, r := range found {
		if r.ID() == want.ID() {
			return r
		}
	}
	return nil
}

// What differs from linkd's rule by anything at all is not linkd's.
func TestForeignRules(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, others)
	before, ctx, want := rules(t), context.Background(), read(t, "{priority: 100, from: 10.0.0.0/8, table: 200}")
	found, err := kind{}.Observe(ctx, lab.NS, reconcile.Query[*Rule]{Purpose: reconcile.ToSearch})
	conform.Must(t, err)
	ids := map[string]bool{}
	for _, r := range found {
		if Kind.Owned(r) {
			t.Errorf("%s is taken for linkd's", r.ID())
		}
		ids[r.ID().Key] = true
	}
	if len(ids) != len(found) {
		t.Errorf("%d rules have %d names", len(found), len(ids))
	}
	theirs := find(t, lab, want)
	if d := cmp.Diff("action: goto -> lookup, table: (none) -> 200, goto: 200 -> (none), proto: unspec -> 108", strings.Join(reconcile.Strings(Kind.Diff(want, theirs)), ", ")); d != "" {
		t.Error(d)
	}

	// Made all the same, it is the one meant, and it goes alone.
	for range 2 {
		conform.Must(t, Kind.Create(ctx, lab.NS, want))
		have := find(t, lab, want)
		if !Kind.Owned(have) || have.Table != 200 {
			t.Errorf("found %+v", have)
		}
		for range 2 {
			conform.Must(t, Kind.Delete(ctx, lab.NS, have))
			if d := cmp.Diff(before, rules(t)); d != "" {
				t.Errorf("rules (-before +after):\n%s", d)
			}
		}
	}
}

// To the kernel, "from all" in a request is nothing said: it finds that such a rule exists where a narrower one does, and
// deletes that in its place.
func TestAWiderRuleBehindANarrowerOne(t *testing.T) {
	for name, entries := range map[string][]string{
		"from": {"{priority: 100, from: 10.0.0.0/8, table: 5}", "{priority: 100, iif: eth0, table: 5}", "{priority: 100, table: 5}"},
		"to": {"{priority: 100, from: 'fd00::/64', to: 'fd01::1', table: 5}", "{priority: 100, to: 'fd01::1', table: 5}",
			"{priority: 100, family: inet6, table: 5}"},
		"fwmark": {"{priority: 100, fwmark: 1, action: blackhole}", "{priority: 100, oif: eth0, fwmark: 0/1, action: blackhole}",
			"{priority: 100, fwmark: 0/1, action: blackhole}"},
		"not":   {"{priority: 100, not: true, to: 10.0.0.0/8, table: 5}", "{priority: 100, to: 10.0.0.0/8, dport: 1, table: 5}", "{priority: 100, to: 10.0.0.0/8, table: 5}"},
		"ports": {"{priority: 100, sport: 1-2, dport: 3, goto: 200}", "{priority: 100, ipproto: tcp, uidrange: 1-2, goto: 200}", "{priority: 100, tos: 4, goto: 300}"},
	} {
		t.Run(name, func(t *testing.T) { deleteTheWidest(t, entries) })
	}
}

// deleteTheWidest makes rules of which the last is the widest, and deletes that one, more often than it is there.
func deleteTheWidest(t *testing.T, entries []string) {
	lab, ctx := conform.Open(t), context.Background()
	var wanted []*Rule
	for range 2 {
		wanted = nil
		for _, entry := range entries {
			want := read(t, entry)
			conform.Must(t, Kind.Create(ctx, lab.NS, want))
			wanted = append(wanted, want)
		}
	}
	own := func(want ...*Rule) {
		t.Helper()
		found, err := kind{}.Observe(ctx, lab.NS, reconcile.Query[*Rule]{Purpose: reconcile.ToSearch})
		conform.Must(t, err)
		got, there := map[string]bool{}, map[string]bool{}
		for _, r := range found {
			if Kind.Owned(r) {
				got[r.ID().Key] = true
			}
		}
		for _, r := range want {
			there[r.ID().Key] = true
		}
		if d := cmp.Diff(there, got); d != "" {
			t.Errorf("rules (-want +got):\n%s", d)
		}
	}
	own(wanted...)
	wide := find(t, lab, wanted[2])
	for range 2 {
		conform.Must(t, Kind.Delete(ctx, lab.NS, wide))
		own(wanted[0], wanted[1])
	}
	conform.Must(t, Kind.Delete(ctx, lab.NS, find(t, lab, wanted[0])))
	own(wanted[1])
}

// One that is killed over a change leaves the old rule beside the new one.
func TestAHalfChangedRule(t *testing.T) {
	lab := conform.Open(t)
	ctx, old, changed := context.Background(), read(t, "{priority: 100, from: 10.0.0.0/8, table: 5}"), read(t, "{priority: 100, from: 10.0.0.0/8, table: 6}")
	conform.Must(t, Kind.Create(ctx, lab.NS, old))
	conform.Must(t, Kind.Create(ctx, lab.NS, changed))
	if have := find(t, lab, changed); len(Kind.Diff(changed, have)) > 0 {
		t.Errorf("the new one is not the one meant: %+v", have)
	}
	found, err := kind{}.Observe(ctx, lab.NS, reconcile.Query[*Rule]{Purpose: reconcile.ToSearch})
	conform.Must(t, err)
	for _, r := range found {
		if r.ID().Key == "100 from 10.0.0.0/8 lookup 5 proto 108" && Kind.Owned(r) {
			conform.Must(t, Kind.Delete(ctx, lab.NS, r))
		}
	}
	if d := cmp.Diff("100: from 10.0.0.0/8 lookup 6 proto 108\n", rules(t)); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
}

// A rule of another protocol that is the very same may be in the way or not, as the kernel is.
func TestTheSameRuleOfAnother(t *testing.T) {
	lab := conform.Open(t)
	want := read(t, "{priority: 100, table: 5}")
	lab.IP(t, "rule add pref 100 table 5 proto static\nrule add pref 100 from 10.0.0.0/8 table 5 proto 108\n")
	err := Kind.Create(context.Background(), lab.NS, want)
	if !errors.Is(err, unix.EEXIST) || err.Error() != "file exists: a program with the protocol static created it" {
		t.Errorf("got %v", err)
	}
}

// Where no rule is wanted, those of others and of the kernel do not matter: there are five in each of 10,000 namespaces.
func TestForeignRulesAreNotKeptWhereNoneIsWanted(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, others)
	ctx, want := context.Background(), read(t, "{priority: 100, from: 10.0.0.0/8, table: 200, iif: lo}")
	for _, ours := range []int{0, 1} {
		if ours == 1 {
			conform.Must(t, Kind.Create(ctx, lab.NS, want))
		}
		found, err := kind{}.Observe(ctx, lab.NS, reconcile.Query[*Rule]{})
		conform.Must(t, err)
		if len(found) != ours {
			t.Errorf("found %d rules, and linkd has made %d", len(found), ours)
		}
	}
}
