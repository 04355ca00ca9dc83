package fleet

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// Each mistake in fleet.yaml has its line, and says what to write.
func TestConfigErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fleet.yaml")
	const tls = "tls: {ca: /ca.pem, cert: /n1.pem, key: /n1.key}\n"
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "FILE: the file is empty"},
		{"unknown key", "endpoint: [x]\n", "FILE:1:1: unknown key \"endpoint\"; did you mean \"endpoints\"?\nendpoint: [x]\n^\nFILE:1:1: \"endpoints\" is missing\nendpoint: [x]\n^"},
		{"no endpoints", "endpoints: []\n", "FILE: endpoints names no member of etcd"},
		{"no URL", "endpoints: [etcd1]\n" + tls, "FILE:1:13: \"etcd1\" is not the URL of a member of etcd, such as https://etcd1:2379\nendpoints: [etcd1]\n            ^"},
		{"no TLS over the network", `endpoints: ["http://10.0.0.1:2379"]`, "FILE:1:13: http://10.0.0.1:2379 would cross the network without TLS: write https, and the key tls\nendpoints: [\"http://10.0.0.1:2379\"]\n            ^"},
		{"https without certificates", `endpoints: ["https://etcd1:2379"]`, `FILE: "tls" is missing: https needs {ca: FILE, cert: FILE, key: FILE}`},
		{"both", "endpoints: [\"https://etcd1:2379\", \"http://localhost:2379\"]\n" + tls, "FILE: endpoints has both https and http: use https for all"},
		{"certificates without https", "endpoints: [\"http://localhost:2379\"]\n" + tls, "FILE:2: tls has no effect with http: write https in endpoints"},
		{"prefix", "endpoints: [\"http://localhost:2379\"]\nprefix: linkd/\n", "FILE:2:9: \"linkd/\" cannot begin the keys: write a path such as /linkd\nprefix: linkd/\n        ^"},
		{"name", "endpoints: [\"http://localhost:2379\"]\nnode: {name: a/b}\n", "FILE:2:14: \"a/b\" cannot name a node: use 1 to 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends\nnode: {name: a/b}\n             ^"},
		{"label", "endpoints: [\"http://localhost:2379\"]\nnode: {name: n1, labels: {rack: \"\"}}\n", "FILE:2:33: \"\" cannot be the value of a label: use 1 to 128 letters, digits and . _ : / @ + -\nnode: {name: n1, labels: {rack: \"\"}}\n                                ^"},
		{"valid", "endpoints: [\"http://localhost:2379\"]\nnode: {name: n1, labels: {rack: 7}}\n", "n1 7 /linkd"},
	} {
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LookAtConfig(path)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(c.Node().Name, " ", c.Node().Labels["rack"], " ", c.Prefix)
		}
		if d := cmp.Diff(test.want, strings.ReplaceAll(got, path, "FILE")); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
}

