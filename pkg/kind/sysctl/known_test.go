package sysctl

import (
	"io/fs"
	"os"
	"testing"
)

// What this kernel has is no unknown setting, in whatever group it is.
func TestSettingsOfThisKernelAreKnown(t *testing.T) {
	settings := 0
	err := fs.WalkDir(os.DirFS("/proc/sys"), "net", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			// An interface can be removed meanwhile.
			return nil
		}
		settings++
		if unknown, _ := isUnknown(path); unknown {
			t.Errorf("%s is taken for unknown", path)
		}
		return nil
	})
	if err != nil || settings == 0 {
		t.Errorf("%d settings, %v", settings, err)
	}
	for _, path := range []string{"net/ipv4/ip_foward", "net/ipv6/conf/eth0/forwading", "net/ipv4/neigh/default/x"} {
		if unknown, others := isUnknown(path); !unknown || len(others) == 0 {
			t.Errorf("%s is taken for known", path)
		}
	}
}
