package tests

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mostGlossaryLines is how long the explanation of a term may be.
const mostGlossaryLines = 2

// innerTerms is the section with the terms of the code, which pages for users do not need.
const innerTerms = "Inside the daemon"

// term is a term of the glossary.
type term struct {
	word, section string
}

var (
	glossaryEntry = regexp.MustCompile(`(?m)^- \*\*.*\n(?:  .*\n)*`)
	glossaryTerm  = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	// emphasis is text between single asterisks. The pages introduce terms so; a button of the page begins with a capital.
	emphasis = regexp.MustCompile(`(?:^|[^*\w])\*([a-z][^*\n]*)\*(?:[^*\w]|$)`)
)

// justEmphasis are words between asterisks that are no terms.
var justEmphasis = []string{"again", "main", "perhaps", "floor", "default", "linkd", "namespace"}

// glossary returns the terms of a glossary, and what is wrong with its form.
func glossary(page string) (terms []term, faults []string) {
	for _, section := range strings.Split(page, "\n## ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		for _, entry := range glossaryEntry.FindAllString(text, -1) {
			head, _, isExplained := strings.Cut(entry, "**: ")
			for _, found := range glossaryTerm.FindAllStringSubmatch(head+"**", -1) {
				if slices.ContainsFunc(terms, func(t term) bool { return t.word == found[1] }) {
					faults = append(faults, fmt.Sprintf("%s is explained twice", found[1]))
				}
				terms = append(terms, term{found[1], title})
			}
			if n := strings.Count(entry, "\n"); n > mostGlossaryLines || !isExplained {
				faults = append(faults, fmt.Sprintf("%s has no explanation of at most %d lines", strings.TrimPrefix(head, "- "), mostGlossaryLines))
			}
		}
	}
	return terms, faults
}

// uses reports whether a text has a term, also with an ending: looks, applied, restored.
func uses(text, word string) bool {
	stem := strings.TrimSuffix(strings.TrimSuffix(word, "e"), "y")
	return regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(stem)).MatchString(text)
}

// The glossary explains each term that a page introduces and each state that a resource or a file can have, and no term that nobody
// uses.
func TestGlossary(t *testing.T) {
	terms, faults := glossary(read(t, "../docs/glossary.md"))
	for _, fault := range faults {
		t.Error(fault)
	}
	isTerm := func(word string) bool {
		return slices.ContainsFunc(terms, func(t term) bool { return t.word == word })
	}
	var pages strings.Builder
	for _, path := range proseFiles(t) {
		if path == "docs/glossary.md" || filepath.Ext(path) != ".md" {
			continue
		}
		text := read(t, "../"+path)
		if !strings.HasPrefix(path, "pkg/") {
			for _, found := range emphasis.FindAllStringSubmatch(proseCode.ReplaceAllString(text, "CODE"), -1) {
				if word := strings.TrimSuffix(found[1], "s"); !isTerm(word) && !slices.Contains(justEmphasis, found[1]) {
					t.Errorf("%s introduces *%s*, and the glossary does not explain it", path, found[1])
				}
			}
		}
		if path != "docs/architecture.md" {
			pages.WriteString(text)
		}
	}
	for _, file := range []string{"reconcile/verdict.go", "spec/lastgood.go"} {
		states := regexp.MustCompile(`(?:State|FileLoaded|s\.State)\s+= "(\w+)"`).FindAllStringSubmatch(read(t, "../pkg/"+file), -1)
		if len(states) < 2 {
			t.Errorf("pkg/%s declares no states any more: this test looks for them in the wrong place", file)
		}
		for _, state := range states {
			if !isTerm(state[1]) {
				t.Errorf("pkg/%s has the state %q, and the glossary does not explain it", file, state[1])
			}
		}
	}
	code := read(t, "../docs/architecture.md")
	for _, pattern := range []string{"../pkg/reconcile/*.go", "../pkg/kind/*/*.go"} {
		files, _ := filepath.Glob(pattern)
		for _, path := range files {
			code += read(t, path)
		}
	}
	for _, term := range terms {
		if text := pages.String(); term.section != innerTerms && !uses(text, term.word) || term.section == innerTerms && !uses(code, term.word) {
			t.Errorf("the glossary explains %s, and nobody uses it", term.word)
		}
	}
}

// The check finds what it is for.
func TestGlossaryFindsFaults(t *testing.T) {
	terms, faults := glossary("# Glossary\n\nWords.\n\n## States\n\n- **ok**: Good.\n- **kept**, **ok**: Not good.\n- **long**: One,\n  two,\n  three.\n- **empty**\n")
	if want := []term{{"ok", "States"}, {"kept", "States"}, {"ok", "States"}, {"long", "States"}, {"empty", "States"}}; !slices.Equal(terms, want) {
		t.Errorf("terms %v, want %v", terms, want)
	}
	if want := []string{"ok is explained twice", "**long has no explanation of at most 2 lines", "**empty**\n has no explanation of at most 2 lines"}; !slices.Equal(faults, want) {
		t.Errorf("faults %q, want %q", faults, want)
	}
	if !uses("linkd applied it", "apply") || !uses("two Lanes", "lane") || uses("planet", "net") {
		t.Error("a use of a term is not found, or a part of another word is one")
	}
}
