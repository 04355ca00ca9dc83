package tests

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sentence is a sentence, a heading or a cell of a table, and where it begins.
type sentence struct {
	place   string // FILE:LINE
	text    string
	heading bool
}

// proseRules are the words and constructions that make a reader read twice, each with what to write instead.
var proseRules = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?i)\b(is|are|was|were) to (be|have|do|go|get|make|take|reach|stay|wire|let|come|say|use)\b`), `say who does it: "linkd deletes", "you must set"`},
	{regexp.MustCompile(`(?i)\bwhatever\b|\bwhoever's\b`), "name it: any, all"},
	{regexp.MustCompile(`(?i)\b(stands?|stood) on\b`), "is stacked on, depends on"},
	{regexp.MustCompile(`(?i), and else\b|, else\b`), "otherwise"},
	{regexp.MustCompile(`(?i)\bothers than\b`), "users other than"},
	{regexp.MustCompile(`(?i)\bby way of\b`), "through"},
	{regexp.MustCompile(`(?i)\b(has|have|had) (it|them|that|this) (done|gone|made)\b`), "name the verb: apply, remove"},
	{regexp.MustCompile(`(?i)\b(of others|others')(\W|$)`), "foreign, or of other programs"},
	{regexp.MustCompile(`(?i)\bby itself there (is|are)\b`), "by default"},
	{regexp.MustCompile(`(?i)\brid of\b`), "remove"},
	{regexp.MustCompile(`(?i)\bcalled otherwise\b|\botherwise than\b`), "has another name; differs from"},
	{regexp.MustCompile(`(?i)\bat one stroke\b`), "in one step, atomically"},
	{regexp.MustCompile(`(?i)\b(stands?|stood) (beside|behind|below)\b`), "is beside, follows, is below"},
	{regexp.MustCompile(`(?i)\bcomes? to have\b`), "gets"},
	{regexp.MustCompile(`(?i)\blets? (it|them|that|this|something) be\b`), "leaves alone"},
	{regexp.MustCompile(`(?i)\bgoes? home\b`), "moves back"},
	{regexp.MustCompile(`(?i)\b(knows?|knew|hears?|heard) of\b`), "knows, receives"},
	{regexp.MustCompile(`(?i)\b(is|are) root's\b`), "belongs to root; run it as root"},
	{regexp.MustCompile(`(?i)\b(that|it|this|the same) goes for\b`), "the same holds for"},
	{regexp.MustCompile(`(?i)\bmend(s|ed|ing)?\b|\bputs? (it |them )?right\b`), "repair, correct, revert"},
	{regexp.MustCompile(`(?i)\bas wanted\b`), "as declared"},
	{regexp.MustCompile(`(?i)\btaken for gone\b|\bcared for\b`), "say what linkd does"},
	{regexp.MustCompile(`(?i)\b(christen|troubled|feared)\w*\b`), "no metaphor"},
	{regexp.MustCompile(`^What [^?]*$`), `a subject: not "what leaves the files" but "resources that leave the files"`},
}

// proseExceptions are passages that break a rule, each with the reason why it may.
var proseExceptions = map[string]string{}

// mostWords is the number of words that a sentence may have.
const mostWords = 35

// proseFaults returns what is wrong with a sentence.
func proseFaults(s sentence) (faults []string) {
	for passage := range proseExceptions {
		if strings.Contains(s.text, passage) {
			return nil
		}
	}
	for _, r := range proseRules {
		if found := r.pattern.FindString(s.text); found != "" && (!s.heading || !strings.HasPrefix(found, "What ")) {
			faults = append(faults, fmt.Sprintf("%s: %q: write: %s\n\t%s", s.place, found, r.instead, s.text))
		}
	}
	if n := len(strings.Fields(s.text)); n > mostWords {
		faults = append(faults, fmt.Sprintf("%s: a sentence of %d words, at most %d are read at once\n\t%s", s.place, n, mostWords, s.text))
	}
	if s.heading && regexp.MustCompile(`^(Have|Let|It|There|And|How|What) `).MatchString(s.text) && !strings.HasPrefix(s.text, "Let the host") {
		faults = append(faults, fmt.Sprintf("%s: the heading %q is neither a task nor a noun", s.place, s.text))
	}
	return faults
}

var (
	proseComment  = regexp.MustCompile(`(?s)<!--.*?-->`)
	proseCode     = regexp.MustCompile("`[^`\n]*(?:\n[^`\n]*)?`")
	proseLink     = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	proseItem     = regexp.MustCompile(`^\s*(?:[-*]|\d+\.) `)
	sentenceEnd   = regexp.MustCompile(`[.:;?!]["')*]*(?:\s+|$)`)
	proseAbbrev   = regexp.MustCompile(`\b(e\.g|i\.e|etc|vs)\.`)
	markdownTable = regexp.MustCompile(`^\|`)
)

