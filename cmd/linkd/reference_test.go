package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/reference/commands.md has each command of linkd, and no other one.
func TestTheReferenceHasEveryCommand(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`linkd .*?) \\| ").FindAllStringSubmatch(string(page), -1) {
		for _, m := range regexp.MustCompile("`linkd ([a-z]+)").FindAllStringSubmatch(row[1], -1) {
			have = append(have, m[1])
		}
	}
	for _, cmd := range newRoot(&options{}).Commands() {
		if cmd.IsAvailableCommand() {
			want = append(want, strings.Fields(cmd.Use)[0])
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if have = slices.Compact(have); !slices.Equal(have, want) {
		t.Errorf("the page has %q, linkd has %q", have, want)
	}
}
