package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// mostJournal is the size limit of a journal in bytes, enough for a million lines. linkd reads the whole file into
// memory.
const mostJournal = 256 << 20

// readJournal reads a regular file up to that limit.
func readJournal(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is %w", path, errIrregular)
	case info.Size() > mostJournal:
		return nil, fmt.Errorf("%s is %w: linkd reads %d MiB at most", path, errTooLarge, mostJournal>>20)
	}
	var text bytes.Buffer
	text.Grow(int(info.Size()) + bytes.MinRead)
	_, err = text.ReadFrom(io.LimitReader(file, mostJournal))
	return text.Bytes(), err
}

var (
	errIrregular = errors.New("no regular file")
	errTooLarge  = errors.New("too large")
)

// isAbsent reports whether an error says that a file does not exist.
func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// reader applies the lines of a journal.
type reader struct {
	*Journal
	ids     map[string]spec.ID // by the subjects of their lines
	names   map[string]string  // of namespaces, by the subjects of their lines
	next    position           // of the line after the last valid one
	gap     bool               // the line after the last valid one is damaged
	damaged int
}

// readEntries reads the lines of a journal and returns how many are damaged. A damaged line invalidates no other
// line, except that the earlier entry of its subject is dropped. An incomplete line at the end is no damage: a crash
// leaves it.
// A journal without any sum was written by an older linkd. Changes to its lines cannot be detected; only a line that
// is no JSON is damaged.
func (j *Journal) readEntries(text []byte) (damaged int) {
	r := &reader{Journal: j, ids: map[string]spec.ID{}, names: map[string]string{}}
	lines, whole := splitLines(text)
	if len(lines) == 0 {
		return 0
	}
	if !bytes.Contains(text, []byte(sumKey)) {
		return r.readUnsigned(lines, whole)
	}
	var first line
	if json.Unmarshal(lines[0], &first) == nil && first.Boot != j.boot {
		if _, ok := readLine(lines[0], first.Boot); ok {
			// The journal of another boot.
			return 0
		}
	}
	r.next = start()
	for i, text := range lines {
		l, ok := readLine(text, j.boot)
		if !ok && (i < len(lines)-1 || whole) {
			r.damaged++
			r.gap = true
			r.forgetSubjects(subjectsOf(text)...)
		}
		if !ok {
			continue
		}
		if l.position != r.next {
			if !r.gap {
				// Somebody removed lines.
				r.damaged++
			}
			r.forgetSubjects(l.previous)
		}
		r.next, r.gap = l.position.next(l), false
		r.take(l)
	}
	return r.damaged
}

// readUnsigned reads lines that have no sums.
func (r *reader) readUnsigned(lines [][]byte, whole bool) (damaged int) {
	for i, text := range lines {
		var l line
		err := json.Unmarshal(text, &l)
		switch {
		case err == nil && i > 0:
			r.take(l)
		case err == nil && l.Boot != r.boot:
			return 0
		case err == nil:
			r.Lost = false
		case err != nil && i == 0:
			// The boot of the other lines is unknown.
			return len(lines)
		case err != nil && (i < len(lines)-1 || whole):
			damaged++
		}
	}
	return damaged
}

// take applies a valid line.
func (r *reader) take(l line) {
	r.Lost = false
	switch {
	case l.Boot != "":
		r.unsearched = l.Unsearched
	case l.Namespace != "":
		if selector, ok := spec.SelectorOf(l.Selector); ok {
			r.names[l.About] = l.Namespace
			r.namespaces[l.Namespace] = selector
		}
	case l.Entry != nil:
		r.ids[l.About] = l.id()
		r.set(l.id(), *l.Entry)
	default:
		r.drop(l.id())
	}
}

// forgetSubjects drops the entries that lost lines were about, because earlier lines about the same subjects may be
// outdated.
func (r *reader) forgetSubjects(subjects ...string) {
	for _, subject := range subjects {
		if id, known := r.ids[subject]; known {
			r.drop(id)
		}
		if name, known := r.names[subject]; known {
			delete(r.namespaces, name)
		}
	}
}
