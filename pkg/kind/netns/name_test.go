package netns

import (
	"path/filepath"
	"testing"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// FuzzName: whatever a namespace is called, in a file or in what the journal has become, its name is one in /run/netns.
func FuzzName(f *testing.F) {
	for _, name := range []string{"lab", "", ".", "..", "/", "a/b", "../x", "a/../../b", "..\x00", "-x", "a:b", "\x1b[31m", "\xff", "x\n"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n, known := kind{}.FromID(spec.ID{NS: spec.Host, Kind: "netns", Key: name})
		if known && (filepath.Dir(n.path()) != observe.NetnsDir || filepath.Base(n.path()) != name) {
			t.Errorf("%q is at %q", name, n.path())
		}
		if s, err := spec.ParseSelector("name:" + name); (err == nil) != known || err == nil && s.Value != name {
			t.Errorf("%q is a name in a journal: %v, and in a file: %v", name, known, err)
		}
	})
}
