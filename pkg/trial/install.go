package trial

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"linkd/pkg/durable"
	"linkd/pkg/spec"
)

// recordName is the file in the state directory that describes an installation that is going on. Once it is there, the
// installation is completed, even if linkd is killed or the machine loses its power; before, it has changed nothing.
const recordName = "install.json"

// The files that an installation leaves beside the installed ones for a moment. IsConfigName is false for their names.
const (
	newSuffix = ".linkd-new"
	oldSuffix = ".linkd-old"
)

// record is the content of the record.
type record struct {
	Version int         `json:"version"`
	Files   []installed `json:"files"`
}

// installed is a change at the place where it is made: see target.
type installed Change

func (f installed) beside(suffix string) string {
	return filepath.Join(filepath.Dir(f.Path), "."+filepath.Base(f.Path)+suffix)
}

// install writes and removes all files, or none of them. An error says why none was; errHalf, that some were and that the
// record stays for Complete.
func install(stateDir string, changes []Change) error {
	r := record{Version: 1}
	for _, c := range changes {
		f, err := target(c)
		if err != nil {
			return err
		}
		r.Files = append(r.Files, f)
	}
	if err := r.prepare(); err != nil {
		return errors.Join(err, r.clear())
	}
	if err := r.write(stateDir); err != nil {
		return errors.Join(err, r.clear())
	}
	for i, f := range r.Files {
		if err := f.put(); err != nil {
			return errors.Join(err, r.undo(stateDir, i))
		}
	}
	return r.finish(stateDir)
}

// errHalf says that a part of the files is installed.
var errHalf = errors.New("a part of the files is installed; linkd installs the rest when it starts again")

// target returns the file that a change replaces. A file that is a symbolic link stays one: its target is replaced.
func target(c Change) (installed, error) {
	f := installed(c)
	abs, err := filepath.Abs(f.Path)
	if err != nil {
		return f, err
	}
	f.Path = abs
	info, err := os.Lstat(f.Path)
	if errors.Is(err, fs.ErrNotExist) || c.Remove {
		return f, nil
	}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if f.Path, err = filepath.EvalSymlinks(f.Path); err == nil {
			info, err = os.Lstat(f.Path)
		}
	}
	if err != nil {
		return f, err
	}
	if !info.Mode().IsRegular() {
		return f, fmt.Errorf("%s is not a regular file", f.Path)
	}
	f.Mode = info.Mode().Perm()
	return f, nil
}

// prepare puts each file beside its place, and gives what it will replace or remove a second name.
func (r record) prepare() error {
	for _, f := range r.Files {
		if err := os.Remove(f.beside(oldSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Link(f.Path, f.beside(oldSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if f.Remove {
			continue
		}
		if err := f.create(); err != nil {
			return err
		}
	}
	return r.sync()
}

// create writes the file beside its place. A group other than linkd's own keeps its access if linkd may give it files: without
// CAP_CHOWN, as in linkd.service, it does not.
func (f installed) create() error {
	gid, known := groupOf(f.Path)
	if !known || gid == os.Getegid() || f.Mode&groupMode == 0 {
		return durable.Create(f.beside(newSuffix), f.Text, f.Mode)
	}
	if err := durable.Create(f.beside(newSuffix), f.Text, f.Mode&^groupMode); err != nil {
		return err
	}
	if os.Lchown(f.beside(newSuffix), -1, gid) != nil {
		return nil
	}
	return os.Chmod(f.beside(newSuffix), f.Mode)
}

// groupMode are the permissions of a file's group.
const groupMode = 0o070

func groupOf(path string) (gid int, known bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, false
	}
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return int(stat.Gid), true
}

// put makes the change.
func (f installed) put() error {
	var err error
	if f.Remove {
		err = os.Remove(f.Path)
	} else {
		err = os.Rename(f.beside(newSuffix), f.Path)
	}
	if errors.Is(err, fs.ErrNotExist) && f.Remove {
		return nil
	}
	return err
}

// undo takes the first n changes back.
func (r record) undo(stateDir string, n int) error {
	var errs []error
	for _, f := range r.Files[:n] {
		err := os.Rename(f.beside(oldSuffix), f.Path)
		if errors.Is(err, fs.ErrNotExist) && !f.Remove {
			// There was no file before.
			err = os.Remove(f.Path)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, errHalf)
	}
	return r.finish(stateDir)
}

// write writes the record.
func (r record) write(stateDir string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := prepareStateDir(stateDir); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(stateDir, recordName), text, 0o600)
}

func prepareStateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := spec.CheckTrusted(dir); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// finish waits for the disk, and removes the record and the new files that are still beside the old ones.
func (r record) finish(stateDir string) error {
	if err := r.sync(); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(stateDir, recordName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(durable.SyncDir(stateDir), r.clear())
}

// clear removes the new files that are still beside the old ones.
func (r record) clear() error {
	var errs []error
	for _, f := range r.Files {
		for _, suffix := range []string{newSuffix, oldSuffix} {
			if err := os.Remove(f.beside(suffix)); err != nil && !isGone(err) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// isGone reports whether a file cannot be removed because it is not there. A read-only file system says so only of what is.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EROFS)
}

func (r record) sync() error {
	dirs := map[string]bool{}
	for _, f := range r.Files {
		dirs[filepath.Dir(f.Path)] = true
	}
	var errs []error
	for dir := range dirs {
		errs = append(errs, durable.SyncDir(dir))
	}
	return errors.Join(errs...)
}
