package link

import (
	"os"
	"path/filepath"
	"testing"

	"linkd/pkg/kind/conform"
)

// FAULTS 38: a file that cannot be read now may be read later, and is read once then.
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