// markdownSentences returns the sentences of a page, without its code.
func markdownSentences(path, page string) (all []sentence) {
	blank := func(text string) string { return strings.Repeat("\n", strings.Count(text, "\n")) }
	page = proseComment.ReplaceAllStringFunc(page, blank)
	page = regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllStringFunc(page, blank)
	page = proseCode.ReplaceAllStringFunc(page, func(code string) string { return "CODE" + blank(code) })
	page = proseLink.ReplaceAllString(page, "$1")
	page = proseAbbrev.ReplaceAllString(page, "$1")
	var paragraph []string
	begin := 0
	flush := func() {
		all = append(all, split(path, begin, strings.Join(paragraph, "\n"))...)
		paragraph = nil
	}
	for i, line := range strings.Split(page, "\n") {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(line, "    ") && len(paragraph) == 0, text == "":
			flush()
		case strings.HasPrefix(line, "#"):
			flush()
			all = append(all, sentence{fmt.Sprintf("%s:%d", path, i+1), strings.TrimLeft(line, "# "), true})
		case markdownTable.MatchString(line):
			flush()
			for _, cell := range strings.Split(strings.Trim(line, "| "), "|") {
				all = append(all, split(path, i+1, cell)...)
			}
		default:
			if proseItem.MatchString(line) {
				flush()
				text = proseItem.ReplaceAllString(line, "")
			}
			if len(paragraph) == 0 {
				begin = i + 1
			}
			paragraph = append(paragraph, text)
		}
	}
	flush()
	return all
}

// split returns the sentences of a paragraph.
func split(path string, line int, text string) (all []sentence) {
	for text = strings.TrimLeft(text, " "); text != ""; {
		end := len(text)
		if at := sentenceEnd.FindStringIndex(text); at != nil {
			end = at[1]
		}
		if words := strings.Join(strings.Fields(text[:end]), " "); words != "" {
			all = append(all, sentence{place: fmt.Sprintf("%s:%d", path, line), text: words})
		}
		line += strings.Count(text[:end], "\n")
		text = text[end:]
	}
	return all
}

// yamlSentences returns the sentences in the comments of a file.
func yamlSentences(path, text string) (all []sentence) {
	var comments strings.Builder
	number := 0
	for line := range strings.Lines(text) {
		number++
		comment := regexp.MustCompile(`^\s*# (.*)\n`).FindStringSubmatch(line)
		if comment == nil || strings.Contains(comment[1], "$schema") {
			comments.WriteString("\n")
			if _, beside, is := strings.Cut(line, " # "); is {
				all = append(all, split(path, number, strings.TrimSpace(beside))...)
			}
			continue
		}
		comments.WriteString(comment[1] + "\n")
	}
	return append(all, markdownSentences(path, comments.String())...)
}

// goSentences returns the sentences in the texts of a Go file: help, messages, and the descriptions of keys. A text has at least
// four words.
func goSentences(t *testing.T, path, text string) (all []sentence) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	add := func(at token.Pos, words string) {
		words = regexp.MustCompile(`%[-+#0-9.]*[a-z]`).ReplaceAllString(words, "X")
		if len(strings.Fields(words)) >= 4 {
			all = append(all, split(path, files.Position(at).Line, proseCode.ReplaceAllString(words, "CODE"))...)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if n.Tag != nil {
				tag, _ := strconv.Unquote(n.Tag.Value)
				if m := regexp.MustCompile(`doc:("(?:[^"\\]|\\.)*")`).FindStringSubmatch(tag); m != nil {
					words, _ := strconv.Unquote(m[1])
					add(n.Tag.Pos(), words)
				}
			}
			return true
		case *ast.BinaryExpr:
			if words, is := concatenated(n); is {
				add(n.Pos(), words)
				return false
			}
		case *ast.BasicLit:
			// Text in backquotes is a template or a list, if it is no tag.
			if words, is := concatenated(n); is && !strings.HasPrefix(n.Value, "`") {
				add(n.Pos(), words)
			}
		}
		return true
	})
	return all
}

// concatenated returns the text of string literals that are joined by plus signs.
func concatenated(e ast.Expr) (text string, is bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, isLeft := concatenated(e.X)
		right, isRight := concatenated(e.Y)
		return left + right, isLeft && isRight && e.Op == token.ADD
	}
	return "", false
}

