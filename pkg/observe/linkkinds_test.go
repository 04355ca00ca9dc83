package observe

import (
	"os"
	"path/filepath"
	"testing"
)

// A kind of link is a module, or built in, or not to be had; a kernel that does not list the latter cannot be asked.
func TestListedKindsOfLinks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := listed(dir, "vlan"); err == nil {
		t.Error("a kernel without a list is no error")
	}
	write("modules.alias", "# Aliases extracted from modules themselves.\nalias rtnl-link-vlan 8021q\nalias rtnl-link-macvtap macvtap\n")
	if _, err := listed(dir, "veth"); err == nil {
		t.Error("a kernel that does not list what is built in is no error")
	}
	write("modules.builtin.modinfo", "bridge.license=GPL\x00bridge.alias=rtnl-link-bridge\x00ipv6.alias=net-pf-10\x00")
	for kind, want := range map[string]bool{"vlan": true, "bridge": true, "macvlan": false, "macv": false, "brid": false} {
		if have, err := listed(dir, kind); have != want || err != nil {
			t.Errorf("%s: have %v, %v, want %v", kind, have, err, want)
		}
	}
}
