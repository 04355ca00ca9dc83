package spec

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const templated = `namespaces:
  wired:
    from: docker:label=colour
    rooms: [{name: hall}]
  lab: {}
links:
  wired: {netns: wired, name: eth0, mac: "{label:mac}", mtu: "{label:mtu}", colour: "{label:colour}", needs: [eth1]}
  far-{name}: {netns: wired, name: "ve{id}"}
  eth7: {netns: lab}
`

// inhabited is what the text comes to where those containers run: what is wanted, a line each, who does not fit, and
// what is wrong.
func inhabited(text string, unknown error, instances ...Instance) string {
	lang := toys
	lang.Instances = func(template Selector) ([]Instance, error) {
		if template != (Selector{Scheme: "docker", Value: "label=colour"}) {
			return nil, fmt.Errorf("asked for %s", template)
		}
		return instances, unknown
	}
	desired, errs := Compile(lang, []File{{Path: "a.yaml", Text: []byte(text)}})
	var b strings.Builder
	for _, r := range desired.Resources.All() {
		fmt.Fprintf(&b, "%s %s\n", r.ID(), r.Origin())
	}
	for _, m := range desired.Misfits {
		fmt.Fprintln(&b, m)
	}
	for _, text := range []string{errs.Error(), fmt.Sprint(desired.Unknown)} {
		if text != "" && text != "<nil>" {
			fmt.Fprintln(&b, text)
		}
	}
	return b.String()
}

func container(name, mac, mtu string) Instance {
	id := strings.Repeat("0", 10) + name + strings.Repeat("f", 50)
	return Instance{
		Name: name, ID: id, Selector: Selector{Scheme: "docker", Value: id},
		Labels: map[string]string{"colour": "red", "mac": mac, "mtu": mtu},
	}
}

func TestATemplateStandsForMany(t *testing.T) {
	a, b := container("aa", "02:00:00:00:00:01", "1400"), container("bb", "02:00:00:00:00:02", "9000")
	odd := container("cc", "02-00", "big")
	unlabelled := container("dd", "02:00:00:00:00:04", "1500")
	delete(unlabelled.Labels, "mtu")
	lab := container("lab", "02:00:00:00:00:05", "1500")
	const nobody = "lab/link/eth7 a.yaml:9\n"
	const first = `aa/colour/eth0 a.yaml:7
aa/link/eth0 a.yaml:7
aa/link/ve0000000000aa a.yaml:8
aa/room/hall a.yaml:4
`
	const second = `bb/colour/eth0 a.yaml:7
bb/link/eth0 a.yaml:7
bb/link/ve0000000000bb a.yaml:8
bb/room/hall a.yaml:4
`
	for _, test := range []struct {
		name, got, want string
	}{
		{"nobody is there", inhabited(templated, nil), nobody},
		{"two are there", inhabited(templated, nil, a, b), first + second + nobody},
		{"some do not fit, and are in nobody's way", inhabited(templated, nil, a, odd, unlabelled, lab, b), first + second + nobody + `container cc does not fit the template wired: a.yaml:7:42: expected a MAC address, found "02-00"
a.yaml:7:62: expected a whole number, found "big"
container dd does not fit the template wired: a.yaml:7:62: expected a whole number, found ""
container lab does not fit the template wired: a.yaml:5:3: namespace "lab" (name:lab) is declared twice, first in a.yaml:2
`},
		{"it is not known who is there", inhabited(templated, errors.New("no answer"), a), first + nobody + "no answer\n"},
		{"what is wrong with it is said before anybody comes", inhabited(strings.NewReplacer("mtu:", "mtuu:", "needs: [eth1]", "needs: [eth/1]").Replace(templated), nil),
			nobody + `a.yaml:7:57: unknown key "mtuu"; did you mean "mtu"?
a.yaml:7:112: interface name "eth/1": '/' is not allowed
`},
		{"labels are no selector in place", inhabited("links: {eth0: {netns: docker:label=colour}}", nil),
			"a.yaml:1:23: docker:label=colour stands for many containers: declare it under namespaces, and refer to it by that name\n"},
		{"a label that is none", inhabited("namespaces: {wired: {from: docker:label==red}}", nil),
			"a.yaml:1:28: \"=red\" is not a label: write label=KEY or label=KEY=VALUE\n"},
	} {
		if d := cmp.Diff(test.want, test.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
}

func TestATemplateWhereNobodyAsks(t *testing.T) {
	desired, errs := Compile(toys, []File{{Path: "a.yaml", Text: []byte(templated)}})
	if len(errs) > 0 || desired.Resources.Len() != 1 || len(desired.Templates) != 1 || desired.Unknown != nil {
		t.Errorf("%d resources, templates %v, %v, %v", desired.Resources.Len(), desired.Templates, desired.Unknown, errs)
	}
}

// Nothing is made of a label of which it is not known yet whether a container has it, and all else of that container is.
func TestALabelThatIsNotToldYet(t *testing.T) {
	asks, asksNot := container("aa", "", "1400"), container("bb", "02:00:00:00:00:02", "9000")
	delete(asks.Labels, "mac")
	asks.Unsaid, asksNot.Unsaid = []string{"mac"}, []string{"name"}
	told := inhabited(templated, nil, asks, asksNot)
	if strings.Contains(told, "aa/") || !strings.Contains(told, "container aa does not fit the template wired") || !strings.Contains(told, "bb/link/eth0") {
		t.Errorf("wanted of aa that it does not fit, and of bb that it is wired:\n%s", told)
	}
}
