package etcfile

import (
	"path/filepath"
	"testing"

	"linkd/pkg/spec"
)

// FuzzKey: whatever a journal has become, the file of an ID is one of the two in a directory of a namespace.
func FuzzKey(f *testing.F) {
	for _, key := range []string{"netns/lab/hosts", "netns/lab/resolv.conf", "netns/../hosts", "netns//hosts", "netns/a/b/hosts", "netns/lab/../../passwd", "lab/hosts", "", "netns/-x/hosts"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		file, known := kind{}.FromID(spec.ID{NS: spec.Host, Kind: kindName, Key: key})
		at := filepath.Join(Dir, file.relative())
		if known && (filepath.Dir(filepath.Dir(at)) != Dir || filepath.Base(at) != resolvName && filepath.Base(at) != hostsName) {
			t.Errorf("%q is at %q", key, at)
		}
		if known && file.ID().Key != key {
			t.Errorf("%q has the key %q", key, file.ID().Key)
		}
	})
}
