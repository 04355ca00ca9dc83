package trial

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"linkd/pkg/spec"
)

// Complete completes an installation that was going on when linkd was killed, and removes what one that had not begun has
// left in the directories of the configuration. It returns the paths of the files.
func Complete(stateDir string, dirs []string) (paths []string, err error) {
	path := filepath.Join(stateDir, recordName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, removeLeft(dirs)
	}
	if err == nil {
		err = spec.CheckTrusted(stateDir)
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil || r.Version != 1 {
		return nil, errors.Join(fmt.Errorf("%s is damaged, so linkd does not know which files to install; it is renamed", path), err,
			os.Rename(path, path+".damaged"))
	}
	for _, f := range r.Files {
		if err := f.complete(); err != nil {
			return nil, fmt.Errorf("complete the installation of %s: %w", f.Path, err)
		}
		paths = append(paths, f.Path)
	}
	return paths, r.finish(stateDir)
}

func (f installed) complete() error {
	if f.Remove {
		return f.put()
	}
	if there, err := os.ReadFile(f.Path); err == nil && string(there) == string(f.Text) {
		return nil
	}
	if ready, err := os.ReadFile(f.beside(newSuffix)); err != nil || string(ready) != string(f.Text) {
		if err := f.create(); err != nil {
			return err
		}
	}
	return f.put()
}

// removeLeft removes what an installation that had not begun has left.
func removeLeft(dirs []string) error {
	var errs []error
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if strings.HasPrefix(name, ".") && (strings.HasSuffix(name, newSuffix) || strings.HasSuffix(name, oldSuffix)) {
				errs = append(errs, os.Remove(filepath.Join(dir, name)))
			}
		}
	}
	return errors.Join(errs...)
}
