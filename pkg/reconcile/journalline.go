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

// line is a line of the journal, as JSON.
type line struct {
	// About is the subject of the line (see subject). It stands at both ends of the line, so that of a damaged one it is
	// known what it was about.
	About     string   `json:"of,omitempty"`
	Boot      string   `json:"boot,omitempty"`
	NS        string   `json:"ns,omitempty"`
	Kind      string   `json:"kind,omitempty"`
	Key       string   `json:"key,omitempty"`
	Entry     *Entry   `json:"entry,omitempty"`
	Namespace string   `json:"namespace,omitempty"`
	Selector  []string `json:"selector,omitempty"`

	position
}

// position is where in the journal a line stands.
type position struct {
	// number counts the lines, from 0.
	number uint32
	// previous is the subject of the line before, which may be damaged or missing; zeros in the first.
	previous string
}

// next is the position after a line.
func (p position) next(l line) position { return position{p.number + 1, l.subject()} }

// start is the position of the first line.
func start() position { return position{0, strings.Repeat("0", digits)} }

func (l line) id() spec.ID { return spec.ID{NS: l.NS, Kind: l.Kind, Key: l.Key} }

// subject is a digest of what a line is about: a resource, a namespace, or the boot.
func (l line) subject() string {
	text := l.NS + "\x00" + l.Kind + "\x00" + l.Key + "\x00" + l.Namespace
	return digest([]byte(text))
}

// digest is 64 bits in hexadecimal digits.
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

// signedLine is the text of a line, with its end. Its last field is `sum`: the digests of what the line is about and of
// what the line before is about, its number, and the digest of all that and the boot, so that a line of another boot
// counts for nothing. A linkd that does not know of these fields passes over them.
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

// readLine reads a line without its end; ok is false for one that is not as it was written during this boot.
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

// splitLines are the lines of a text. One whose end is damaged is told from the next all the same. Whole: the last of
// them has its end.
func splitLines(text []byte) (lines [][]byte, whole bool) {
	for len(text) > 0 {
		one, rest, ended := bytes.Cut(text, []byte("\n"))
		for {
			at := lineEnd.FindIndex(one)
			if at == nil || at[1] == len(one) {
				break
			}
			lines, whole = append(lines, one[:at[1]]), true
			// The byte after it was the end of the line.
			one = one[at[1]+1:]
		}
		if len(one) > 0 || ended {
			lines, whole = append(lines, one), ended
		}
		text = rest
	}
	return lines, whole
}

// subjectsOf are what a damaged line may have been about.
func subjectsOf(text []byte) (found []string) {
	for _, m := range subjects.FindAllSubmatch(text, -1) {
		found = append(found, string(m[1])+string(m[2]))
	}
	return found
}
