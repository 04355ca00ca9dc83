package link

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"linkd/pkg/kind/conform"
)

// FAULTS 38: linkd reads a file again that it could not read, and reads it once only.
func TestAFileThatCannotBeReadIsTriedAgain(t *testing.T) {
	f := file{path: filepath.Join(t.TempDir(), "file")}
	if _, err := f.get(); !os.IsNotExist(err) {
		t.Errorf("read: %v", err)
	}
	for _, text := range []string{"first", "second"} {
		conform.Must(t, os.WriteFile(f.path, []byte(text), 0o600))
		if got, err := f.get(); string(got) != "first" {
			t.Errorf("read %q: %v", got, err)
		}
	}
}

// FAULTS 55: a link has the same address after a reboot, and no other machine or instance of linkd has it.
func TestAMACSurvivesAReboot(t *testing.T) {
	boot, machine := bootID, machineID
	defer func() { bootID, machineID = boot, machine }()
	dir := t.TempDir()
	on := func(machine, boot, instance string) string {
		t.Helper()
		for name, text := range map[string]string{"machine": machine, "boot": boot} {
			err := os.Remove(filepath.Join(dir, name))
			if text != "" {
				err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		machineID, bootID = &file{path: filepath.Join(dir, "machine")}, &file{path: filepath.Join(dir, "boot")}
		key, of, err := macKey(instance)
		conform.Must(t, err)
		return (&Link{Cable: "cable", Name: "eth0"}).macFrom(key, of)
	}
	const one, two = "0123456789abcdef0123456789abcdef\n", "fedcba9876543210fedcba9876543210\n"
	before := on(one, "first boot", "/run/linkd")
	if after := on(one, "second boot", "/run/linkd"); after != before {
		t.Errorf("after a reboot %s, before it %s", after, before)
	}
	for _, other := range []string{on(two, "first boot", "/run/linkd"), on(one, "first boot", "/run/other")} {
		if other == before {
			t.Errorf("another machine or instance has %s, too", other)
		}
	}
	for _, none := range []string{"", "uninitialized\n"} {
		if on(none, "first boot", "/run/linkd") == on(none, "second boot", "/run/linkd") {
			t.Errorf("machine-id %q: the same address on what may be two machines", none)
		}
	}
}