// proseFiles returns the files whose words users and developers read, from the project's directory.
func proseFiles(t *testing.T) (paths []string) {
	t.Helper()
	listed, err := exec.Command("git", "-C", "..", "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skipf("the files are those that git lists: %v", err)
	}
	for line := range strings.Lines(string(listed)) {
		path := strings.TrimSpace(line)
		switch ext := filepath.Ext(path); {
		case strings.HasPrefix(path, "tests/"), strings.HasSuffix(path, "_test.go"):
		case ext == ".md", path == "packaging/README", ext == ".go", ext == ".yaml" && strings.HasPrefix(path, "examples/"):
			paths = append(paths, path)
		}
	}
	return paths
}

func sentencesOf(t *testing.T, path string) []sentence {
	t.Helper()
	text := read(t, "../"+path)
	switch filepath.Ext(path) {
	case ".go":
		return goSentences(t, path, text)
	case ".yaml":
		return yamlSentences(path, text)
	}
	return markdownSentences(path, text)
}

// TestProse checks the words of the documentation, of help, of messages and of examples. It knows no grammar: it finds the words and
// constructions of proseRules, long sentences, and pages that do not begin with a sentence.
func TestProse(t *testing.T) {
	used := map[string]bool{}
	for _, path := range proseFiles(t) {
		all := sentencesOf(t, path)
		for _, s := range all {
			for passage := range proseExceptions {
				used[passage] = used[passage] || strings.Contains(s.text, passage)
			}
			for _, fault := range proseFaults(s) {
				t.Error(fault)
			}
		}
		if isPage(path) && !beginsWithSentence(all) {
			t.Errorf("%s does not begin with a sentence that says what it is about", path)
		}
	}
	for passage := range proseExceptions {
		if !used[passage] {
			t.Errorf("the exception %q is not needed any more", passage)
		}
	}
}

// isPage reports whether a file is a page, and not a piece that is put into one.
func isPage(path string) bool {
	return filepath.Ext(path) == ".md" && !strings.HasPrefix(path, "pkg/reference/text/") && !strings.HasPrefix(path, "internal/")
}

// beginsWithSentence reports whether a heading comes first, and then a sentence.
func beginsWithSentence(all []sentence) bool {
	return len(all) > 1 && all[0].heading && !all[1].heading && strings.ContainsAny(all[1].text[len(all[1].text)-1:], ".:")
}

// The check finds what it is for.
func TestProseFindsFaults(t *testing.T) {
	long := strings.Repeat("word ", mostWords+1) + "end."
	page := "# Have it gone\n\nWhat leaves the files leaves the kernel. The file is to be removed. " + long + "\n\n- It stands beside others'.\n\n| key | what `is to be` shown |\n\n```\nThis is to be code.\n```\n"
	var found []string
	for _, s := range markdownSentences("a.md", page) {
		for _, fault := range proseFaults(s) {
			found = append(found, strings.SplitN(fault, "\n", 2)[0])
		}
	}
	want := []string{
		`a.md:1: "Have it gone": write: name the verb: apply, remove`,
		`a.md:1: the heading "Have it gone" is neither a task nor a noun`,
		`a.md:3: "What leaves the files leaves the kernel.": write: a subject: not "what leaves the files" but "resources that leave the files"`,
		`a.md:3: "is to be": write: say who does it: "linkd deletes", "you must set"`,
		`a.md:3: a sentence of 37 words, at most 35 are read at once`,
		`a.md:5: "others'.": write: foreign, or of other programs`,
		`a.md:5: "stands beside": write: is beside, follows, is below`,
	}
	if !slices.Equal(found, want) {
		t.Errorf("found %q\nwant %q", found, want)
	}
	for _, source := range []string{
		"package a\n\nvar x = f(\"this file \" + \"is to be removed\")\n",
		"package a\n\ntype a struct {\n\tB int `yaml:\"b\" doc:\"it is to be shown here\"`\n}\n",
	} {
		all := goSentences(t, "a.go", source)
		if len(all) != 1 || len(proseFaults(all[0])) != 1 {
			t.Errorf("%q: found %v", source, all)
		}
	}
	all := yamlSentences("a.yaml", "a: 1\n# It is\n# to be shown.\nb: 2 # whatever it is\n")
	if len(all) != 2 || len(proseFaults(all[0])) != 1 || all[0].place != "a.yaml:4" || len(proseFaults(all[1])) != 1 || all[1].place != "a.yaml:2" {
		t.Errorf("found %v", all)
	}
	for page, begins := range map[string]bool{"# A\n\nThis is a page.\n": true, "# A\n\n## B\n\nThis.\n": false, "This is a page.\n": false, "# A\n\n- a list\n": false} {
		if beginsWithSentence(markdownSentences("a.md", page)) != begins {
			t.Errorf("%q begins with a sentence: want %v", page, begins)
		}
	}
}
