package graph

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// A layout says of each namespace, interface and line where the SVG draws it.
func TestLayoutIsThatOfTheSVG(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := somePicture(t)
		l, text := LayOut(p), svg(p)
		find := func(format string, args ...any) {
			if want := fmt.Sprintf(format, args...); !strings.Contains(text, want) {
				t.Fatalf("the SVG lacks %s", want)
			}
		}
		cards := 0
		for _, f := range l.Frames {
			find(`<rect x="%d" y="%d" width="%d" height="%d"`, f.X, f.Y, f.W, f.H)
			for _, c := range f.Cards {
				cards++
				find(`<rect x="%d" y="%d" width="%d" height="%d" rx="6"`, c.X, c.Y, c.W, c.H)
				if c.X+c.W > l.Width || c.Y+c.H > l.Height {
					t.Fatalf("%s/%s is outside of %d x %d", f.Name, c.Name, l.Width, l.Height)
				}
			}
		}
		for _, w := range l.Wires {
			find(` d="%s"`, w.Path)
		}
		total := 0
		for _, n := range p.Namespaces {
			total += len(n.Interfaces)
		}
		if cards != total || len(l.Wires) != len(p.Lines) || len(l.Frames) != len(p.Namespaces)+len(p.Remotes) {
			t.Fatalf("%d cards of %d, %d wires of %d, %d frames", cards, total, len(l.Wires), len(p.Lines), len(l.Frames))
		}
	})
}

// A picture with any namespaces collapsed can be laid out, and has all that is between others.
func TestCollapseAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := somePicture(t)
		before, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range p.Namespaces {
			if rapid.Bool().Draw(t, n.Name) {
				names = append(names, n.Name)
			}
		}
		collapsed := p.Collapse(names)
		layout := LayOut(collapsed)
		if len(layout.Frames) != len(p.Namespaces)+len(p.Remotes) {
			t.Fatalf("%d namespaces of %d", len(layout.Frames), len(p.Namespaces))
		}
		if len(names) == 0 && len(collapsed.Lines) != len(p.Lines) {
			t.Fatalf("%d lines of %d", len(collapsed.Lines), len(p.Lines))
		}
		if after, _ := json.Marshal(p); string(after) != string(before) {
			t.Fatalf("the picture has changed:\n%s\n%s", before, after)
		}
	})
}

// A collapsed namespace is one box with the worst state of what is in it, and the lines that lead out of it.
func TestCollapse(t *testing.T) {
	ok, failed := Status{State: OK}, Status{Failed, "no"}
	iface := func(name string, s Status, notes ...Note) *Interface {
		return &Interface{Name: name, Status: s, Notes: notes}
	}
	end := func(ns, name string) End { return End{ns, name} }
	p := &Picture{
		Namespaces: []*Node{
			{Name: "host", Status: ok, Interfaces: []*Interface{iface("br0", ok), iface("a", ok), iface("b", ok)}},
			{Name: "web", Status: ok, Interfaces: []*Interface{iface("x", ok), iface("y", ok, Note{"10.0.0.1/24", failed})}},
		},
		Lines: []*Line{
			{Port, end("host", "a"), end("host", "br0"), ok}, {Port, end("host", "b"), end("host", "br0"), ok},
			{Cable, end("host", "a"), end("web", "x"), ok}, {Cable, end("host", "b"), end("web", "y"), failed},
		},
	}
	want := &Picture{
		Namespaces: []*Node{p.Namespaces[0], {Name: "web", Status: failed, Notes: []Note{{"2 interfaces", failed}}}},
		Lines:      []*Line{p.Lines[0], p.Lines[1], {Cable, end("host", "a"), end("web", ""), ok}, {Cable, end("host", "b"), end("web", ""), failed}},
	}
	if d := cmp.Diff(want, p.Collapse([]string{"web"})); d != "" {
		t.Error(d)
	}
	both := p.Collapse([]string{"web", "host"})
	if d := cmp.Diff([]*Line{{Cable, end("host", ""), end("web", ""), failed}}, both.Lines); d != "" {
		t.Error(d)
	}
}

// With a daemon's status, a namespace is there if anything in it is.
func TestSetStatus(t *testing.T) {
	b := NewBuilder(func(remark string) { t.Error(remark) })
	for _, name := range []string{"there", "absent"} {
		b.node(spec.Namespace{Name: name, Selector: spec.Selector{Scheme: "name", Value: name}}).declared = true
	}
	b.SetStatus(&reconcile.Status{Resources: []reconcile.ResourceStatus{
		{ID: "there/link/a", NetNS: "there", State: reconcile.OK}, {ID: "there/link/b", NetNS: "there", State: reconcile.Pending},
		{ID: "absent/link/a", NetNS: "absent", State: reconcile.Pending},
	}})
	have := map[string]State{}
	for _, n := range b.Picture().Namespaces {
		have[n.Name] = n.State
	}
	if d := cmp.Diff(map[string]State{"there": OK, "absent": Pending}, have); d != "" {
		t.Error(d)
	}
}

// The style sheet has the colours of every state, light and dark.
func TestStyleSheet(t *testing.T) {
	sheet := StyleSheet()
	for _, s := range States {
		for _, of := range []map[State]style{styles, darkStyles} {
			if want := fmt.Sprintf(".%s{--line:%s;--fill:%s}\n", s.State, of[s.State].line, of[s.State].fill); !strings.Contains(sheet, want) {
				t.Errorf("it lacks %s", want)
			}
		}
	}
}
