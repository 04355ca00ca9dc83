package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"linkd/pkg/spec"
)

// OpenJournal reads the journal at path and appends to it. If the file cannot be written, the journal stays in
// memory. A file that linkd cannot read is renamed or kept, never overwritten. Broken returns the error.
func OpenJournal(path string) *Journal {
	j := newJournal(path)
	err := j.load()
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errIrregular):
		name, failed := setAside(path)
		if failed != nil {
			j.readOnly = true
			j.damage = fmt.Errorf("%w; linkd cannot rename it, so it writes no journal: %w", j.damage, failed)
			return j
		}
		j.damage = fmt.Errorf("%w; linkd renamed it to %s", j.damage, name)
	case err != nil:
		// The cause may be gone at the next start.
		j.readOnly = true
		j.damage = fmt.Errorf("%w; linkd leaves it alone, and writes no journal until its next start", j.damage)
		return j
	case j.damage != nil:
		if name, err := keepCopy(path); err == nil {
			j.damage = fmt.Errorf("%w; linkd saved the damaged journal as %s", j.damage, name)
		}
	}
	j.broken = j.compact()
	return j
}

// ReadJournal reads the journal at path and never writes to it.
func ReadJournal(path string) *Journal {
	j := newJournal(path)
	j.readOnly = true
	_ = j.load()
	return j
}

func newJournal(path string) *Journal {
	j := &Journal{namespaces: map[string]spec.Selector{}, storage: fileStorage(path), path: path}
	j.empty()
	return j
}

// storage stores the lines of a journal.
type storage interface {
	// replace atomically replaces all lines with text. Later lines are written to the returned writer.
	replace(text []byte) (io.WriteCloser, error)
}

// fileStorage is the path of a file that stores the lines.
type fileStorage string

func (path fileStorage) replace(text []byte) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(string(path)), 0o755); err != nil {
		return nil, err
	}
	if err := spec.ReplaceFile(string(path), text); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(string(path), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// load reads the file. j.damage says what is wrong with its content; the error says why it could not be read.
func (j *Journal) load() error {
	defer func() { j.unsearched = j.Fresh }()
	j.Lost = true
	boot, err := bootID()
	var text []byte
	if j.boot = boot; err == nil {
		text, err = readJournal(j.path)
	}
	if isAbsent(err) {
		j.Fresh = true
		return nil
	}
	if err != nil {
		j.Fresh = true
		j.damage = fmt.Errorf("cannot read the journal, so linkd does not know what to restore: %w", err)
		return err
	}
	if damaged := j.readEntries(text); damaged > 0 {
		// The resource of a lost line may carry a mark, so linkd looks for marks as it does without a journal.
		j.Fresh, j.Lost = true, true
		j.damage = fmt.Errorf("the journal is damaged (lines lost: %d): linkd does not delete or restore what only these lines record", damaged)
	}
	if j.unsearched {
		j.Fresh, j.Lost = true, true
	}
	return nil
}

// setAside renames a file to an unused name and returns that name.
func setAside(path string) (name string, err error) {
	name = path + ".unread"
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); err != nil {
			return name, os.Rename(path, name)
		}
		name = fmt.Sprintf("%s.unread-%d", path, n)
	}
}

// keepCopy links the file to another name and replaces an earlier copy.
func keepCopy(path string) (name string, err error) {
	name = path + ".damaged"
	if err := os.Remove(name); err != nil && !isAbsent(err) {
		return "", err
	}
	return name, os.Link(path, name)
}

// bootID returns the boot ID as process 1 sees it. A container mounts its own boot ID over the machine's, but a
// service in the container may have a new /proc without that mount. The daemon and a command must get the same ID.
func bootID() (string, error) {
	const path = "/proc/sys/kernel/random/boot_id"
	id, err := os.ReadFile("/proc/1/root" + path)
	if err != nil {
		id, err = os.ReadFile(path)
	}
	return string(bytes.TrimSpace(id)), err
}

// compact rewrites the journal with one line for each entry.
func (j *Journal) compact() error {
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
	if j.boot == "" {
		boot, err := bootID()
		if err != nil {
			return err
		}
		j.boot = boot
	}
	var out bytes.Buffer
	var errs []error
	j.next = start()
	add := func(l line) {
		text, err := signedLine(l, j.boot, j.next)
		if err != nil {
			errs = append(errs, err)
			return
		}
		out.Write(text)
		j.next = j.next.next(l)
	}
	add(line{Boot: j.boot, Unsearched: j.unsearched})
	for name, s := range j.namespaces {
		add(line{Namespace: name, Selector: s.Notation()})
	}
	for id, e := range j.all() {
		add(line{NS: id.NS, Kind: id.Kind, Key: id.Key, Entry: &e})
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	f, err := j.storage.replace(out.Bytes())
	if err != nil {
		return err
	}
	j.file, j.lines = f, j.size
	return nil
}

// NoteSearched records that linkd has searched everywhere for its marks.
func (j *Journal) NoteSearched() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.unsearched {
		j.unsearched = false
		j.write(line{Boot: j.boot})
	}
}

// Close closes the file. If no entry is left, it first rewrites the file, because users check the file for entries
// before they remove linkd.
func (j *Journal) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil && j.size == 0 && j.lines > 0 {
		j.broken = j.compact()
	}
	if j.file != nil {
		j.file.Close()
	}
}

// Broken returns what is wrong with the journal: what was lost when it was opened, or why it cannot be written now.
func (j *Journal) Broken() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		return j.damage
	}
	broken := fmt.Errorf("the journal cannot be written, so a restart will not know what to put back: %w", j.broken)
	if j.damage != nil {
		return fmt.Errorf("%w; %w", broken, j.damage)
	}
	return broken
}

// write appends a line, or compacts the file if it has many outdated lines.
func (j *Journal) write(l line) {
	if j.readOnly {
		return
	}
	text, err := signedLine(l, j.boot, j.next)
	if err != nil {
		j.broken = err
		return
	}
	if j.file == nil || j.lines > 4*j.size+1000 {
		j.broken = j.compact()
		return
	}
	j.lines++
	if _, err := j.file.Write(text); err != nil {
		// An incomplete line would damage the next one.
		j.broken = errors.Join(err, j.compact())
		return
	}
	j.next = j.next.next(l)
}
