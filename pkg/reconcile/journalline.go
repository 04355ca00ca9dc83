package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"linkd/pkg/spec"
)

// line is one line of the journal, as JSON.
type line struct {
	// About is the subject of the line (see subject). It is at both ends of the line, so that the subject of a
	// damaged line is known.
	About string `json:"of,omitempty"`
	Boot  string `json:"boot,omitempty"`
	// Unsearched is that of the journal, with Boot.
	Unsearched bool     `json:"unsearched,omitempty"`
	NS         string   `json:"ns,omitempty"`
	Kind       string   `json:"kind,omitempty"`
	Key        string   `json:"key,omitempty"`
	Entry      *Entry   `json:"entry,omitempty"`
	Namespace  string   `json:"namespace,omitempty"`
	Selector   []string `json:"selector,omitempty"`

	position
}

// position is the place of a line in the journal.
type position struct {
	// number counts the lines, from 0.
	number uint32
	// previous is the subject of the line before, even if that line is damaged or missing; zeros in the first line.
	previous string
}

// next returns the position after a line.
func (p position) next(l line) position { return position{p.number + 1, l.subject()} }

// start returns the position of the first line.
func start() position { return position{0, strings.Repeat("0", digits)} }

func (l line) id() spec.ID { return spec.ID{NS: l.NS, Kind: l.Kind, Key: l.Key} }

// subject returns a digest of the resource, the namespace or the boot that the line is about.
func (l line) subject() string {
	text := l.NS + "\x00" + l.Kind + "\x00" + l.Key + "\x00" + l.Namespace
	return digest([]byte(text))
}

// digest returns 64 bits of SHA-256 as hexadecimal digits.
func digest(parts ...[]byte) string {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return hex.EncodeToString(sum[:8])
}

const (
	sumKey = `,"sum":"`
	sumEnd = `"}`
	// digits is the length of a digest.
	digits = 16
)

// signedLine returns the text of a line, with its newline. Its last field is `sum`: the subject of the line, the
// subject of the line before, the number of the line, and a digest of all that and the boot, which invalidates lines
// of another boot. A linkd that does not know these fields ignores them.
func signedLine(l line, boot string, at position) ([]byte, error) {
	l.About = l.subject()
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	text = fmt.Appendf(text[:len(text)-1], "%s%s%s%08x", sumKey, l.About, at.previous, at.number)
	text = append(text, digest([]byte(boot), text)+sumEnd...)
	return append(text, '\n'), nil
}

// readLine parses a line without its newline; ok is false for a line that was changed or written during another boot.
func readLine(text []byte, boot string) (l line, ok bool) {
	const tail = 3*digits + 8 + len(sumEnd)
	at := len(text) - tail
	if at < len(sumKey) || string(text[at-len(sumKey):at]) != sumKey || string(text[len(text)-len(sumEnd):]) != sumEnd {
		return line{}, false
	}
	end := at + tail - digits - len(sumEnd)
	if digest([]byte(boot), text[:end]) != string(text[end:end+digits]) || json.Unmarshal(text, &l) != nil {
		return line{}, false
	}
	number, err := strconv.ParseUint(string(text[at+2*digits:end]), 16, 32)
	l.position = position{uint32(number), string(text[at+digits : at+2*digits])}
	return l, err == nil
}

var (
	lineEnd  = regexp.MustCompile(sumKey + `[0-9a-f]{56}` + sumEnd)
	subjects = regexp.MustCompile(`"of":"([0-9a-f]{16})"|"sum":"([0-9a-f]{16})`)
)

// splitLines splits a text into lines. It finds the start of the next line even if the newline before is damaged.
// Whole: the last line has its newline.
func splitLines(text []byte) (lines [][]byte, whole bool) {
	for len(text) > 0 {
		one, rest, ended := bytes.Cut(text, []byte("\n"))
		for {
			at := lineEnd.FindIndex(one)
			if at == nil || at[1] == len(one) {
				break
			}
			lines, whole = append(lines, one[:at[1]]), true
			// The byte after it was the newline.
			one = one[at[1]+1:]
		}
		if len(one) > 0 || ended {
			lines, whole = append(lines, one), ended
		}
		text = rest
	}
	return lines, whole
}

// subjectsOf returns the possible subjects of a damaged line.
func subjectsOf(text []byte) (found []string) {
	for _, m := range subjects.FindAllSubmatch(text, -1) {
		found = append(found, string(m[1])+string(m[2]))
	}
	return found
}
