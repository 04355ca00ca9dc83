package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The generated files in docs are what the code makes of them today.
func TestTheDocsAreOfToday(t *testing.T) {
	files, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join("../../docs", name))
		if d := cmp.Diff(string(have), want); err != nil || d != "" {
			t.Errorf("docs/%s is not of today: run make reference (%v)\n%s", name, err, d)
		}
	}
}
