package port

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

var language = conform.Language(nil, []spec.Key{Key()})

func TestAMasterThatIsItsOwnPort(t *testing.T) {
	_, errs := conform.Compile(language, `
namespaces: {lab: {}}
links:
  a: {netns: lab, name: a, master: b}
  b: {netns: lab, name: b, master: c}
  c: {netns: lab, name: c, master: a}
  d: {netns: lab, name: d, master: d}
  e: {netns: lab, name: e, master: "e/1"}
`)
	want := `a.yaml:4:36: a cycle: lab/port/a needs lab/port/b needs lab/port/c needs lab/port/a
a.yaml:7:36: a cycle: lab/port/d needs lab/port/d
a.yaml:8:36: interface name "e/1": '/' is not allowed`
	if errs != want {
		t.Errorf("got\n%s\nwant\n%s", errs, want)
	}
}

// shape is who is whose port in the lab, the links in the order of their making.
func shape(t *testing.T, lab *conform.Lab) string {
	t.Helper()
	lab.NS.Forget()
	found, err := kind{}.Observe(t.Context(), lab.NS)
	conform.Must(t, err)
	var words []string
	for _, p := range found {
		if p.Master != "" {
			words = append(words, fmt.Sprintf("%s in %s", p.Dev, p.Master))
		}
	}
	return strings.Join(words, ", ")
}

func member(t *testing.T, master string) *Port {
	t.Helper()
	return conform.Read(t, language, "namespaces: {lab: {}}\nlinks: {x: {netns: lab, name: eth0, master: "+master+"}}")[0].(*Port)
}

func TestPortConforms(t *testing.T) {
	conform.Conform(t, Kind, conform.Example{
		Setup:   "link add br0 type bridge\nlink add br1 type bridge\nlink add eth0 type veth peer name eth1\nlink set eth1 master br0",
		Want:    []spec.Resource{member(t, "br0")},
		Changes: []conform.Change{conform.To(member(t, "br1"), "master: br0 -> br1")},
	})
}

func TestAMembershipIsSetAndPutBack(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add br0 type bridge\nlink add br1 type bridge\nlink add eth0 type veth peer name eth1\nlink set eth1 master br0")
	one, two := member(t, "br0"), member(t, "br1")
	before := &Port{NS: one.NS, Dev: one.Dev}
	old, _ := kind{}.Before(one, before)
	for _, step := range []struct {
		want  *Port
		shape string
	}{
		{one, "eth1 in br0, eth0 in br0"},
		{one, "eth1 in br0, eth0 in br0"},
		{two, "eth1 in br0, eth0 in br1"},
		{kind{}.Prior(two, old), "eth1 in br0"},
	} {
		conform.Must(t, kind{}.Update(t.Context(), lab.NS, step.want, before))
		if got := shape(t, lab); got != step.shape {
			t.Errorf("after %+v: %s, want %s", step.want, got, step.shape)
		}
	}
}

func TestAMasterThatIsNotThere(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add eth0 type veth peer name eth1")
	err := kind{}.Create(t.Context(), lab.NS, &Port{NS: conform.LabName, Dev: "eth0", Master: "br9"})
	if !errors.Is(err, observe.ErrPending) || err.Error() != "there is no br9 in lab" {
		t.Errorf("create: %v", err)
	}
}

func TestAPortNeedsBothItsLinks(t *testing.T) {
	for _, test := range []struct{ master, want string }{
		{"br0", "[lab/link/eth0 lab/link/br0]"},
		{"", "[lab/link/eth0]"},
	} {
		if got := fmt.Sprint((&Port{NS: "lab", Dev: "eth0", Master: test.master}).Needs()); got != test.want {
			t.Errorf("of %q: %s", test.master, got)
		}
	}
}
