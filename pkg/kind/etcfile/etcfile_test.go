package etcfile

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/conform"
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

func TestMain(m *testing.M) { conform.Main(m) }

func TestConform(t *testing.T) {
	conform.NeedsSandbox(t)
	// The files are the machine's own otherwise.
	conform.Must(t, unix.Mount("tmpfs", "/etc", "tmpfs", 0, ""))
	t.Cleanup(func() { conform.Must(t, unix.Unmount("/etc", 0)) })
	conform.Must(t, os.MkdirAll(filepath.Join(Dir, "theirs"), 0o755))
	conform.Must(t, os.WriteFile(filepath.Join(Dir, "theirs", hostsName), []byte("127.0.0.1 localhost\n"), 0o600))
	file := func(name, text string) *File {
		return &File{Host: conform.LabName, Namespace: "web", Name: name, Text: text}
	}
	conform.Conform(t, Kind, conform.Example{
		Want: []spec.Resource{file(hostsName, "127.0.0.1\tlocalhost\n"), file(resolvName, "nameserver 10.0.0.1\noptions rotate\n")},
		Changes: []conform.Change{
			conform.To(file(resolvName, "nameserver 10.0.0.2\n"), "text: nameserver 10.0.0.1; options rotate -> nameserver 10.0.0.2"),
		},
	})
	if left, err := os.ReadDir(Dir); err != nil || len(left) != 1 || left[0].Name() != "theirs" {
		t.Errorf("left in %s: %v, %v", Dir, left, err)
	}
}

// What is shown of a file is what it was made of.
func TestShownAsDeclared(t *testing.T) {
	d := dns{Nameservers: []address.IP{address.IP(netip.MustParseAddr("10.0.0.1")), address.IP(netip.MustParseAddr("fd00::1"))}, Search: []domain{"example.org", "lab"}, Options: []option{"ndots:2"}}
	if again := parseDNS(d.text()); again.text() != d.text() {
		t.Errorf("got %q, want %q", again.text(), d.text())
	}
	h := hosts{"db": address.IP(netip.MustParseAddr("10.0.0.2")), "a.b": address.IP(netip.MustParseAddr("fd00::2"))}
	if again := parseHosts(h.text()); again.text() != h.text() || len(again) != len(h) {
		t.Errorf("got %q, want %q", again.text(), h.text())
	}
	if spoilt := parseDNS("nameserver x\nsearch ; ..\noptions A\nsortlist 1\n"); spoilt.text() != "" {
		t.Errorf("got %q of a file that others have changed", spoilt.text())
	}
}
