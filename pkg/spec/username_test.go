package spec

import (
	"strings"
	"testing"
)

func TestUserNames(t *testing.T) {
	for _, good := range []string{"root", "0", "1000", "4294967294", "_apt", "web.site", "alice@example.com", `EXAMPLE\alice`, "1a", "systemd-network"} {
		if err := checkUserName(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "010", "4294967295", "99999999999999999999", "-1", "-web", "a:b", "a/b", "a,b", "a\nb", " a", "a ", ".", "..", strings.Repeat("a", 257)} {
		if checkUserName(bad) == nil {
			t.Errorf("%q is taken for a user", bad)
		}
	}
}

func TestASelectorIsPutTogetherAgain(t *testing.T) {
	for _, s := range []Selector{{Scheme: "process", Value: "sleep 1"}, {Scheme: "process", Value: "sleep 1", User: "web"}, {Scheme: Host}} {
		if again, ok := SelectorOf(s.Notation()); !ok || again != s {
			t.Errorf("%v became %v", s, again)
		}
	}
	if _, ok := SelectorOf(nil); ok {
		t.Error("no words are a selector")
	}
}

// A selector in place cannot say the user, so a namespace that is only referred to is declared.
func TestAPageDeclaresTheNamespaceOfAUser(t *testing.T) {
	p := NewDocument(Language{})
	mine := Namespace{Name: "mine", Selector: Selector{Scheme: "process", Value: "sleep 1", User: "web"}}
	others := Namespace{Name: "others", Selector: Selector{Scheme: "process", Value: "sleep 2"}}
	p.Declare(mine, false)
	p.Declare(others, false)
	if name := p.Reference("mine"); name != "mine" {
		t.Errorf("it is referred to as %s", name)
	}
	if name := p.Reference("others"); name != "process:sleep 2" {
		t.Errorf("the other is referred to as %s", name)
	}
	said := map[End]bool{}
	if n := p.namespaceNodes(said); len(n.Content) != 2 || n.Content[0].Value != "mine" || ValueOf(n.Content[1], "user") == nil || ValueOf(n.Content[1], "from").Value != "process:sleep 1" {
		t.Errorf("the page has %d nodes", len(n.Content))
	}
}
