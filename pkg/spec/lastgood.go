package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// FileState is what became of one file at a load: loaded; kept (it is not valid, and its last good content is in
// force); or rejected (it is not valid, and nothing of it is in force).
type FileState struct {
	Path  string `json:"path"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
}

// Loader loads files and remembers the last content of each that was good, also over a restart.
type Loader struct {
	lang Language
	path string // where the last good content is kept
	memory
}

// memory is what outlives the process.
type memory struct {
	// Good is the content in force.
	Good []keptFile `json:"good"`
	// Unknown are files that were not valid when there was no memory yet: what they asked for before is not known.
	Unknown map[string]bool `json:"unknown"`
}

type keptFile struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// NewLoader reads what an earlier run kept at path, a file; there may be none.
func NewLoader(lang Language, path string) *Loader {
	k := &Loader{lang: lang, path: path}
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &k.memory) != nil {
		k.memory = memory{}
	}
	return k
}

// Load compiles the files. Those that are not valid are replaced by their last good content; where that does not fit
// with the rest, all of the last good state stays in force. Errors are those of the files as they stand.
//
// Complete is false while a file is rejected of which it is not known what it asked for before: then nothing may be
// taken for undeclared.
func (k *Loader) Load(files []File) (desired *Desired, states []FileState, complete bool, errs Errors) {
	first := k.Unknown == nil
	good := make([]File, len(k.Good))
	for i, f := range k.Good {
		good[i] = File{Path: f.Path, Text: []byte(f.Text)}
	}
	files = refuseTruncated(covered(withheld(files, good), good), good)
	desired, errs = Compile(k.lang, files)
	inForce := files
	work := mostRecompiled
	for tried := errs; len(tried) > 0; {
		next, changed := replace(inForce, good, tried.Files())
		if work -= size(next); !changed || work < 0 {
			changed = false
			// What is left at fault has no other content to fall back to: the whole of the last good state is the one
			// combination known to be valid.
			next = good
		}
		inForce = next
		if desired, tried = Compile(k.lang, inForce); len(tried) > 0 && !changed {
			desired, inForce = k.withoutFaulty(files)
			return desired, fileStates(files, inForce, errs), false, errs
		}
	}
	states = fileStates(files, inForce, errs)
	k.remember(inForce, states, first)
	return desired, states, len(k.Unknown) == 0, errs
}

// mostRecompiled is how many bytes of files may be compiled again to find out which of them are right without those that
// are not: each that falls out may be what others need.
const mostRecompiled = 4 * maxTotalSize

func size(files []File) (total int) {
	// A file takes a while however short it is.
	const perFile = 1 << 10
	for _, f := range files {
		total += perFile + len(f.Text)
	}
	return total
}

// withoutFaulty leaves out what is not valid where the last good state is not valid any more either: another linkd has
// another language, and what a file refers to outside of all files, a routing table by its name, may be gone. The last
// good state stays remembered.
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

// withheld adds the files that were good and are in a directory that is refused: whether they are still there is not for
// whoever can write it to say.
func withheld(files, good []File) []File {
	listed := byPath(files)
	for _, dir := range files {
		var refused *Untrusted
		if !errors.As(dir.Err, &refused) {
			continue
		}
		if refused.Subject == "it" {
			refused = &Untrusted{dir.Path, refused.Reason}
		}
		for _, f := range good {
			if _, is := listed[f.Path]; !is && filepath.Dir(f.Path) == dir.Path {
				files = append(files, File{Path: f.Path, Err: refused})
			}
		}
	}
	return files
}

// covered adds the files that were good and have a directory in their place: a container engine makes one where the file that
// it is to mount is missing. Nobody removed the file.
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

// refuseTruncated makes an error of a file that lost all of its content: an editor or a full disk leaves that behind,
// and whoever means it deletes the file.
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

// replace puts the last good content in place of the files at fault, or drops the file where there is none.
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

// byPath are the files by their paths; of several at one, the first.
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
		s := FileState{Path: f.Path, State: "loaded"}
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

// Save writes the content in force to where the next run finds it.
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

// ReplaceFile makes text the content of a file of linkd's own at one stroke. Who is killed over it leaves a file that
// the next one overwrites: a name made up for the purpose would stay forever.
func ReplaceFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
