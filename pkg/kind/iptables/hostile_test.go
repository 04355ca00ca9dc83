package iptables

import (
	"strings"
	"testing"
)

// Root in a namespace chooses the names of chains and the comments of rules there. None of them becomes a separate word or line in
// the input of a program that runs as root.
func TestWhatOthersNameIsNotSaidBack(t *testing.T) {
	for _, text := range []string{
		"*filter\n:FORWARD ACCEPT [0:0]\n:LINKD-\"a -M /tmp/x\" - [0:0]\nCOMMIT\n",
		"*filter\n:FORWARD ACCEPT [0:0]\n:LINKD-\"a\n-A INPUT -j ACCEPT\n\" - [0:0]\nCOMMIT\n",
		"*filter\n:FORWARD ACCEPT [0:0]\n:LINKD-$x - [0:0]\nCOMMIT\n",
		"*filter\n:FORWARD ACCEPT [0:0]\n:LINKD-FORWARD - [0:0]\n[0:0] -A FORWARD -m comment --comment \"linkd:x\n-A INPUT -M /tmp/x\" -j LINKD-FORWARD\nCOMMIT\n",
		"*filter\n:FORWARD ACCEPT [0:0]\n:LINKD-FORWARD - [0:0]\n[0:0] -A LINKD-FORWARD -m comment --comment \"linkd:x\n-A INPUT -M /tmp/x\" -j ACCEPT\nCOMMIT\n",
	} {
		tables, err := readTables(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		filter := tables["filter"]
		for _, r := range filter.resources("evil", familyNamed("iptables"), surroundings{}) {
			c, is := r.(*Chain)
			if !is {
				continue
			}
			gone, _ := endScript(filter, []*Chain{c})
			none := &Chain{NS: "evil", Family: "iptables", Table: "filter", Name: c.Name}
			for _, s := range []*script{gone, newScript(filter, familyNamed("iptables"), []*Chain{none}, surroundings{})} {
				if said := s.String(); strings.Contains(said, "/tmp/x") || strings.Contains(said, "INPUT") {
					t.Errorf("of %q linkd says:\n%s", text, said)
				}
			}
		}
	}
}
