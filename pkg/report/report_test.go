package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"

	"linkd/pkg/reconcile"
	"linkd/pkg/report"
	"linkd/pkg/spec"
)

func resource(id string, state reconcile.State, reason, cause, source string) reconcile.ResourceStatus {
	r := reconcile.NewResourceStatus(id)
	r.State, r.Reason, r.Cause, r.Source = state, reason, cause, source
	return r
}

// twelve are twelve containers, of which six are not there, and in six the name of the link is taken.
func twelve() *reconcile.Status {
	s := &reconcile.Status{State: reconcile.Degraded, Resources: []reconcile.ResourceStatus{resource("host/link/br0", reconcile.OK, "", "", "/etc/linkd.d/web.yaml:3")}}
	for i := 1; i <= 12; i++ {
		link, source := fmt.Sprintf("web%d/link/eth0", i), fmt.Sprintf("/etc/linkd.d/web.yaml:%d", 10*i)
		state, why, cause := reconcile.Failed, fmt.Sprintf("the name is taken by an interface that linkd did not create (mark: linkd:w%d); remove it, or write adopt: true", i), ""
		waits, waiting := reconcile.Blocked, "blocked by "+link+": "+why
		root := link
		if i > 6 {
			state, why, cause = reconcile.Pending, fmt.Sprintf("there is no namespace at /run/netns/web%d", i), fmt.Sprintf("host/netns/web%d", i)
			waits, waiting, root = reconcile.Pending, why, cause
		}
		s.Resources = append(s.Resources,
			resource(link, state, why, cause, source),
			resource(fmt.Sprintf("web%d/address/eth0/10.0.0.%d/24", i, i), waits, waiting, root, source),
			resource(fmt.Sprintf("host/link/v%d", i), waits, waiting, root, source))
	}
	return s
}

const twelveFor80 = `degraded: 1 ok, 18 pending, 6 failed, 12 blocked

failed    web1 … web6/link/eth0 (6): the name is taken by an interface that
          linkd did not create (mark: linkd:w1 … w6); remove it, or write adopt:
          true
          /etc/linkd.d/web.yaml:10 …
          blocked: host/link/v1 … v6 (6)  /etc/linkd.d/web.yaml:10 …
          blocked: web1 … web6/address (6)  /etc/linkd.d/web.yaml:10 …

pending   there is no namespace at /run/netns/web7 … web12
          host/link/v7 … v12 (6)  /etc/linkd.d/web.yaml:70 …
          web7 … web12/address (6)  /etc/linkd.d/web.yaml:70 …
          web7 … web12/link/eth0 (6)  /etc/linkd.d/web.yaml:70 …
`

func TestStatusHasOneBlockForEachCause(t *testing.T) {
	for width, want := range map[int]string{
		80: twelveFor80,
		0: strings.NewReplacer("that\n          linkd", "that linkd", "adopt:\n          true", "adopt: true").
			Replace(twelveFor80),
	} {
		got := strings.Join(report.Status(twelve(), report.Style{Width: width}), "\n") + "\n"
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, d)
		}
	}
	for _, line := range report.Status(twelve(), report.Style{Width: 60, Colour: true}) {
		if text.StringWidthWithoutEscSequences(line) > 60 {
			t.Errorf("longer than 60 columns: %s", line)
		}
	}
}

func TestStatusHasFilesFirstAndWarningsLast(t *testing.T) {
	s := &reconcile.Status{
		State: reconcile.Degraded, Warnings: []string{"namespace web does not keep up"},
		Files: []spec.FileState{
			{Path: "a.yaml", State: spec.FileLoaded},
			{Path: "b.yaml", State: "kept", Error: "b.yaml:4:5: unknown key \"adresses\"\n  4 |     adresses: []\n    |     ^"},
			{Path: "c.yaml", State: "rejected", Error: "c.yaml: empty"},
		},
		Resources: []reconcile.ResourceStatus{
			resource("lab/box/b", reconcile.Pending, "waits for lab/box/nobody: it does not exist, and no file declares it", "lab/box/nobody", "a.yaml:2"),
			resource("lab/box/a", reconcile.Failed, "create lab/box/a: no such device", "", "a.yaml:1"),
			resource("lab/box/c", reconcile.Blocked, "blocked by lab/box/a: create lab/box/a: no such device", "lab/box/a", "a.yaml:3"),
			resource("lab/box/d", reconcile.OK, "nothing is forwarded", "", "a.yaml:4"),
		},
	}
	const want = `degraded: 1 ok, 1 pending, 1 failed, 1 blocked, 2 files not in force

kept      b.yaml: its last valid content is in force
          b.yaml:4:5: unknown key "adresses"
            4 |     adresses: []
              |     ^

rejected  c.yaml: nothing in it is in force
          c.yaml: empty

failed    lab/box/a: cannot create it: no such device
          a.yaml:1
          blocked: lab/box/c  a.yaml:3

pending   lab/box/b: lab/box/nobody: it does not exist, and no file declares it
          a.yaml:2

note      lab/box/d: nothing is forwarded
          a.yaml:4

warning   namespace web does not keep up
`
	if d := cmp.Diff(want, strings.Join(report.Status(s, report.Style{}), "\n")+"\n"); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
}

