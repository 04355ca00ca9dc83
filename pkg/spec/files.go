package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// File is the content of a file, or the error of reading it.
type File struct {
	Path string
	Text []byte
	Err  error
}

// ReadFiles reads what each path names: standard input for "-", a file with any name, or the *.yaml and *.yml files of a directory in name
// order. A file that cannot be read is in the result with its error. The function fails only if a path itself cannot
// be looked at.
func ReadFiles(paths []string) ([]File, error) { return readFiles(paths, os.Open, os.Open) }

// ReadTrusted does the same as ReadFiles for a caller that applies the files: it refuses, with an Untrusted, each
// file that other users than root may have written. A directory that others can write is refused as a whole, and is
// in the result with its own path.
func ReadTrusted(paths []string) ([]File, error) {
	if slices.Contains(paths, stdin) {
		return nil, errors.New("read standard input: linkd applies files only, so name a file or a directory")
	}
	return readFiles(paths, openTrusted, openTrusted)
}

// ReadToLook is for a caller that only shows what would be done: it checks who can write a directory, as ReadTrusted
// does, but not who can write a file that a path names. For an ordinary user, who cannot apply anything, it is the
// same as ReadFiles.
func ReadToLook(paths []string) ([]File, error) {
	if os.Geteuid() != 0 {
		return ReadFiles(paths)
	}
	return readFiles(paths, openTrusted, os.Open)
}

func readFiles(paths []string, openListed, openNamed opener) ([]File, error) {
	var files []File
	seen := map[string]bool{}
	room := maxTotalSize
	for _, path := range paths {
		if path == stdin && !seen[stdin] {
			seen[stdin] = true
			f := ReadFile(stdin)
			room -= len(f.Text)
			files = append(files, f)
		}
		if path == stdin {
			continue
		}
		names, listed, err := namesAt(path, openListed)
		if errors.As(err, new(*Untrusted)) {
			files = append(files, File{Path: filepath.Clean(path), Err: err})
			continue
		}
		if err != nil {
			return nil, unreadable(path, err)
		}
		for _, name := range names {
			if name = filepath.Clean(name); seen[name] {
				continue
			}
			seen[name] = true
			open := openNamed
			if listed {
				open = openListed
			}
			f := readFile(name, open, room)
			room -= len(f.Text)
			if listed && isRemoved(name, f.Err) {
				continue
			}
			files = append(files, f)
		}
	}
	return files, nil
}

// unreadable explains why a path cannot be looked at. A path that is not called like a file is meant as the directory.
func unreadable(path string, err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	advice := ""
	if errors.Is(err, fs.ErrNotExist) && !IsConfigName(filepath.Base(path)) {
		advice = ": run linkd init to write a first file"
	}
	return fmt.Errorf("read %s: %w%s", path, err, advice)
}

// isRemoved reports whether a file in a directory listing was removed before it was read with this error. A symbolic
// link with a missing target is still there: the target may be on a file system that is not mounted now.
func isRemoved(name string, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err = os.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// namesAt returns the files of a path; listed says that it is a directory.
func namesAt(path string, open opener) (names []string, listed bool, err error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, false, err
	}
	dir, err := open(path)
	if err != nil {
		return nil, true, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	return configsOf(path, entries), true, err
}

// Stamp returns a text that changes when a file at the paths is written, replaced, added or removed. It does not read
// the files.
func Stamp(paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		names := []string{path}
		if found, err := namesIn(path); err == nil {
			names = append(names, found...)
		}
		for _, name := range names {
			var st unix.Stat_t
			err := unix.Stat(name, &st)
			fmt.Fprintf(&b, "%s %d %d %d %d %v\n", name, st.Dev, st.Ino, st.Size, st.Ctim.Nano(), err)
		}
	}
	return b.String()
}

func namesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	return configsOf(dir, entries), err
}

// configsOf returns the paths of a directory's configuration files, in name order.
func configsOf(dir string, entries []fs.DirEntry) (names []string) {
	for _, e := range entries {
		if IsConfigName(e.Name()) && !e.IsDir() {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names
}

// IsConfigName reports whether a file is a configuration file, and not one that an editor, a package manager or
// Ansible has left. The names of such files start with a dot, or end in something other than .yaml and .yml (x.yaml~,
// x.yaml.dpkg-new).
func IsConfigName(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "#") &&
		(strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml"))
}

// stdin is the path of standard input.
const stdin = "-"

// ReadFile reads one file. "-" is standard input.
func ReadFile(path string) File {
	if path == stdin {
		text, err := readText(os.Stdin, maxTotalSize)
		return File{Path: path, Text: text, Err: err}
	}
	return readFile(path, os.Open, maxTotalSize)
}

// readFile reads a file of at most room bytes.
func readFile(path string, open opener, room int) (f File) {
	f.Path = path
	if f.Err = checkReadable(path); f.Err != nil {
		return f
	}
	in, err := open(path)
	if err != nil {
		f.Err = err
		return f
	}
	defer in.Close()
	if f.Text, f.Err = readText(in, room); beingWritten(in) {
		f.Err = ErrBeingWritten
	}
	return f
}

var errNotRegular = errors.New("not a regular file")

// checkReadable returns why a file cannot be read. A named pipe cannot: open(2) would wait for a writer.
func checkReadable(path string) error {
	info, err := os.Stat(path)
	if target, linkErr := os.Readlink(path); linkErr == nil && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a symbolic link to %s, which does not exist", target)
	}
	if err != nil || info.Mode().IsRegular() || info.Mode()&fs.ModeCharDevice != 0 || isUnnamedPipe(path) {
		return err
	}
	return errNotRegular
}

// readText reads at most one byte more than allowed.
func readText(in io.Reader, room int) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, int64(min(maxFileSize, room)+1)))
	switch {
	case err != nil:
		return text, err
	case len(text) > maxFileSize:
		return nil, errTooLarge
	case len(text) > room:
		return nil, errTogether
	}
	return text, nil
}

// ErrBeingWritten says that a process has the file open for writing: a part of a file is often valid, and would
// remove what the other part declares.
var ErrBeingWritten = errors.New("the file is being written")

// beingWritten asks for a read lease, which the kernel refuses with EAGAIN while a process has the file open for
// writing (fcntl(2), F_SETLEASE). Any other error (a file system without leases, a file of another user) says
// nothing.
func beingWritten(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}
