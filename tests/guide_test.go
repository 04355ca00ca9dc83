package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A page of the guide is a story: the test types what the reader types, and compares what the page shows. A block that begins
// with ```console is a transcript (see the command transcript). Any other block has a comment in its first line that names a
// file, and is that file. A comment of the page that begins with `<!-- story` has lines of a story that readers do not type:
// they prepare the machine, and check what the page says.
//
// The next word says where the test plays the story: in an empty sandbox if there is none, or with docker, systemd or fleet. A file
// without such a word is in all of these places.
const (
	anywhere = ""
	docker   = "docker"
	systemd  = "systemd"
	ofFleet  = "fleet"
)

// folderPlaces are the places of the folders of stories.
var folderPlaces = map[string]string{"stories": anywhere, "engines": docker, "systemd": systemd, "fleet": ofFleet}

var guideBlock = regexp.MustCompile("(?ms)^(?:```([a-z]+)(?: ([a-z]+))?\n(.*?)^```$|<!-- story(?: ([a-z]+))?\n(.*?)^-->$)")

// fileLine is the line of a block that says which file it is.
var fileLine = regexp.MustCompile(`^# (/\S+|\S+\.ya?ml)\n`)

// part is a block of a page, or a comment with lines of a story.
type part struct {
	line                  int
	language, place, text string
	told                  bool // it is lines of a story
}

func (p part) file() string {
	if m := fileLine.FindStringSubmatch(p.text); m != nil && !p.told && p.language != "console" {
		return m[1]
	}
	return ""
}

func partsOf(page string) (parts []part) {
	for _, m := range guideBlock.FindAllStringSubmatchIndex(page, -1) {
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return page[m[2*n]:m[2*n+1]]
		}
		p := part{line: 1 + strings.Count(page[:m[0]], "\n"), language: group(1), place: group(2), text: group(3)}
		if p.language == "" {
			p.told, p.place, p.text = true, group(4), group(5)
		}
		parts = append(parts, p)
	}
	return parts
}

// rewrite is a page with another text in the block of that number.
func rewrite(page string, number int, text string) string {
	m := guideBlock.FindAllStringSubmatchIndex(page, -1)[number]
	return page[:m[6]] + text + page[m[7]:]
}

// guideFolders are the folders of the guide. The tests play every page in them.
var guideFolders = []string{"tutorial", "how-to", "explanation"}

// pagesOfTheGuide returns the paths of all pages of the guide. Their names are unique, because the stories are called so.
func pagesOfTheGuide(t *testing.T) (pages []string) {
	t.Helper()
	names := map[string]bool{}
	for _, folder := range guideFolders {
		found, err := filepath.Glob(filepath.Join("../docs", folder, "*.md"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no pages in docs/%s: %v", folder, err)
		}
		for _, page := range found {
			if name := filepath.Base(page); names[name] {
				t.Errorf("two pages are called %s", name)
			}
			names[filepath.Base(page)] = true
		}
		pages = append(pages, found...)
	}
	return pages
}

// guidePages are the pages with something to tell where the stories of a folder are told, each with that place after a #.
func guidePages(t *testing.T, folder string) (stories []string) {
	t.Helper()
	place, told := folderPlaces[folder]
	if !told {
		return nil
	}
	for _, page := range pagesOfTheGuide(t) {
		if slices.ContainsFunc(partsOf(read(t, page)), func(p part) bool { return p.language == "console" && p.place == place }) {
			stories = append(stories, page+"#"+place)
		}
	}
	return stories
}

// storyOfPage is a page as a story that is told in a place.
func storyOfPage(page, text, place string) string {
	var script, files strings.Builder
	for i, p := range partsOf(text) {
		name := fmt.Sprintf("line-%d", p.line)
		switch file := p.file(); {
		case file != "" && (p.place == place || p.place == anywhere):
			fmt.Fprintf(&script, "mkdir %s\ncp %s %s\n", filepath.Dir(file), name, file)
			fmt.Fprintf(&files, "-- %s --\n%s", name, p.text)
		case p.place != place:
		case p.told:
			script.WriteString(p.text)
		case p.language == "console":
			fmt.Fprintf(&script, "transcript %s %s %d\n", name, page, i)
			fmt.Fprintf(&files, "-- %s --\n%s", name, p.text)
		}
	}
	return script.String() + files.String()
}

// writeStory makes a file of the story that a page is, or the examples of another project; any other story is a file already.
func writeStory(story string) (file string, err error) {
	page, place, is := strings.Cut(story, "#")
	if filepath.Base(filepath.Dir(story)) == "peers" {
		text, err := storyOfPeers(story)
		if err != nil {
			return "", err
		}
		file = filepath.Join(os.TempDir(), filepath.Base(story))
		return file, os.WriteFile(file, []byte(text), 0o644)
	}
	if !is {
		return story, nil
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return "", err
	}
	if page, err = filepath.Abs(page); err != nil {
		return "", err
	}
	file = filepath.Join(os.TempDir(), strings.TrimSuffix(filepath.Base(page), ".md")+".txtar")
	return file, os.WriteFile(file, []byte(storyOfPage(page, string(text), place)), 0o644)
}

// commandTable is a table with a column of commands first.
var commandTable = regexp.MustCompile(`(?m)^\| command \|.*\n(?:\|.*\n)+`)

// pictureFirst matches the beginning of a page: a heading, one or two paragraphs, and a picture. In tutorial and how-to, it is the
// picture of the page's own file (see internal/docgen).
var pictureFirst = regexp.MustCompile(`^# .+\n\n(?:[^!#\n].*\n)+\n(?:(?:[^!#\n].*\n)+\n)?!\[[^\]]+\]\([^)]+\.svg\)\n`)

// TestGuide checks that the tests play everything on the pages: every block is a transcript or a file, and each command in a
// table is also in a transcript of that page, if the page has any.
func TestGuide(t *testing.T) {
	places := map[string]bool{anywhere: true, docker: true, systemd: true, ofFleet: true}
	index := read(t, "../docs/README.md")
	for _, path := range pagesOfTheGuide(t) {
		text, name := read(t, path), filepath.Base(path)
		parts := partsOf(text)
		typed := ""
		for _, p := range parts {
			if !places[p.place] || (p.language != "console" && p.file() == "" && !p.told) {
				t.Errorf("%s:%d: the block %q %q is neither typed nor a file", name, p.line, p.language, p.place)
			}
			if p.language == "console" {
				typed += p.text
			}
		}
		if fences := strings.Count("\n"+text, "\n```"); fences != 2*len(slices.DeleteFunc(parts, func(p part) bool { return p.told })) {
			t.Errorf("%s has %d lines of three backquotes, and the blocks are not those", name, fences)
		}
		for _, table := range commandTable.FindAllString(text, -1) {
			for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(table, -1) {
				if !strings.Contains(typed, m[1]) {
					t.Errorf("%s: nobody types %s", name, m[1])
				}
			}
		}
		if !pictureFirst.MatchString(guideBlock.ReplaceAllString(text, "")) {
			t.Errorf("%s does not begin with a heading, a paragraph that says what it is about, and a picture", name)
		}
		if link := strings.TrimPrefix(path, "../docs/"); !strings.Contains(index, "]("+link+")") {
			t.Errorf("docs/README.md does not lead to %s", link)
		}
	}
}
