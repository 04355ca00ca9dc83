package tests

import (
	"regexp"
	"strings"
	"testing"

	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// codeSpan is a piece of code in a line.
var codeSpan = regexp.MustCompile("`([^`]+)`")

// TestPeersPage checks that linkd has every key and kind that the page "What I used to use" names in its column linkd: a span with a
// colon is part of a valid file, and any other one is a word of the language or a command.
func TestPeersPage(t *testing.T) {
	page := read(t, "../docs/reference/what-i-used-to-use.md")
	language := read(t, "../docs/reference/files.md")
	commands := read(t, "../docs/reference/commands.md")
	checked := 0
	for row := range strings.Lines(page) {
		// A list of code may have a | itself, but has none so far.
		cells := strings.Split(row, " | ")
		if len(cells) != 2 || strings.HasPrefix(row, "| ---") {
			continue
		}
		for _, span := range codeSpan.FindAllStringSubmatch(cells[1], -1) {
			text := span[1]
			known := false
			switch command, is := strings.CutPrefix(text, "linkd "); {
			case is:
				known = strings.Contains(commands, "## linkd "+command+"\n") || strings.Contains(commands, "`linkd "+command)
			case strings.Contains(text, ":"):
				known = isPartOfAFile(text)
			default:
				known = text == "host" || text == "lan" || strings.Contains(language, "\n| `"+text+"` |") || strings.Contains(language, "### `"+text+"`\n")
			}
			if checked++; !known {
				t.Errorf("linkd does not have `%s`: %s", text, row)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d pieces of code were found", checked)
	}
}

// isPartOfAFile reports whether keys in flow style are valid: as a document, as the keys of a link or of an end, or as those of a
// namespace.
func isPartOfAFile(keys string) bool {
	for _, around := range [][2]string{
		{"", ""},
		{"pools: {lan: {range: 10.0.0.0/24}}\nlinks: {x: {", "}}"},
		{"pools: {lan: {range: 10.0.0.0/24}}\nlinks: {x: {kind: existing, name: eth0, ", "}}"},
		{"links: {x: {kind: dummy, ", "}}"},
		{"links: {x: {kind: vxlan, id: 7, ", "}}"},
		{"links: {x: {kind: wireguard, ", "}}"},
		{"namespaces: {host: {", "}}"},
	} {
		if _, errs := spec.Compile(kind.Language(), []spec.File{{Path: "keys.yaml", Text: []byte(around[0] + keys + around[1])}}); len(errs) == 0 {
			return true
		}
	}
	return false
}
