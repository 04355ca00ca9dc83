package reconcile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"linkd/pkg/spec"
)

type line struct {
	Boot      string   `json:"boot,omitempty"`
	NS        string   `json:"ns,omitempty"`
	Kind      string   `json:"kind,omitempty"`
	Key       string   `json:"key,omitempty"`
	Entry     *Entry   `json:"entry,omitempty"`
	Namespace string   `json:"namespace,omitempty"`
	Selector  []string `json:"selector,omitempty"`
}

// OpenJournal reads the journal at path and goes on writing it. A journal that cannot be written is kept in memory;
// Broken tells why.
func OpenJournal(path string) *Journal {
	j := newJournal()
	j.path = path
	boot := bootID()
	text, err := os.ReadFile(path)
	j.Fresh, j.Lost = err != nil, !j.replay(text, boot)
	j.broken = j.compact(boot)
	return j
}

// ReadJournal reads the journal at path and keeps what is learnt in memory only.
func ReadJournal(path string) *Journal {
	j := newJournal()
	j.readOnly = true
	text, err := os.ReadFile(path)
	j.Fresh, j.Lost = err != nil, !j.replay(text, bootID())
	return j
}

func newJournal() *Journal {
	j := &Journal{namespaces: map[string]spec.Selector{}}
	j.empty()
	return j
}

// bootID is as the first process sees it. A container has its own mounted over the machine's, but a service there may have
// a fresh /proc, in which that is not: what the daemon wrote, a command has to understand.
func bootID() string {
	const path = "/proc/sys/kernel/random/boot_id"
	id, err := os.ReadFile("/proc/1/root" + path)
	if err != nil {
		id, _ = os.ReadFile(path)
	}
	return string(bytes.TrimSpace(id))
}

// longestLine is how long a line may be, in bytes. What a kind keeps of a resource is text of its own in there, of which
// each character may take six (encoding/json), and the names in it may be chosen by somebody else.
const longestLine = 8 << 20

// replay reads lines up to the first that is not whole: a crash while writing can only cut the last one off. It reports
// whether the journal is one of this boot.
func (j *Journal) replay(text []byte, boot string) (ofThisBoot bool) {
	scan := bufio.NewScanner(bytes.NewReader(text))
	scan.Buffer(nil, longestLine)
	for first := true; scan.Scan(); first = false {
		var l line
		if json.Unmarshal(scan.Bytes(), &l) != nil || (first && l.Boot != boot) {
			return ofThisBoot
		}
		ofThisBoot = true
		id := spec.ID{NS: l.NS, Kind: l.Kind, Key: l.Key}
		switch {
		case l.Namespace != "":
			if selector, ok := spec.SelectorOf(l.Selector); ok {
				j.namespaces[l.Namespace] = selector
			}
		case l.Entry != nil:
			j.set(id, *l.Entry)
		default:
			j.drop(id)
		}
	}
	return ofThisBoot
}

// compact writes the journal anew, with a line for each thing that is remembered.
func (j *Journal) compact(boot string) error {
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	_ = enc.Encode(line{Boot: boot})
	for name, s := range j.namespaces {
		_ = enc.Encode(line{Namespace: name, Selector: s.Words()})
	}
	for id, e := range j.all() {
		_ = enc.Encode(line{NS: id.NS, Kind: id.Kind, Key: id.Key, Entry: &e})
	}
	if err := os.MkdirAll(filepath.Dir(j.path), 0o755); err != nil {
		return err
	}
	if err := spec.ReplaceFile(j.path, out.Bytes()); err != nil {
		return err
	}
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	j.file, j.lines = f, j.size
	return nil
}

// Close closes the file. When nothing is remembered any more, nothing of what was is left in it: whoever removes linkd looks
// there for what that leaves behind.
func (j *Journal) Close() {
	if j.file != nil && j.size == 0 && j.lines > 0 {
		j.broken = j.compact(bootID())
	}
	if j.file != nil {
		j.file.Close()
	}
}

// Broken is why the journal cannot be written; nil while it can.
func (j *Journal) Broken() error {
	if j.broken == nil {
		return nil
	}
	return fmt.Errorf("the journal cannot be written, so a restart will not know what to put back: %w", j.broken)
}

func (j *Journal) write(l line) {
	if j.readOnly {
		return
	}
	text, err := json.Marshal(l)
	if err != nil {
		j.broken = err
		return
	}
	if j.file == nil || j.lines > 4*j.size+1000 {
		j.broken = j.compact(bootID())
		return
	}
	j.lines++
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		// Half a line would hide all that follow it.
		j.broken = errors.Join(err, j.compact(bootID()))
	}
}
