package spec

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzLoad: whatever stands in a file, it is read without a panic, in the same way each time, and each error tells a
// file. What is right stays right beside a file that is wrong.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/load/*.yaml")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, seed := range seeds {
		text, err := os.ReadFile(seed)
		must(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := File{Path: "a.yaml", Text: text}
		desired, errs := Compile(toys, []File{file})
		again, errsAgain := Compile(toys, []File{file})
		if d := cmp.Diff(say(desired)+errs.Error(), say(again)+errsAgain.Error()); d != "" {
			t.Errorf("read twice (-first +second):\n%s", d)
		}
		for _, e := range errs {
			if e.File != "a.yaml" || e.Message == "" || (e.Line == 0) != (e.Column == 0) {
				t.Errorf("an error without its place: %q", e)
			}
		}
		beside, _ := Compile(toys, []File{file, {Path: "b.yaml", Text: []byte("links: [")}})
		if d := cmp.Diff(say(desired), say(beside)); d != "" {
			t.Errorf("beside a file that is wrong (-alone +beside):\n%s", d)
		}
		for _, r := range desired.Resources.All() {
			if _, declared := desired.Namespaces[r.ID().NS]; !declared && r.ID().NS != Host {
				t.Errorf("%s is in a namespace that is not declared", r.ID())
			}
		}
	})
}
