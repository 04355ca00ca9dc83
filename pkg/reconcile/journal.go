package reconcile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Journal remembers what the kernel has no room to remember: what a setting was before, and which resources linkd
// made. It is a file of JSON lines in the runtime directory, which is gone, as the kernel's state is, after a reboot.
// A line is written before the change that it speaks of, so a kill at any moment leaves no change without its line.
//
// Losing the journal fails safe: what is not marked is not deleted, and what was set stays as it is.
type Journal struct {
	// Fresh: there was none.
	Fresh bool

	entries    map[scope]map[spec.ID]Entry
	size       int // entries
	namespaces map[string]spec.Selector
	file       *os.File
	path       string
	lines      int
	readOnly   bool
	broken     error
}

// Entry is what is remembered of one resource.
type Entry struct {
	// Identity is the namespace's: an entry about a namespace that was made anew says nothing.
	Identity observe.Identity `json:"netns"`
	// Set: it is a setting, Before is what it was, and Wrote what linkd made of it. Otherwise linkd made it.
	Set    bool   `json:"set,omitempty"`
	Before string `json:"before,omitempty"`
	Wrote  string `json:"wrote,omitempty"`
	// Fetched: it is not linkd's own, so it is never deleted, but put back.
	Fetched bool `json:"fetched,omitempty"`
	// Print is the fingerprint of what was made, "" until it was seen.
	Print string `json:"print,omitempty"`
	// Makes is the namespace that the resource makes: it is looked at for as long as the resource is remembered.
	Makes string `json:"makes,omitempty"`
}

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
	j := &Journal{entries: map[scope]map[spec.ID]Entry{}, namespaces: map[string]spec.Selector{}, path: path}
	boot := bootID()
	text, err := os.ReadFile(path)
	j.Fresh = err != nil
	j.replay(text, boot)
	j.broken = j.compact(boot)
	return j
}

// ReadJournal reads the journal at path and keeps what is learnt in memory only.
func ReadJournal(path string) *Journal {
	j := &Journal{entries: map[scope]map[spec.ID]Entry{}, namespaces: map[string]spec.Selector{}, readOnly: true}
	text, err := os.ReadFile(path)
	j.Fresh = err != nil
	j.replay(text, bootID())
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

// replay reads lines up to the first that is not whole: a crash while writing can only cut the last one off.
func (j *Journal) replay(text []byte, boot string) {
	scan := bufio.NewScanner(bytes.NewReader(text))
	scan.Buffer(nil, 1<<20)
	for first := true; scan.Scan(); first = false {
		var l line
		if json.Unmarshal(scan.Bytes(), &l) != nil || (first && l.Boot != boot) {
			return
		}
		id := spec.ID{NS: l.NS, Kind: l.Kind, Key: l.Key}
		switch {
		case l.Namespace != "" && len(l.Selector) == 2:
			j.namespaces[l.Namespace] = spec.Selector{Scheme: l.Selector[0], Value: l.Selector[1]}
		case l.Entry != nil:
			j.set(id, *l.Entry)
		default:
			j.drop(id)
		}
	}
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
		_ = enc.Encode(line{Namespace: name, Selector: []string{s.Scheme, s.Value}})
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

func (j *Journal) set(id spec.ID, e Entry) {
	s := scopeOf(id)
	if j.entries[s] == nil {
		j.entries[s] = map[spec.ID]Entry{}
	}
	if _, known := j.entries[s][id]; !known {
		j.size++
	}
	j.entries[s][id] = e
}

func (j *Journal) drop(id spec.ID) (dropped bool) {
	s := scopeOf(id)
	if _, dropped = j.entries[s][id]; dropped {
		j.size--
		if delete(j.entries[s], id); len(j.entries[s]) == 0 {
			delete(j.entries, s)
		}
	}
	return dropped
}

func (j *Journal) all() iter.Seq2[spec.ID, Entry] {
	scopes := j.entries
	return func(yield func(spec.ID, Entry) bool) {
		for _, entries := range scopes {
			for id, e := range entries {
				if !yield(id, e) {
					return
				}
			}
		}
	}
}

// Get is what is remembered of a resource, if its namespace is still the same.
func (j *Journal) Get(id spec.ID, ns observe.Identity) (Entry, bool) {
	e, ok := j.entries[scopeOf(id)][id]
	return e, ok && e.Identity == ns
}

// Put remembers e, unless just that is remembered already.
func (j *Journal) Put(id spec.ID, e Entry) {
	if j.entries[scopeOf(id)][id] == e {
		return
	}
	j.set(id, e)
	j.write(line{NS: id.NS, Kind: id.Kind, Key: id.Key, Entry: &e})
}

// Restore takes back a Put: e is what was remembered before, if anything was.
func (j *Journal) Restore(id spec.ID, e Entry, remembered bool) {
	if remembered {
		j.Put(id, e)
	} else {
		j.Forget(id)
	}
}

// Forget drops a resource.
func (j *Journal) Forget(id spec.ID) {
	if j.drop(id) {
		j.write(line{NS: id.NS, Kind: id.Kind, Key: id.Key})
	}
}

// Remember keeps how a namespace is found for as long as something is remembered in it.
func (j *Journal) Remember(name string, s spec.Selector) {
	if j.namespaces[name] != s {
		j.namespaces[name] = s
		j.write(line{Namespace: name, Selector: []string{s.Scheme, s.Value}})
	}
}

// Scopes are the scopes in which something is remembered, and In what that is.
func (j *Journal) Scopes() iter.Seq[scope] { return maps.Keys(j.entries) }

// In is what is remembered in a scope.
func (j *Journal) In(s scope) map[spec.ID]Entry { return j.entries[s] }

// Namespaces are the namespaces of all remembered resources and those that these make, and how each was found.
func (j *Journal) Namespaces() map[string]spec.Selector {
	inUse := map[string]spec.Selector{}
	for id, e := range j.all() {
		for _, name := range []string{id.NS, e.Makes} {
			if s, known := j.namespaces[name]; known {
				inUse[name] = s
			}
		}
	}
	return inUse
}

// Rename gives namespaces other names, at one stroke.
func (j *Journal) Rename(names map[string]string) {
	if len(names) == 0 {
		return
	}
	renamed := func(name string) string {
		if now, is := names[name]; is {
			return now
		}
		return name
	}
	old, namespaces := j.all(), make(map[string]spec.Selector, len(j.namespaces))
	j.entries, j.size = map[scope]map[spec.ID]Entry{}, 0
	for id, e := range old {
		id.NS, e.Makes = renamed(id.NS), renamed(e.Makes)
		j.set(id, e)
	}
	for name, selector := range j.namespaces {
		namespaces[renamed(name)] = selector
	}
	j.namespaces = namespaces
	if !j.readOnly {
		j.broken = j.compact(bootID())
	}
}
