package trial

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Request asks for a trial.
type Request struct {
	// By says who asks, for others who want to know.
	By string `json:"by"`
	// For is how long the trial lasts at most.
	For     time.Duration `json:"for"`
	Changes []Change      `json:"changes"`
	// State is the number of an earlier state to try as a whole; 0 for none.
	State int `json:"state,omitempty"`
	// Probes are the names of probes that have to arrive while the trial runs. One that fails reverts it.
	Probes []string `json:"probes,omitempty"`
}

// Change is a file of a trial. Path is where it stands in the configuration; a path without a slash stands in the first
// directory of it.
type Change struct {
	Path   string      `json:"path"`
	Text   []byte      `json:"text,omitempty"`
	Mode   fs.FileMode `json:"mode,omitempty"`
	Remove bool        `json:"remove,omitempty"`
}

// The limits of Request.For.
const (
	shortest = time.Second
	longest  = 24 * time.Hour
)

// Invalid says why a trial cannot begin: what is wrong with its files or with the request.
type Invalid struct{ Lines []string }

func (e *Invalid) Error() string { return strings.Join(e.Lines, "\n") }

func invalid(format string, args ...any) error {
	return &Invalid{[]string{fmt.Sprintf(format, args...)}}
}

// place returns the path under which the configuration has a file.
func place(config []string, path string) (string, error) {
	if !strings.Contains(path, "/") {
		for _, c := range config {
			if isDir(c) {
				path = filepath.Join(c, path)
				break
			}
		}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for _, c := range config {
		at, err := filepath.Abs(c)
		if err != nil {
			return "", err
		}
		switch {
		case at == abs && !isDir(c):
			return filepath.Clean(c), nil
		case filepath.Dir(abs) == at && isDir(c):
			if !spec.IsConfigName(filepath.Base(abs)) {
				return "", invalid("%s: linkd reads files whose names end in .yaml or .yml and begin with neither a dot nor #: use --as to name such a place", path)
			}
			return filepath.Join(c, filepath.Base(abs)), nil
		}
	}
	return "", invalid("%s is not in the configuration (%s): use --as to name a place in it", path, strings.Join(config, ", "))
}

// overlay returns the files with the changes in their places, and the changes with those paths.
func overlay(config []string, files []spec.File, changes []Change) (result []spec.File, placed []Change, err error) {
	result = slices.Clone(files)
	named := map[string]bool{}
	differs := false
	for _, c := range changes {
		path, err := place(config, c.Path)
		if err != nil {
			return nil, nil, err
		}
		if named[path] {
			return nil, nil, invalid("%s is named twice", path)
		}
		named[path] = true
		c.Path = path
		placed = append(placed, c)
		i := slices.IndexFunc(result, func(f spec.File) bool { return f.Path == path })
		switch {
		case c.Remove && i < 0:
			return nil, nil, invalid("%s does not exist, so there is nothing to remove", path)
		case c.Remove:
			result = slices.Delete(result, i, i+1)
			differs = true
		case i < 0:
			result = append(result, spec.File{Path: path, Text: c.Text})
			differs = true
		default:
			differs = differs || result[i].Err != nil || !bytes.Equal(result[i].Text, c.Text)
			result[i] = spec.File{Path: path, Text: c.Text}
		}
	}
	if !differs {
		return nil, nil, invalid("there is nothing to try: the configuration has these files already")
	}
	// A directory is read in name order, and so it will be once the files are installed.
	order := func(f spec.File) int {
		i := slices.IndexFunc(config, func(c string) bool {
			return filepath.Clean(c) == f.Path || filepath.Clean(c) == filepath.Dir(f.Path)
		})
		if i < 0 {
			// It is in no directory of the configuration, and read after those.
			return len(config)
		}
		return i
	}
	slices.SortStableFunc(result, func(a, b spec.File) int {
		if a, b := order(a), order(b); a != b {
			return a - b
		}
		return strings.Compare(a.Path, b.Path)
	})
	return result, placed, nil
}

// check compiles the files of a trial. It returns an Invalid if one of them does not come into force, or if a file that
// is in force without them is not with them. loader remembers the files that are in force.
func check(loader *spec.Loader, before, with []spec.File, changes []Change) (*spec.Loader, error) {
	base := loader.Clone()
	_, statesBefore, _, errsBefore := base.Load(before)
	trial := base.Clone()
	_, states, _, errs := trial.Load(with)
	wasLoaded, known := map[string]bool{}, map[string]bool{}
	for _, s := range statesBefore {
		wasLoaded[s.Path] = s.State == "loaded"
	}
	for _, e := range errsBefore {
		known[e.Error()] = true
	}
	good := true
	for _, s := range states {
		mine := slices.ContainsFunc(changes, func(c Change) bool { return c.Path == s.Path })
		good = good && (s.State == "loaded" || !mine && !wasLoaded[s.Path])
	}
	if good {
		return trial, nil
	}
	bad := &Invalid{}
	for _, e := range errs {
		if !known[e.Error()] {
			bad.Lines = append(bad.Lines, e.Error())
		}
	}
	if len(bad.Lines) == 0 {
		bad.Lines = append(bad.Lines, "the files would not be in force, because other files are invalid:")
		for _, e := range errs {
			bad.Lines = append(bad.Lines, e.Error())
		}
	}
	return nil, bad
}

// changed returns which of the files of a trial somebody has changed in the directory since it began, or nil.
func changed(changes []Change, then, now []spec.File) error {
	at := func(files []spec.File, path string) (f spec.File, there bool) {
		i := slices.IndexFunc(files, func(f spec.File) bool { return f.Path == path })
		if i < 0 {
			return f, false
		}
		return files[i], true
	}
	var errs []error
	for _, c := range changes {
		was, before := at(then, c.Path)
		is, after := at(now, c.Path)
		if before != after || !bytes.Equal(was.Text, is.Text) || (was.Err == nil) != (is.Err == nil) {
			errs = append(errs, fmt.Errorf("%s has changed since the trial began, and installing the trial's file would undo that: revert the trial and try again", c.Path))
		}
	}
	return errors.Join(errs...)
}

// Step is what a trial tells who asked for it.
type Step struct {
	// Step is "begun", "applied", "refused" (another trial runs), "invalid", "confirmed" or "reverted". The last four end
	// it.
	Step string `json:"step"`
	// Deadline is when the trial ends by itself.
	Deadline time.Time `json:"deadline,omitzero"`
	// Files are the files that were installed.
	Files []string `json:"files,omitempty"`
	// Reason says why the trial was refused, is invalid, or was reverted.
	Reason string `json:"reason,omitempty"`
	// Changes are what linkd did, More is the number of further changes, and Status is the status after that. They are nil
	// before linkd has done anything.
	Changes []reconcile.Change `json:"changes,omitempty"`
	More    int                `json:"more,omitempty"`
	Status  *reconcile.Status  `json:"status,omitempty"`
}