func TestChanges(t *testing.T) {
	changes := []reconcile.Change{
		{Op: "create", ID: "web/link/eth0", Text: "type veth peer v0 netns host"},
		{Op: "update", ID: "web/link/eth1", Fields: []reconcile.Field{{Path: "mtu", Have: "1500", Want: "9000"}}, Result: reconcile.Done},
		{Op: "replace", ID: "web/link/eth2", Fields: []reconcile.Field{{Path: "kind", Have: "bridge", Want: "veth"}}, Reason: "it does not work"},
		{
			Op: "update", ID: "host/iptables/nat/LINKD-POSTROUTING",
			Fields: []reconcile.Field{{Path: "rule 2", Have: "-j A", Want: "-j B"}, {Path: "jump from", Want: "POSTROUTING"}},
			Lines:  []string{"- -j A", "+ -j B"},
		},
		{Op: "delete", ID: "web/route/default", Text: "via 10.0.0.1 dev eth0"},
		{Op: "update", ID: "web/port/eth0", Fields: []reconcile.Field{{Path: "vlans", Have: strings.Repeat("1,", 40), Want: ""}}},
		{Op: "create", ID: "web/link/failed", Result: reconcile.Undone},
	}
	want := `+ web/link/eth0  type veth peer v0 netns host
~ web/link/eth1  (mtu: 1500 -> 9000)
± web/link/eth2  (kind: bridge -> veth, it does not work)
~ host/iptables/nat/LINKD-POSTROUTING  (jump from: (none) -> POSTROUTING)
    - -j A
    + -j B
- web/route/default  via 10.0.0.1 dev eth0
~ web/port/eth0
    - vlans ` + strings.Repeat("1,", 40) + "\n"
	if d := cmp.Diff(want, strings.Join(report.Changes(changes, report.Style{}), "\n")+"\n"); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	result := report.Count(changes, 3)
	if d := cmp.Diff(report.Result{Created: 1, Changed: 4, Deleted: 1, Failed: 1, More: 3}, result); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
	for _, test := range []struct {
		got, want string
	}{
		{result.Done(twelve()), "1 created, 4 changed, 1 deleted, 3 more"},
		{result.Planned(twelve()), "1 to create, 4 to change, 1 to delete, 3 more"},
		{report.Result{}.Done(twelve()), "no changes: 1 of 37 resources in the desired state"},
		{report.Result{}.Done(&reconcile.Status{Resources: twelve().Resources[:1]}), "nothing to do: 1 resource in the desired state"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestFoldNames(t *testing.T) {
	for want, names := range map[string][]string{
		"web1 … web3":              {"web3", "web1", "web2", "web2"},
		"web1, web2":               {"web2", "web1"},
		"web8 … web10, web12":      {"web10", "web9", "web8", "web12"},
		"a1b … a3b, web":           {"web", "a1b", "a2b", "a3b"},
		"v01, v02, v03":            {"v01", "v02", "v03"},
		"é1 … é3":                  {"é1", "é2", "é3"},
		"0 … 2":                    {"0", "1", "2"},
		"alpha, beta":              {"beta", "alpha"},
		"a, c, e, g, … and 2 more": {"a", "c", "e", "g", "i", "k"},
		"99999999999999, x99999999 … x100000001": {"99999999999999", "x99999999", "x100000000", "x100000001"},
	} {
		if got := report.FoldNames(names); got != want {
			t.Errorf("%v: got %q, want %q", names, got, want)
		}
	}
}

func TestProgressIsDrawnAfterASecond(t *testing.T) {
	var out bytes.Buffer
	p := report.NewProgress(&out, func() int { return 40 })
	if !p.Due(t.Context()) {
		t.Error("not due after a second")
	}
	p.Draw(reconcile.Progress{Done: 120, Total: 300, Waiting: "web7/link/eth0: there is no namespace\x1b"})
	p.Clear()
	const want = "\r120/300 done, waiting for web7/link/et…\x1b[K\r\x1b[K"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	if report.NewProgress(nil, nil).Due(t.Context()) {
		t.Error("due without a terminal")
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		width              int
		line, indent, want string
	}{
		{0, "one two three", "  ", "one two three"},
		{9, "one two three", "  ", "one two\n  three"},
		{12, "     one  two three", "         ", "     one\n         two\n         three"},
		{4, "    ", "  ", "    "},
		{3, "longer than", " ", "longer\n than"},
	} {
		if got := strings.Join(report.Style{Width: c.width}.Wrap(c.line, c.indent), "\n"); got != c.want {
			t.Errorf("%q in %d columns:\n%s\nwant\n%s", c.line, c.width, got, c.want)
		}
	}
}
