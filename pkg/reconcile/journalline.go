package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"

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

	// previous is the subject of the line before, which may be damaged or missing.
	previous string
}

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

// signedLine is the text of a line, with its end. Its last field is `sum`: the digests of what the line is about, of what
// the line before is about, and of this line and the boot, so that a line of another boot counts for nothing. A linkd that
// does not know of these fields passes over them.
func signedLine(l line, boot, previous string) ([]byte, error) {
	l.About = l.subject()
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	text = append(text[:len(text)-1], sumKey+l.About+previous...)
	text = append(text, digest([]byte(boot), text)+sumEnd...)
	return append(text, '\n'), nil
}

// readLine reads a line without its end; ok is false for one that is not as it was written during this boot.
func readLine(text []byte, boot string) (l line, ok bool) {
	const tail = 3*digits + len(sumEnd)
	at := len(text) - tail
	if at < len(sumKey) || string(text[at-len(sumKey):at]) != sumKey || string(text[len(text)-len(sumEnd):]) != sumEnd {
		return line{}, false
	}
	end := at + 2*digits
	if digest([]byte(boot), text[:end]) != string(text[end:end+digits]) || json.Unmarshal(text, &l) != nil {
		return line{}, false
	}
	l.previous = string(text[at+digits : end])
	return l, true
}

var (
	lineEnd  = regexp.MustCompile(sumKey + `[0-9a-f]{48}` + sumEnd)
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