// What etcd has is refused if it is not within the bounds, and names no file outside of the cache.
func TestRevisionBounds(t *testing.T) {
	hash := hashOf(nil)
	file := func(name string) FileEntry { return FileEntry{Name: name, Hash: hash} }
	many := func(n int) (files []FileEntry) {
		for i := range n {
			files = append(files, file(fmt.Sprintf("%06d.yaml", i)))
		}
		return files
	}
	for _, test := range []struct {
		name, want string
		r          Revision
	}{
		{"no files", "<nil>", Revision{Number: 7}},
		{"as many as there may be", "<nil>", Revision{Number: 7, Files: many(mostFiles)}},
		{"one more", "the revision has 1001 files, and a fleet 1000 at most", Revision{Number: 7, Files: many(mostFiles + 1)}},
		{"files without a number", "the revision has the number 0", Revision{Files: many(1)}},
		{"a path", `"../a.yaml" cannot name a file of a fleet: use at most 100 printable ASCII characters, with .yaml or .yml at the end`, Revision{Number: 1, Files: []FileEntry{file("../a.yaml")}}},
		{"a hidden file", `".revision.json" cannot name a file of a fleet: use at most 100 printable ASCII characters, with .yaml or .yml at the end`, Revision{Number: 1, Files: []FileEntry{file(".revision.json")}}},
		{"twice", `the revision has the file "a.yaml" twice, or out of order`, Revision{Number: 1, Files: []FileEntry{file("a.yaml"), file("a.yaml")}}},
		{"a wrong hash", `the revision has a wrong hash or size of "a.yaml"`, Revision{Number: 1, Files: []FileEntry{{Name: "a.yaml", Hash: "../../current"}}}},
		{"too large", `the revision has a wrong hash or size of "a.yaml"`, Revision{Number: 1, Files: []FileEntry{{Name: "a.yaml", Hash: hash, Size: largestFile + 1}}}},
	} {
		test.r.Version = 1
		text, err := json.Marshal(test.r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = decodeRevision(text); fmt.Sprint(err) != test.want {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
	if _, err := decodeRevision(make([]byte, largestRevision+1)); err == nil {
		t.Error("a revision that is too large is taken")
	}
}

func drafted(t *testing.T, files ...spec.File) *Draft {
	t.Helper()
	d, err := NewDraft(&Revision{Version: 1}, files, "root")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A reader of the cache sees all files of one revision, and nothing that was not stored whole. It says that it knows nothing before.
func TestCache(t *testing.T) {
	c := OpenCache(t.TempDir())
	files, err := c.Files()
	if err != nil || len(files) != 1 || files[0].Err != error(errUnknown) {
		t.Fatalf("an empty cache: %v, %v", files, err)
	}
	var seen []string
	look := func() {
		files, err := c.Files()
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(c.Read(), ":")
		for _, f := range files {
			text += fmt.Sprintf(" %s=%s", strings.TrimPrefix(f.Path, c.Dir()+"/"), f.Text)
		}
		seen = append(seen, text)
	}
	d := drafted(t, spec.File{Path: "b.yaml", Text: []byte("# b")}, spec.File{Path: "a.yaml", Text: []byte("# a")})
	for range 2 {
		if err := c.Replace(d.Next, d.Texts); err != nil {
			t.Fatal(err)
		}
		look()
	}
	// A node that is killed while it writes leaves the earlier one.
	if err := os.WriteFile(filepath.Join(c.dir, "files.a", "c.yaml"), []byte("# c"), 0o600); err != nil {
		t.Fatal(err)
	}
	look()
	d = drafted(t, spec.File{Path: "a.yaml", Text: []byte("# new")})
	d.Next.Number = 2
	if err := c.Replace(d.Next, d.Texts); err != nil {
		t.Fatal(err)
	}
	look()
	want := []string{"1: a.yaml=# a b.yaml=# b", "1: a.yaml=# a b.yaml=# b", "1: a.yaml=# a b.yaml=# b", "2: a.yaml=# new"}
	if d := cmp.Diff(want, seen); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A draft is checked for each node, with its name and labels, and an error that several have is there once.
func TestDraftCheck(t *testing.T) {
	d := drafted(t,
		spec.File{Path: "all.yaml", Text: []byte("nodes: all\nlinks: {a: {kind: dummy, mtu: \"{node.label.mtu}\"}}\n")},
		spec.File{Path: "n1.yaml", Text: []byte("nodes: [n1]\nlinks: {a: {kind: dummy}}\n")},
		spec.File{Path: "n9.yaml", Text: []byte("nodes: [n9]\nlinks: {b: {kind: dummy}}\n")})
	members := []Member{{}, {}, {}}
	members[0].Node = spec.Node{Name: "n1", Labels: map[string]string{"mtu": "1500"}}
	members[1].Node = spec.Node{Name: "n2", Labels: map[string]string{"mtu": "many"}}
	members[2].Node = spec.Node{Name: "n3", Labels: map[string]string{"mtu": "many"}}
	var got []string
	for _, f := range d.Check(kind.Language(), d.KnownNodes(members)) {
		got = append(got, fmt.Sprint(f.Error, " on ", f.Nodes))
	}
	want := []string{
		`n1.yaml:2:9: link "a" is declared twice, first in all.yaml:2 on [n1]`,
		`all.yaml:2:31: expected a whole number, found "many" on [n2 n3]`,
		`all.yaml:2:31: node n9 has no label "mtu" on [n9]`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// linkd contains the client of etcd, and no server.
func TestNoServerInLinkd(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "linkd/cmd/linkd").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "go.etcd.io/") {
			packages = append(packages, strings.TrimSpace(line))
		}
	}
	for _, p := range packages {
		if !strings.HasPrefix(p, "go.etcd.io/etcd/client/") && !strings.HasPrefix(p, "go.etcd.io/etcd/api/") {
			t.Errorf("linkd contains %s", p)
		}
	}
	if len(packages) == 0 {
		t.Error("linkd does not contain the client: the list is of something else")
	}
}

// A report never takes more room in etcd than is stated, whatever a machine says.
func TestReportBounds(t *testing.T) {
	r := Report{}
	for range 1000 {
		r.Problems = append(r.Problems, strings.Repeat("é", 1000))
		r.Files = append(r.Files, spec.FileState{Path: "/etc/linkd.d/a.yaml", Error: strings.Repeat("x", 1000)})
		r.Probes = append(r.Probes, ProbeState{Reason: strings.Repeat("x", 1000)})
	}
	r.bound()
	if text, err := json.Marshal(r); err != nil || len(text) > largestReport {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
