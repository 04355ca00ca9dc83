package doctor

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/doctor.md")

// The page in docs is what the checks say of themselves.
func TestTheDocsAreOfToday(t *testing.T) {
	const path = "../../docs/doctor.md"
	if *update {
		if err := os.WriteFile(path, []byte(Page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if d := cmp.Diff(string(have), Page()); err != nil || d != "" {
		t.Errorf("%s is not of today: `make reference` writes it anew (%v)\n%s", path, err, d)
	}
}

// Every file with a check is in the list, and every check has a name of its own and something to say of itself.
func TestEveryCheckIsInTheList(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Checks {
		if names[c.Name] || c.Name == "" || !strings.HasSuffix(c.Doc, ".") {
			t.Errorf("the check %q is there twice, has no name, or says nothing of itself: %q", c.Name, c.Doc)
		}
		names[c.Name] = true
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		made += strings.Count(string(text), " = newCheck(")
	}
	if made != len(Checks) {
		t.Errorf("there are %d checks, and %d are in the list", made, len(Checks))
	}
}
