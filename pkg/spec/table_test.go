package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTablesHaveNames(t *testing.T) {
	before := tableDirs
	t.Cleanup(func() { tableDirs = before })
	tableDirs = []string{t.TempDir(), t.TempDir()}
	for i, files := range []map[string]string{
		{"rt_tables": "9 hidden\n", "rt_tables.d/a.conf": "10 theirs\n", "rt_tables.d/b.conf": "11 blue\n"},
		{
			"rt_tables":          "# reserved\n255\tlocal\n254\tmain\n0 unspec\n 0x64  uplink # of old\n7\nx y\n1 two words\n",
			"rt_tables.d/b.conf": "70000 blue\n", "rt_tables.d/c.conf": "101 uplink", "rt_tables.d/README": "5 readme\n",
		},
	} {
		for name, text := range files {
			path := filepath.Join(tableDirs[i], name)
			must(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must(t, os.WriteFile(path, []byte(text), 0o644))
		}
	}
	var got []string
	lang := Language{Namespace: []Key{NewKey("tables", "tables", func(_ *Context, tables []Table) {
		for _, number := range tables {
			got = append(got, fmt.Sprint(number))
		}
	})}}
	_, errs := Compile(lang, []File{{Path: "a.yaml", Text: []byte("namespaces: {lab: {tables: [uplink, theirs, blue, main, local, default, 7, 0x64, 4294967295]}}")}})
	if d := cmp.Diff("101 10 70000 254 255 253 7 100 4294967295", strings.Join(got, " ")); d != "" || len(errs) > 0 {
		t.Errorf("tables (-want +got):\n%s\n%v", d, errs)
	}

	_, errs = Compile(lang, []File{{Path: "a.yaml", Text: []byte(`namespaces:
  lab:
    tables:
    - uplnk
    - readme
    - 0
    - -1
    - 4294967296
    - 010
    - "10"
    - [main]
`)}})
	const unknown = " in /etc/iproute2/rt_tables: name it there, or write its number"
	want := `
a.yaml:4:7: no table is called "uplnk"` + unknown + `; did you mean "uplink"?
a.yaml:5:7: no table is called "readme"` + unknown + `
a.yaml:6:7: there is no table 0
a.yaml:7:7: expected a whole number, found "-1"
a.yaml:8:7: 4294967296 is out of range
a.yaml:9:7: 010 starts with a zero, which YAML versions read differently: write it without
a.yaml:10:7: expected a whole number, found the text "10": write it without quotes
a.yaml:11:7: expected a word, found a list`
	if d := cmp.Diff(strings.TrimSpace(want), errs.Error()); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}
