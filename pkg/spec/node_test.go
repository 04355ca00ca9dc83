package spec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// compiledFor returns the IDs of what a file declares on a node, or its errors.
func compiledFor(node *spec.Node, text string) string {
	lang := kind.Language()
	lang.Node = func() *spec.Node { return node }
	desired, errs := spec.Compile(lang, []spec.File{{Path: "a.yaml", Text: []byte(text)}})
	if len(errs) > 0 {
		return errs.Error()
	}
	var ids []string
	for _, r := range desired.Resources.All() {
		ids = append(ids, r.ID().String())
	}
	return strings.Join(ids, " ")
}

// A file of a fleet says for which nodes it is, and has their names and labels in it. Each node is a machine of its own.
func TestNodes(t *testing.T) {
	n1 := &spec.Node{Name: "n1", Labels: map[string]string{"rack": "a", "number": "7"}}
	const one = "links: {l: {kind: dummy}}\n"
	for _, test := range []struct {
		name, text, want string
		node             *spec.Node
	}{
		{"without the key", one, "host/link/l", n1},
		{"all", "nodes: all\n" + one, "host/link/l", n1},
		{"its name", "nodes: [n0, n1]\n" + one, "host/link/l", n1},
		{"another's name", "nodes: [n2]\n" + one, "", n1},
		{"its labels", "nodes: {rack: a, number: 7}\n" + one, "host/link/l", n1},
		{"one label of two", "nodes: {rack: a, number: 8}\n" + one, "", n1},
		{"a label that it lacks", "nodes: {zone: a}\n" + one, "", n1},
		{"a document for each", "nodes: [n2]\nlinks: {a: {kind: dummy}}\n---\nnodes: [n1]\nlinks: {b: {kind: dummy}}\n---\nlinks: {c: {kind: dummy}}\n", "host/link/b host/link/c", n1},
		{"its variables", "nodes: all\nlinks:\n  l-{node.name}: {kind: dummy, mtu: \"150{node.label.number}\", addresses: [\"10.0.{node.label.number}.1/24\"]}\n",
			"host/address/l-n1/10.0.7.1/24 host/link/l-n1", n1},
		{"within for", "links:\n  \"l{i}-{node.name}\": {for: {i: 1-2}, kind: dummy}\n", "host/link/l1-n1 host/link/l2-n1", n1},
		{"an unknown label", "nodes: all\nlinks:\n  l: {kind: dummy, alias: \"{node.label.rak}\"}\n", `a.yaml:3:27: node n1 has no label "rak"; did you mean "rack"?`, n1},
		{"an unknown label in another's document", "nodes: [n2]\nlinks:\n  l: {kind: dummy, alias: \"{node.label.rak}\"}\n", "", n1},
		{"a variable without quotes", "nodes: all\nlinks:\n  l: {kind: dummy, alias: {node.name}}\n", "a.yaml:3:27: {node.name} is a mapping in YAML: put it in quotes", n1},
		{"two links become one", "nodes: all\nlinks:\n  n1: {kind: dummy}\n  \"{node.name}\": {kind: dummy}\n", `a.yaml:4:3: "n1" is here twice on node n1`, n1},
		{"a word", "nodes: n1\n" + one, `a.yaml:1:8: expected all, a list of names or a mapping of labels, found "n1"; a list of one item is [n1]`, n1},
		{"no names", "nodes: []\n" + one, "a.yaml:1:8: the list names no node: write all, a list of names as in [n1, n2], or labels as in {rack: a}", n1},
		{"a wrong name", "nodes: [n1, a/b]\n" + one, `a.yaml:1:13: "a/b" cannot name a node: use 1 to 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends`, n1},
		{"a wrong label", "nodes: {rack: a b}\n" + one, `a.yaml:1:9: "a b" cannot be the value of a label: use 1 to 128 letters, digits and . _ : / @ + -`, n1},
		{"on a machine in no fleet", "nodes: all\n" + one, "a.yaml:1:8: linkd does not know which node this machine is: write /etc/linkd/fleet.yaml, or name it with --fleet", nil},
		{"braces on a machine in no fleet", "links:\n  l: {kind: dummy, altnames: [\"{node.name}\"]}\n", "host/altname/{node.name} host/link/l", nil},
	} {
		if d := cmp.Diff(test.want, compiledFor(test.node, test.text)); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
}

// Who stores a file learns for which nodes it is without being one.
func TestNodesOf(t *testing.T) {
	selectors, errs := spec.NodesOf(spec.File{Path: "a.yaml", Text: []byte("nodes: [n1]\n---\nnodes: {rack: a}\n---\nlinks: {}\n")})
	want := []spec.NodeSelector{{Names: []string{"n1"}}, {Labels: map[string]string{"rack": "a"}}, {All: true}}
	if d := cmp.Diff(want, selectors); d != "" || len(errs) > 0 {
		t.Errorf("(-want +got): %v\n%s", errs, d)
	}
	if _, errs := spec.NodesOf(spec.File{Path: "a.yaml", Text: []byte("nodes: 5x\n")}); len(errs) != 1 || errs[0].Excerpt == "" {
		t.Errorf("a word: %v", errs)
	}
}
