package reference

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// sections are the parts of the page by the fragment that leads to each.
func sections(t *testing.T, page string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^#+ `).Split(page, -1)[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		if _, twice := found[anchor(heading)]; twice {
			t.Errorf("two sections are called %q", heading)
		}
		found[anchor(heading)] = text
	}
	return found
}

func TestThePageHasEveryKey(t *testing.T) {
	text := Page(language)
	sections := sections(t, text)
	p := &page{lang: language, model: newModel(language)}
	for _, o := range p.model.objects {
		places := []*object{o}
		if lesser := p.lesser(o); lesser != nil {
			places = append(places, lesser)
		}
		for _, k := range o.keys {
			rows := 0
			for _, place := range places {
				rows += strings.Count(sections[anchor(p.heading(place.name))], fmt.Sprintf("\n| `%s` | ", k.name))
			}
			if rows != 1 {
				t.Errorf("%s.%s has %d rows", o.name, k.name, rows)
			}
		}
	}
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		if _, there := sections[link[1]]; !there {
			t.Errorf("a link leads to #%s, and there is no such section", link[1])
		}
	}
	for _, r := range kind.All() {
		if !strings.Contains(sections["ownership"], "/"+r.Name+"/") {
			t.Errorf("nothing is said of who owns resources of kind %s", r.Name)
		}
	}
}

// Every text is on the page, and every example in it is right.
func TestTheTextsAreRight(t *testing.T) {
	page := Page(language)
	files, err := fs.Glob(texts, "text/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text := string(must[[]byte](t)(texts.ReadFile(name)))
		for _, line := range strings.Split(text, "\n") {
			if line != "{{table}}" && !strings.Contains(page, strings.TrimPrefix(line, "# ")) {
				t.Errorf("%s is not on the page: nothing in the language is called so", name)
				break
			}
		}
	}
	schema := compiled(t, "")
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		if _, errs := spec.Compile(language, []spec.File{{Path: "example", Text: []byte(block[1])}}); len(errs) > 0 {
			t.Errorf("%s\n%s", errs, block[1])
		}
		if err := accepts(schema, block[1]); err != nil {
			t.Errorf("%v\n%s", err, block[1])
		}
	}
}
