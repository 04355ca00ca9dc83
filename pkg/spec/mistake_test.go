package spec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unescape(text string) string {
	return strings.NewReplacer("<TAB>", "\t", "<CR>", "\r", "<BOM>", "\ufeff").Replace(text)
}

// samples are the texts of testdata/mistakes, each with the errors in it.
func samples(t *testing.T) (texts [][2]string) {
	all, err := os.ReadFile("testdata/mistakes")
	must(t, err)
	var text, want strings.Builder
	for line := range strings.Lines(string(all)) {
		if e, is := strings.CutPrefix(line, "=> "); is {
			want.WriteString(e)
			continue
		}
		if want.Len() > 0 {
			texts = append(texts, [2]string{text.String(), want.String()})
			text.Reset()
			want.Reset()
		}
		text.WriteString(line)
	}
	return append(texts, [2]string{text.String(), want.String()})
}

func TestMistakes(t *testing.T) {
	for _, s := range samples(t) {
		_, errs := parse(File{Path: "a", Text: []byte(unescape(s[0]))})
		var got strings.Builder
		for _, e := range errs.sorted() {
			fmt.Fprintf(&got, "%d:%d: %s\n", e.Line, e.Column, e.Message)
		}
		if d := cmp.Diff(s[1], got.String()); d != "" {
			t.Errorf("in\n%s(-want +got):\n%s", s[0], d)
		}
	}
}

// Whatever is added to a text or taken from it, the tracer ends, and no error is behind the end of the file.
func TestMistakesAnywhere(t *testing.T) {
	const signs = "abc: \n\t-[]{},'\"!&*|>#%@?:~0.\\\r"
	random := rand.New(rand.NewPCG(1, 2))
	for _, s := range samples(t) {
		for range 100 {
			text := []byte(unescape(s[0]))
			for range 1 + random.IntN(3) {
				at := random.IntN(len(text))
				if random.IntN(2) == 0 {
					text = append(text[:at:at], text[at+1:]...)
				} else {
					text = append(text[:at:at], append([]byte{signs[random.IntN(len(signs))]}, text[at:]...)...)
				}
				if len(text) == 0 {
					text = []byte("a")
				}
			}
			_, errs := parse(File{Path: "a", Text: text})
			for _, e := range errs {
				if c := newCursor(text); e.Message == "" || e.Line < 1 || e.Column < 1 || !c.moveTo(e.Line, 1) {
					t.Errorf("in\n%q: %v", text, e)
				}
			}
		}
	}
}

// A mistake that is made in a place of a right text is found on that line, and not elsewhere.
func TestMistakesAreFoundWhereTheyAre(t *testing.T) {
	const right = `version: 1
namespaces:
  host:
    sysctls: {net.ipv4.ip_forward: 1}
    iptables:
      masquerade:
        - source: 172.17.0.0/16
          out: "!docker0"
      rules:
      - chain: FORWARD
        args: [-p, tcp, "it's"]
links:
  # a comment: with a colon
  net-test:
    kind: veth
    ends:
      - {netns: host, name: veth_host,
         master: docker0}
      - netns: net-test   # another
        name: 'eth0'
        addresses: [172.17.1.2/16, "fd00::1/64"]
        routes:
          - to: default
            via: 172.17.0.1
`
	spaced := regexp.MustCompile(`^( *(?:- )?[a-z0-9-]+:) (\S)`)
	lines := strings.SplitAfter(right, "\n")
	for i, line := range lines {
		for name, wrong := range map[string]string{
			"a space is missing": spaced.ReplaceAllString(line, "$1$2"),
			"a tab":              strings.Replace(line, "  ", "\t", 1),
			"a quote":            strings.Replace(line, "\"!", "\"\"!", 1),
			"a blank more":       " " + line,
			"a bracket":          strings.Replace(line, "[", "[[ ", 1),
		} {
			text := strings.Join(lines[:i], "") + wrong + strings.Join(lines[i+1:], "")
			if wrong == line || bytes.HasPrefix(bytes.TrimSpace([]byte(line)), []byte("#")) {
				continue
			}
			_, errs := parse(File{Path: "a", Text: []byte(text)})
			for _, e := range errs {
				// A line that begins a block is indented as it likes, and a later one does not fit.
				if e.Line != i+1 && (name != "a blank more" || e.Line != i+2 && !strings.Contains(e.Message, fmt.Sprintf("line %d ", i+1))) {
					t.Errorf("%s on line %d: %v\n%s", name, i+1, e, text)
				}
			}
		}
	}
}
