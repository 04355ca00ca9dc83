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

// mostJournal is how many bytes a journal may have: a million lines. linkd reads it into memory.
const mostJournal = 256 << 20

// readJournal reads a file that is no longer than a journal may be.
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

// isAbsent tells whether an error says that there is no file.
func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// reader takes the lines of a journal in.
type reader struct {
	*Journal
	ids     map[string]spec.ID // by the subjects of their lines
	names   map[string]string  // of namespaces, likewise
	next    position           // of the line after the last good one
	gap     bool               // what follows that one is damaged
	damaged int
}

// readEntries reads the lines of a journal, and returns how many are damaged. A damaged line is lost alone: no other one is,
// and what it was about is not remembered as an earlier line has it. Half a line at the end is no damage: a crash leaves it.
//
// A journal without any sum is one of an earlier linkd. Of its lines nobody can tell whether they are as they were
// written; one that is no JSON is damaged.
func (j *Journal) readEntries(text []byte) (damaged int) {
	r := &reader{Journal: j, ids: map[string]spec.ID{}, names: map[string]string{}}
	lines, whole := splitLines(text)
	if len(lines) == 0 {
		return 0
	}
	if !bytes.Contains(text, []byte(sumKey)) {
		return r.replayUnsigned(lines, whole)
	}
	var first line
	if json.Unmarshal(lines[0], &first) == nil && first.Boot != j.boot {
		if _, ok := readLine(lines[0], first.Boot); ok {
			// Another boot's.
			return 0
		}
	}
	r.next = start()
	for i, text := range lines {
		l, ok := readLine(text, j.boot)
		if !ok && (i < len(lines)-1 || whole) {
			r.damaged++
			r.gap = true
			r.noteDamage(subjectsOf(text)...)
		}
		if !ok {
			continue
		}
		if l.position != r.next {
			if !r.gap {
				// Somebody took lines out.
				r.damaged++
			}
			r.noteDamage(l.previous)
		}
		r.next, r.gap = l.position.next(l), false
		r.take(l)
	}
	return r.damaged
}

// replayUnsigned reads lines that have no sums.
func (r *reader) replayUnsigned(lines [][]byte, whole bool) (damaged int) {
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
			// Nobody knows which boot the rest is of.
			return len(lines)
		case err != nil && (i < len(lines)-1 || whole):
			damaged++
		}
	}
	return damaged
}

// take does what a good line says.
func (r *reader) take(l line) {
	r.Lost = false
	switch {
	case l.Boot != "":
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

// noteDamage forgets what lost lines were about: what earlier lines say of that may not be true any more.
func (r *reader) noteDamage(subjects ...string) {
	for _, subject := range subjects {
		if id, known := r.ids[subject]; known {
			r.drop(id)
		}
		if name, known := r.names[subject]; known {
			delete(r.namespaces, name)
		}
	}
}
