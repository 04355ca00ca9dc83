package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// FileLoaded is the state of a file whose present content is in force.
const FileLoaded = "loaded"

// FileState is the result of loading one file: loaded; kept (the file is not valid, and linkd uses its last valid
// content); or rejected (the file is not valid, and linkd uses none of it).
type FileState struct {
	Path  string `json:"path"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
}

// Loader loads files and keeps the last valid content of each, also over a restart.
type Loader struct {
	lang Language
	path string // the file with the last valid content
	memory
}

// memory is what a Loader saves for the next run.
type memory struct {
	// Good is the content in use.
	Good []keptFile `json:"good"`
	// Unknown are files that were invalid when nothing had been saved yet: what they declared before is not known.
	Unknown map[string]bool `json:"unknown"`
}

type keptFile struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// NewLoader reads what an earlier run saved in the file at path, if it exists.
func NewLoader(lang Language, path string) *Loader {
	k := &Loader{lang: lang, path: path}
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &k.memory) != nil {
		k.memory = memory{}
	}
	return k
}

// InForce returns the content in use.
func (k *Loader) InForce() []File {
	files := make([]File, len(k.Good))
	for i, f := range k.Good {
		files[i] = File{Path: f.Path, Text: []byte(f.Text)}
	}
	return files
}

// Clone returns a loader that remembers the same and saves nothing.
func (k *Loader) Clone() *Loader {
	m := memory{Good: slices.Clone(k.Good), Unknown: maps.Clone(k.Unknown)}
	return &Loader{lang: k.lang, memory: m}
}

// Load compiles the files. It replaces invalid files by their last valid content; if that does not fit the other
// files, it uses the last valid content of all. Errors are those of the present files.
// Complete is false while a file is rejected whose earlier content is not known: then nothing counts as undeclared.
func (k *Loader) Load(files []File) (desired *Desired, states []FileState, complete bool, errs Errors) {
	first := k.Unknown == nil
	good := k.InForce()
	files = refuseTruncated(covered(withheld(files, good), good), good)
	desired, errs = Compile(k.lang, files)
	inForce := files
	work := mostRecompiled
	for tried := errs; len(tried) > 0; {
		next, changed := replace(inForce, good, tried.Files())
		if work -= size(next); !changed || work < 0 {
			changed = false
			// The files that are still invalid have no other content. The last valid content of all files is the only
			// combination known to be valid.
			next = good
		}
		inForce = next
		if desired, tried = Compile(k.lang, inForce); len(tried) > 0 && !changed {
			desired, inForce = k.withoutFaulty(files)
			return desired, fileStates(files, inForce, errs), false, errs
		}
	}
	if len(errs) > 0 {
		var fit map[string]bool
		if desired, inForce, fit = k.refit(files, inForce, desired, errs, work); len(fit) > 0 {
			errs = slices.DeleteFunc(slices.Clone(errs), func(e *Error) bool { return fit[e.Source.File] })
		}
	}
	states = fileStates(files, inForce, errs)
	k.remember(inForce, states, first)
	return desired, states, len(k.Unknown) == 0, errs
}

// mostRecompiled is how many bytes of files Load may compile again to find the files that are valid without the
// invalid ones: other files may need what a dropped file declared.
const mostRecompiled = 4 * maxTotalSize

func size(files []File) (total int) {
	// Each file takes some time, however short it is.
	const perFile = 1 << 10
	for _, f := range files {
		total += perFile + len(f.Text)
	}
	return total
}

// withoutFaulty drops the invalid files if even the last valid content is invalid now: another linkd may have another
// language, and something outside the files, such as the name of a routing table, may be gone. The last valid content
// stays saved.
func (k *Loader) withoutFaulty(files []File) (*Desired, []File) {
	for work := mostRecompiled; ; work -= size(files) {
		if work < 0 {
			files = nil
		}
		desired, errs := Compile(k.lang, files)
		if len(errs) == 0 {
			return desired, files
		}
		atFault := errs.Files()
		files = slices.DeleteFunc(slices.Clone(files), func(f File) bool { return atFault[f.Path] })
	}
}

// Unavailable says why linkd does not know the files of a directory.
type Unavailable struct{ Reason string }

func (e *Unavailable) Error() string { return e.Reason }

// withheld adds the valid files of a directory that is refused or unavailable: the users who can write a refused directory must not be
// able to remove them.
func withheld(files, good []File) []File {
	listed := byPath(files)
	for _, dir := range files {
		var refused *Untrusted
		if errors.As(dir.Err, &refused) {
			if refused.Subject == "it" {
				refused = &Untrusted{dir.Path, refused.Reason}
			}
			dir.Err = refused
		} else if !errors.As(dir.Err, new(*Unavailable)) {
			continue
		}
		for _, f := range good {
			if _, is := listed[f.Path]; !is && filepath.Dir(f.Path) == dir.Path {
				files = append(files, File{Path: f.Path, Err: dir.Err})
			}
		}
	}
	return files
}

// covered adds the valid files that have a directory in their place: a container engine makes one if the file that it
// should mount is missing. Nobody removed the file.
func covered(files, good []File) []File {
	listed := byPath(files)
	for _, f := range good {
		if _, is := listed[f.Path]; is {
			continue
		}
		if info, err := os.Stat(f.Path); err == nil && info.IsDir() {
			files = append(files, File{Path: f.Path, Err: errors.New("a directory, not a file")})
		}
	}
	return files
}

// refuseTruncated reports an error for a file that lost all of its content, because an editor or a full disk can
// cause that. To remove what a file declared, delete the file.
func refuseTruncated(files, good []File) []File {
	files = slices.Clone(files)
	goodAt := byPath(good)
	for i, f := range files {
		if before, known := goodAt[f.Path]; known && f.Err == nil && len(bytes.TrimSpace(f.Text)) == 0 && len(bytes.TrimSpace(before.Text)) > 0 {
			files[i].Err = errors.New("the file is empty: delete it to remove what it declared")
		}
	}
	return files
}

func (k *Loader) remember(inForce []File, states []FileState, first bool) {
	k.Good = make([]keptFile, len(inForce))
	for i, f := range inForce {
		k.Good[i] = keptFile{Path: f.Path, Text: string(f.Text)}
	}
	unknown := map[string]bool{}
	for _, s := range states {
		if s.State == "rejected" && (first || k.Unknown[s.Path]) {
			unknown[s.Path] = true
		}
	}
	k.Unknown = unknown
}

// replace replaces each invalid file by its last valid content, or drops a file without one.
func replace(files, good []File, atFault map[string]bool) (next []File, changed bool) {
	goodAt := byPath(good)
	for _, f := range files {
		if !atFault[f.Path] {
			next = append(next, f)
			continue
		}
		before, known := goodAt[f.Path]
		if known && (f.Err != nil || !bytes.Equal(before.Text, f.Text)) {
			next = append(next, before)
			changed = true
		} else if !known {
			changed = true
		} else {
			next = append(next, f)
		}
	}
	return next, changed
}

// byPath returns the files by path; of several with one path, the first.
func byPath(files []File) map[string]File {
	at := make(map[string]File, len(files))
	for _, f := range files {
		if _, taken := at[f.Path]; !taken {
			at[f.Path] = f
		}
	}
	return at
}

func fileStates(files, inForce []File, errs Errors) (states []FileState) {
	used, there, wrong := byPath(inForce), byPath(files), errs.byFile()
	for _, f := range files {
		s := FileState{Path: f.Path, State: FileLoaded}
		used, isUsed := used[f.Path]
		mine := wrong[f.Path]
		switch {
		case len(mine) > 0:
			s.Error = mine.Error()
		case isUsed && bytes.Equal(used.Text, f.Text):
			states = append(states, s)
			continue
		default:
			s.Error = "set aside: the files that are not valid keep the last good state of all in force"
		}
		if s.State = "kept"; !isUsed {
			s.State = "rejected"
		}
		states = append(states, s)
	}
	for _, f := range inForce {
		if _, is := there[f.Path]; !is {
			states = append(states, FileState{Path: f.Path, State: "kept", Error: "the file is gone, but other files that are not valid keep the last good state of all in force"})
		}
	}
	return states
}

// Save saves the content in use for the next run.
func (k *Loader) Save() error {
	text, err := json.Marshal(k.memory)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(k.path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return errors.Join(os.MkdirAll(filepath.Dir(k.path), 0o700), ReplaceFile(k.path, text))
}

// ReplaceFile atomically replaces the content of one of linkd's own files. The temporary file has a fixed name, so
// that the next call overwrites one that was left by a killed process.
func ReplaceFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
