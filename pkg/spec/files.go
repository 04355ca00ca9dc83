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

// File is one file as it was read, or the reason why it could not be.
type File struct {
	Path string
	Text []byte
	Err  error
}

// ReadFiles reads what each path names: a file, whatever its name, or a directory's *.yaml and *.yml files in name
// order. A file that cannot be read is in the result with its error; only a path that cannot be looked at is an
// error of the whole.
func ReadFiles(paths []string) ([]File, error) { return readFiles(paths, os.Open, os.Open) }

// ReadTrusted is ReadFiles for who does what the files say: it refuses, with an Untrusted, each file that others than root
// can have written. A directory that others can write is refused as a whole, and is in the result by its own name.
func ReadTrusted(paths []string) ([]File, error) { return readFiles(paths, openTrusted, openTrusted) }

// ReadToLook is for who only says what would be done: it minds who can write a directory, as ReadTrusted does, but not of
// a file that is named. To an ordinary user, for whom nothing is done, it is ReadFiles.
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
		names, listed, err := namesAt(path, openListed)
		if errors.As(err, new(*Untrusted)) {
			files = append(files, File{Path: filepath.Clean(path), Err: err})
			continue
		}
		if err != nil {
			return nil, err
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

// isRemoved reports whether a file that a directory listed was removed before it was read with this error. A symbolic link
// whose target is missing is still there: the target may be on a file system that is not mounted now.
func isRemoved(name string, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err = os.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// namesAt are the files that a path stands for; listed are those of a directory.
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

// Stamp tells apart states of the files at the paths without reading them: it changes when one is written, replaced,
// added or removed.
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

// configsOf are the paths of a directory's configuration files, in name order.
func configsOf(dir string, entries []fs.DirEntry) (names []string) {
	for _, e := range entries {
		if IsConfigName(e.Name()) && !e.IsDir() {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names
}

// IsConfigName tells a configuration file from what editors, package managers and Ansible leave beside it. All of
// those either start with a dot or end in something other than .yaml and .yml (x.yaml~, x.yaml.dpkg-new).
func IsConfigName(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "#") &&
		(strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml"))
}

// ReadFile reads one file. "-" is standard input.
func ReadFile(path string) File {
	if path == "-" {
		text, err := readText(os.Stdin, maxTotalSize)
		return File{Path: path, Text: text, Err: err}
	}
	return readFile(path, os.Open, maxTotalSize)
}

// readFile reads a file, if it has not more than room bytes.
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

// checkReadable returns why a file cannot be read. A named pipe cannot: open(2) would wait for somebody to write to it.
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

// readText reads no more than tells that there is too much.
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

// ErrBeingWritten says that somebody has the file open for writing: half of a file is often valid, and would undo
// what the other half declares.
var ErrBeingWritten = errors.New("the file is being written")

// beingWritten asks for a read lease, which the kernel refuses with EAGAIN while anybody has the file open for
// writing (fcntl(2), F_SETLEASE). Any other refusal (a file system without leases, a file that is not ours) says
// nothing.
func beingWritten(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}
