package netns

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

func TestNameConforms(t *testing.T) {
	shown := func(target string) *Name { return &Name{Host: conform.LabName, Name: "shown", Target: target} }
	conform.Conform(t, Kind, conform.Example{
		Want:    []spec.Resource{shown("/proc/self/ns/net")},
		Changes: []conform.Change{conform.To(shown("/proc/1/ns/net"), "file: -> /proc/self/ns/net -> -> /proc/1/ns/net")},
	})
}

func TestWhatIsWrongWithAName(t *testing.T) {
	for _, test := range []struct{ namespace, want string }{
		{"lab: {create: true}", ""},
		{"lab: {from: name:lab, create: true}", ""},
		{"lab: {from: pid:7, expose: true}", ""},
		{"lab: {from: pid:7, expose: false, create: false}", ""},
		{"lab: {from: name:other, create: true}", "a.yaml:1:46: create makes /run/netns/lab, so it cannot go with from: name:other"},
		{"lab: {from: pid:7, create: true}", "a.yaml:1:41: create makes /run/netns/lab, so it cannot go with from: pid:7"},
		{"lab: {expose: true}", "a.yaml:1:28: name:lab has no other name to be shown under: leave out expose"},
		{"host: {expose: true}", "a.yaml:1:29: host has no other name to be shown under: leave out expose"},
		{"host: {create: true}", "a.yaml:1:29: create makes /run/netns/host, so it cannot go with from: host"},
		{"lab: {create: 1}", `a.yaml:1:28: expected true or false, found "1"`},
	} {
		if _, errs := conform.Compile(conform.Language(Keys(), nil), "namespaces: {"+test.namespace+"}"); errs != test.want {
			t.Errorf("%s: got %q, want %q", test.namespace, errs, test.want)
		}
	}
}

// find returns what is at the name of want; nil if there is nothing.
func find(t *testing.T, lab *conform.Lab, want *Name) *Name {
	t.Helper()
	lab.World.Release()
	found, err := kind{}.observeWanted(lab.World.Host(), []*Name{want})
	conform.Must(t, err)
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// world declares the lab and the name of want.
func world(t *testing.T, want *Name) *conform.Lab {
	t.Helper()
	lab := conform.Open(t)
	lab.World.Declare(map[string]spec.Namespace{want.Name: {Name: want.Name, Selector: spec.Selector{Scheme: "name", Value: want.Name}}})
	return lab
}

func TestANameIsMadeAndDeletedTwice(t *testing.T) {
	want := &Name{Host: spec.Host, Name: "new", Made: true}
	lab := world(t, want)
	seen := map[string]bool{}
	for range 2 {
		conform.Must(t, kind{}.Create(t.Context(), lab.World.Host(), want))
		have := find(t, lab, want)
		if have == nil || len(kind{}.Diff(want, have)) > 0 {
			t.Fatalf("made, and found %+v", have)
		}
		// Whoever makes a namespace under the name later has made another one.
		if print := (kind{}).Fingerprint(have); seen[print] || print == "" {
			t.Errorf("%q is the earlier one's", print)
		} else {
			seen[print] = true
		}
		for range 2 {
			conform.Must(t, kind{}.Delete(t.Context(), lab.World.Host(), have))
		}
		if have := find(t, lab, want); have != nil {
			t.Fatalf("deleted, and found %+v", have)
		}
	}
}

// If a name leads to the right namespace by another path, or to one that no longer exists, nobody has changed the name.
func TestWhoHasChangedAName(t *testing.T) {
	want := &Name{Host: spec.Host, Name: "new"}
	lab := conform.Open(t)
	lab.World.Declare(map[string]spec.Namespace{want.Name: {Name: want.Name, Selector: spec.Selector{Scheme: "path", Value: lab.NS.Path}}})
	want, err := kind{}.Complete(func(name string) (observe.Location, error) {
		ns, err := lab.World.Open(name)
		conform.Must(t, err)
		return ns.Location(), nil
	}, want)
	conform.Must(t, err)
	conform.Must(t, makeDir())
	for _, test := range []struct {
		target string
		moved  bool
	}{
		{filepath.Join("/proc/self/root", lab.NS.Path), true},
		{"/proc/0/ns/net", true},
		{"/proc/self/ns/net", false},
	} {
		conform.Must(t, os.Symlink(test.target, want.path()))
		if fs := (kind{}).Diff(want, find(t, lab, want)); len(fs) != 1 || fs[0].Moved != test.moved {
			t.Errorf("%s: %v; want moved %t", test.target, fs, test.moved)
		}
		conform.Must(t, os.Remove(want.path()))
	}
}

// If linkd is killed after it created the file and before it mounted the namespace there, it leaves an empty file. The next linkd
// mounts the namespace, or removes the file.
func TestANameThatIsHalfMade(t *testing.T) {
	want := &Name{Host: spec.Host, Name: "new", Made: true}
	lab := world(t, want)
	conform.Must(t, os.WriteFile(want.path(), nil, 0o444))
	have := find(t, lab, want)
	if says := (kind{}).Diff(want, have); len(says) != 1 || says[0].String() != "file: an empty file -> a namespace" {
		t.Errorf("differences %v", says)
	}
	conform.Must(t, kind{}.Update(t.Context(), lab.World.Host(), want, have))
	have = find(t, lab, want)
	if says := (kind{}).Diff(want, have); len(says) > 0 {
		t.Errorf("finished, and %v", says)
	}
	conform.Must(t, unix.Unmount(want.path(), unix.MNT_DETACH))
	conform.Must(t, kind{}.Delete(t.Context(), lab.World.Host(), find(t, lab, want)))
	if have := find(t, lab, want); have != nil {
		t.Errorf("cleared away, and found %+v", have)
	}
}

// A file that is not empty belongs to somebody else.
func TestAFileIsNobodysNamespace(t *testing.T) {
	want := &Name{Host: spec.Host, Name: "new", Made: true}
	lab := world(t, want)
	conform.Must(t, os.WriteFile(want.path(), []byte("mine"), 0o644))
	t.Cleanup(func() { conform.Must(t, os.Remove(want.path())) })
	have := find(t, lab, want)
	if err := (kind{}).Update(t.Context(), lab.World.Host(), want, have); err == nil || err.Error() != "/run/netns/new is a plain file, and would have to be a namespace: remove it" {
		t.Errorf("update: %v", err)
	}
	conform.Must(t, kind{}.Delete(t.Context(), lab.World.Host(), have))
	if text, err := os.ReadFile(want.path()); string(text) != "mine" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestALinkFollowsItsNamespace(t *testing.T) {
	lab := conform.Open(t)
	host := lab.World.Host()
	one := &Name{Host: spec.Host, Name: "shown", Target: "/proc/1/ns/net"}
	two := &Name{Host: spec.Host, Name: "shown", Target: observe.NetnsDir + "/lab"}
	conform.Must(t, kind{}.Create(t.Context(), host, one))
	have := find(t, lab, one)
	if says := (kind{}).Diff(two, have); len(says) != 1 || says[0].String() != "file: -> /proc/1/ns/net -> -> /run/netns/lab" {
		t.Errorf("differences %v", says)
	}
	conform.Must(t, kind{}.Update(t.Context(), host, two, have))
	if says := (kind{}).Diff(two, find(t, lab, two)); len(says) > 0 {
		t.Errorf("updated, and %v", says)
	}
	conform.Must(t, kind{}.Delete(t.Context(), host, find(t, lab, two)))
	if find(t, lab, two) != nil {
		t.Error("deleted, and it is there")
	}
}
