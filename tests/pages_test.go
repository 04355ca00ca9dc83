package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme checks that the README shows the example, and that its picture of a terminal shows what the demo prints. It has fewer
// than 120 lines.
func TestReadme(t *testing.T) {
	readme := read(t, "../README.md")
	if lines := strings.Count(readme, "\n"); lines >= 120 {
		t.Errorf("the README has %d lines", lines)
	}
	example := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, "../examples/links.yaml"), "")
	if yaml := blocks(readme, "yaml"); len(yaml) != 1 || yaml[0] != example {
		t.Errorf("the YAML in the README is not examples/links.yaml without its opening comment:\n%s", strings.Join(yaml, "\n"))
	}

	if os.Getuid() != 0 {
		t.Skip("the demo is played as root here; as another user it needs user namespaces, which not every kernel allows")
	}
	linkd := buildLinkd(t)
	demo, err := exec.Command("demo/run", linkd).CombinedOutput()
	if err != nil {
		t.Fatalf("the demo: %v\n%s", err, demo)
	}
	picture := terminalPicture(stepsOfDemo(string(demo)))
	if *update {
		if err := os.WriteFile("../docs/demo.svg", []byte(picture), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have := read(t, "../docs/demo.svg"); have != picture {
		t.Errorf("docs/demo.svg does not show what the demo prints (-update writes it):\n%s", demo)
	}
}

// stepsOfDemo returns the lines that the README shows of what the demo prints: the steps that begin with these words. The times in
// them are replaced.
func stepsOfDemo(demo string) (lines []string) {
	shown := false
	for i, step := range regexp.MustCompile(`(?m)^\n`).Split(demo, -1) {
		heading := regexp.MustCompile(`^[A-Z][A-Za-z-]*[:.]`).FindString(step)
		if heading != "" || i == 0 {
			shown = heading == "Preview:" || heading == "Self-healing:" || heading == "Remove:"
		}
		if shown {
			step = regexp.MustCompile(`time=[0-9.]+ ms`).ReplaceAllString(step, "time=0.4 ms")
			if len(lines) > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, strings.Split(strings.TrimRight(step, "\n"), "\n")...)
		}
	}
	return lines
}

// TestContributing holds the page to the files that its diff is said to have made.
func TestContributing(t *testing.T) {
	diffs := blocks(read(t, "../CONTRIBUTING.md"), "diff")
	if len(diffs) != 1 {
		t.Fatalf("%d diffs on the page, want 1", len(diffs))
	}
	var path string
	added := map[string][]string{}
	for line := range strings.Lines(diffs[0]) {
		if name, is := strings.CutPrefix(line, "+++ b/"); is {
			path = strings.TrimSpace(name)
		} else if text, is := strings.CutPrefix(line, "+"); is {
			added[path] = append(added[path], text)
		}
	}
	if len(added) != 2 {
		t.Errorf("a new kind of link is one file and one list line, and the diff is of %d files", len(added))
	}
	for path, lines := range added {
		if text := read(t, "../"+path); !strings.Contains(text, strings.Join(lines, "")) {
			t.Errorf("%s does not hold what the page says it was given:\n%s", path, strings.Join(lines, ""))
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the fenced blocks of a language in a Markdown page.
func blocks(page, language string) (found []string) {
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		found = append(found, m[1])
	}
	return found
}

// TestExamples holds every example to a story of its own, to the comment by which an editor finds the schema, and to say
// first of all when to choose it.
func TestExamples(t *testing.T) {
	examples, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	told := ""
	stories, err := filepath.Glob("*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range stories {
		told += read(t, story)
	}
	const modeline = "# yaml-language-server: $schema=/usr/share/linkd/linkd.schema.json\n"
	if !strings.Contains(read(t, "../docs/reference/files.md"), modeline) {
		t.Errorf("docs/reference/files.md names another schema than the examples")
	}
	// The README in /etc/linkd.d has an example, indented.
	_, example, _ := strings.Cut(read(t, "../packaging/README"), "\n    version: 1\n")
	example, _, _ = strings.Cut(example, "\nMore examples")
	validate := exec.Command(buildLinkd(t), "validate", "--strict", "-")
	validate.Stdin = strings.NewReader(regexp.MustCompile(`(?m)^    `).ReplaceAllString(example, ""))
	if out, err := validate.CombinedOutput(); err != nil || !strings.Contains(example, "links:") {
		t.Errorf("the example in packaging/README: %v\n%s\n%s", err, out, example)
	}
	folders, err := filepath.Glob("../examples/*/README.md")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no folders of examples: %v", err)
	}
	for _, readme := range folders {
		if folder := filepath.Base(filepath.Dir(readme)); !strings.Contains(told, "$EXAMPLES/"+folder) {
			t.Errorf("no story plays %s", folder)
		}
	}
	for _, path := range examples {
		opening, _, _ := strings.Cut(read(t, path), "\nversion: 1\n")
		if !strings.HasPrefix(opening, modeline) {
			t.Errorf("%s does not open with %s", path, modeline)
		}
		if !regexp.MustCompile(`(?s)^(# [^\n]*\n?)+$`).MatchString(opening) || !strings.Contains(opening, "Choose it ") {
			t.Errorf("%s does not open with a comment that says when to choose it", path)
		}
		if name := filepath.Base(path); !strings.Contains(told, "$EXAMPLES/"+name) {
			t.Errorf("no story plays %s", name)
		}
	}
}
