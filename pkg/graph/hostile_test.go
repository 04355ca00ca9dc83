package graph

import (
	"encoding/xml"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostile are names that contain special characters of the three languages. Other users can choose such names.
var hostile = []string{
	`"]; x -- y; n0 [label="`, `</text><script>alert(1)</script>`, `&amp;&lt;`, "two\nlines", "\x1b[31mred", "\x00\xff", `back\slash\`, `\N\G\l`,
	`{a|b}`, `#quot;#35;`, "`*code*`", "%%comment", "1. one", "- item", "end", "ünter", "包", "<b>", "a]b)c}", "\u2028\u202e", "--> n9",
}

// hostilePicture returns a picture with the hostile names wherever a picture has text.
func hostilePicture() *Picture {
	p := &Picture{Version: 1}
	for i, name := range hostile {
		state := States[i%len(States)].State
		mark := Status{state, name}
		p.Namespaces = append(p.Namespaces, &Node{
			Name: name, Selector: name, Status: mark, Notes: []Note{{name, mark}},
			Interfaces: []*Interface{{Name: name, Kind: name, Status: mark, Details: []string{name}, Notes: []Note{{name, Status{State: OK}}}}},
		})
		p.Remotes = append(p.Remotes, &Node{Name: name, Status: mark})
		p.Lines = append(p.Lines, &Line{Tunnel, End{name, name}, End{Name: name}, mark})
		if i > 0 {
			p.Lines = append(p.Lines, &Line{Cable, End{hostile[i-1], hostile[i-1]}, End{name, name}, mark})
		}
	}
	return p
}

// texts returns the hostile names as each drawing has to show them: with question marks for unprintable characters.
func texts() (words []string) {
	for _, name := range hostile {
		words = append(words, printed(name))
	}
	return words
}

func printed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(s, "?"))
}

func TestHostileNamesInSVG(t *testing.T) {
	words, elements := read(t, svg(hostilePicture()))
	for _, name := range texts() {
		if !slices.Contains(words, name) {
			t.Errorf("%q is not in the drawing", name)
		}
	}
	if want := []string{"g", "path", "rect", "style", "svg", "text", "title"}; !slices.Equal(elements, want) {
		t.Errorf("elements %q", elements)
	}
}

// read returns the texts in an SVG, and the names of its elements.
func read(t *testing.T, drawing string) (words, elements []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(drawing))
	inText := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			slices.Sort(elements)
			return words, slices.Compact(elements)
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements = append(elements, token.Name.Local)
			inText = token.Name.Local == "text"
		case xml.CharData:
			if inText {
				words = append(words, string(token))
			}
		case xml.EndElement:
			inText = false
		}
	}
}

// Graphviz draws the names as they are.
func TestHostileNamesInDOT(t *testing.T) {
	program, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("needs Graphviz: ", err)
	}
	run := exec.Command(program, "-Tsvg")
	run.Stdin = strings.NewReader(dot(hostilePicture()))
	var warnings strings.Builder
	run.Stderr = &warnings
	out, err := run.Output()
	if err != nil || warnings.Len() > 0 {
		t.Fatalf("dot: %v: %s", err, warnings.String())
	}
	// Graphviz writes a space as a no-break space.
	words, _ := read(t, strings.ReplaceAll(string(out), "&#160;", " "))
	for _, name := range texts() {
		if !slices.Contains(words, name) {
			t.Errorf("%q is not in the drawing", name)
		}
	}
	if have, want := strings.Count(string(out), `class="edge"`), len(hostilePicture().Lines); have != want {
		t.Errorf("%d lines, want %d", have, want)
	}
}

// A hostile name cannot add a line to a flowchart, or change one.
func TestHostileNamesInMermaid(t *testing.T) {
	const text = `"(?:[0-9A-Za-z ./:,_()#;<>-]|[^\x00-\x9f])*"`
	line := regexp.MustCompile(`^(?:flowchart LR|  subgraph s\d+\[(` + text + `)\]|    n\d+\[(` + text + `)\]|    n\d+\(\[(` + text + `)\]\)|  end` +
		`|  n\d+ (?:===|---|-\.-) n\d+|  linkStyle \d+ [a-z:#0-9,-]+(?: \d)?|  classDef [a-z]+ [a-z:#0-9,-]+(?: \d)?|  class [ns0-9,]+ [a-z]+)$`)
	entity := regexp.MustCompile(`#(\d+);`)
	found := map[string]bool{}
	for l := range strings.Lines(mermaid(hostilePicture())) {
		l = strings.TrimSuffix(l, "\n")
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("not a line of the language: %s", l)
			continue
		}
		for word := range strings.SplitSeq(strings.Trim(strings.Join(m[1:], ""), `"`), "<br>") {
			if strings.ContainsAny(word, "<>") {
				t.Errorf("HTML in %s", l)
			}
			found[entity.ReplaceAllStringFunc(word, func(e string) string {
				r, _ := strconv.Atoi(e[1 : len(e)-1])
				return string(rune(r))
			})] = true
		}
	}
	for _, name := range texts() {
		if !found[name] {
			t.Errorf("%q is not in the drawing", name)
		}
	}
}
