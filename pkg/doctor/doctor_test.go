package doctor

import (
	"os"
	"strings"
	"testing"
)

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
