package etcfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"

	"linkd/pkg/bounded"
	"linkd/pkg/durable"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the kind of files below /etc/netns. Nothing announces their changes, so linkd looks at them from time to time.
var Kind = reconcile.Register[*File](kindName, kind{}, reconcile.Capabilities[*File]{
	Silent:    reconcile.Always[*File],
	FromID:    kind{}.FromID,
	Ownership: reconcile.Ownership[*File]{Noun: func(*File) string { return "file" }},
	Show:      kind{}.Show,
	Contents:  contents,
})

type kind struct{}

// mostBytes is the longest file that linkd reads; its own are shorter.
const mostBytes = 1 << 20

// Observe reads the wanted files.
func (kind) Observe(_ context.Context, ns *observe.NS, query reconcile.Query[*File]) (found []*File, err error) {
	switch query.Purpose {
	case reconcile.ToShow:
		return survey(ns)
	case reconcile.ToSearch:
		return nil, nil
	}
	for _, want := range query.Wanted {
		have, err := read(&File{Host: ns.Name, Namespace: want.Namespace, Name: want.Name})
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errElsewhere):
			// Create says why the file cannot be there.
		case err != nil:
			return nil, err
		default:
			found = append(found, have)
		}
	}
	return found, nil
}

// read reads a file. It follows no symbolic link out of Dir, and none at all in the place of the file.
func read(f *File) (*File, error) {
	at, err := f.path()
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(at)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		f.stray = "no plain file"
		return f, nil
	}
	text, err := bounded.ReadFile(at, mostBytes)
	if large := (*bounded.TooLarge)(nil); errors.As(err, &large) {
		f.stray = "a foreign file"
		return f, nil
	}
	f.Text, f.marked = strings.CutPrefix(string(text), mark)
	return f, err
}

var errElsewhere = errors.New("linkd writes into no directory that a symbolic link leads to")

// path returns where the file is. It is an error if the directory of the namespace is a symbolic link.
func (f *File) path() (string, error) {
	dir, err := securejoin.SecureJoin(Dir, f.Namespace)
	if plain := filepath.Join(Dir, f.Namespace); err == nil && dir != plain {
		err = fmt.Errorf("%s: %w", plain, errElsewhere)
	}
	return filepath.Join(dir, f.Name), err
}

// FromID returns the file with an ID.
func (kind) FromID(id spec.ID) (*File, bool) {
	f, ok := fromKey(id.Key)
	f.Host = id.NS
	return f, ok && id.Kind == kindName
}

// Owned reports whether the file begins with the line of linkd's.
func (kind) Owned(have *File) bool { return have.marked }

func (kind) Diff(want, have *File) []reconcile.Field {
	var fields reconcile.Fields
	switch {
	case have.stray != "":
		fields.DifferMark("file", have.stray, "linkd's file")
	case !have.marked:
		fields.DifferMark("file", "a foreign file", "linkd's file")
	case want.Text != have.Text:
		fields.Differ("text", summary(have.Text), summary(want.Text))
	}
	return fields
}

// summary returns a text on one line.
func summary(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "; ")
}

func contents(f *File) (text string, lines []string) {
	for line := range strings.Lines(f.Text) {
		lines = append(lines, strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", " "))
	}
	return "", lines
}

// Create writes the file. It replaces no file that is there.
func (k kind) Create(ctx context.Context, ns *observe.NS, want *File) error {
	have, err := read(&File{Host: want.Host, Namespace: want.Namespace, Name: want.Name})
	if err == nil && !have.marked {
		return fmt.Errorf("%s/%s is there already, and linkd did not write it: remove it, or leave out the key", Dir, want.relative())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return k.Update(ctx, ns, want, have)
}

func (kind) Update(_ context.Context, _ *observe.NS, want, _ *File) error {
	at, err := want.path()
	if err != nil {
		return err
	}
	for _, dir := range []string{Dir, filepath.Dir(at)} {
		if err := makeDir(dir); err != nil {
			return err
		}
	}
	return durable.WriteFile(at, []byte(mark+want.Text), 0o644)
}

// makeDir makes a directory that every user can list, whatever the umask of the service is.
func makeDir(path string) error {
	err := os.Mkdir(path, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return errors.Join(err, os.Chmod(path, 0o755))
}

// Delete removes the file if it still is linkd's, and the directories that have become empty.
func (kind) Delete(_ context.Context, _ *observe.NS, have *File) error {
	now, err := read(&File{Host: have.Host, Namespace: have.Namespace, Name: have.Name})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || !now.marked:
		return err
	}
	at, err := have.path()
	if err != nil {
		return err
	}
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, dir := range []string{filepath.Dir(at), Dir} {
		// A directory with other files stays.
		if os.Remove(dir) != nil {
			break
		}
	}
	return nil
}
