// Package history keeps the states that were in force: the content of all files, when that was, what changed, and whether it
// converged.
package history

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"linkd/pkg/durable"
	"linkd/pkg/spec"
)

// The limits of a history. A state that is larger than MaxBytes by itself is not kept.
const (
	MaxStates = 100
	MaxBytes  = 64 << 20
	// maxText is how much of a state is read, in bytes: twice what all files may have, for the JSON.
	maxText = 32 << 20
)

// Entry describes a state that was in force.
type Entry struct {
	// Number counts the states from 1.
	Number int       `json:"number"`
	Time   time.Time `json:"time"`
	// Cause is "files" (the daemon has read changed files), "trial", "confirmed" and "reverted" for the begin and the ends of a
	// trial, or "apply" and "teardown" for these commands.
	Cause string `json:"cause"`
	// Created, Changed and Deleted count the ops until linkd had nothing left to do.
	Created int `json:"created"`
	Changed int `json:"changed"`
	Deleted int `json:"deleted"`
	// State is the overall state after that; "" if linkd ended before, or another state followed.
	State string `json:"state,omitempty"`
	// Digest identifies the content of the files, see Digest.
	Digest string `json:"digest"`
}

// Store is a directory with the states. It has two files for each: NUMBER.json with the entry, and NUMBER.files.gz with the
// files. One goroutine uses it.
type Store struct{ dir string }

// Open returns the store in a directory, which Add makes.
func Open(dir string) *Store { return &Store{dir} }

func (s *Store) entryPath(number int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d.json", number))
}
func (s *Store) filesPath(number int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d.files.gz", number))
}

// Entries returns the entries by number, and what is wrong with those that cannot be read.
func (s *Store) Entries() (entries []Entry, err error) {
	listed, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, f := range listed {
		name, is := strings.CutSuffix(f.Name(), ".json")
		number, wrong := strconv.Atoi(name)
		if !is || wrong != nil {
			continue
		}
		var e Entry
		text, err := os.ReadFile(s.entryPath(number))
		if err == nil {
			err = json.Unmarshal(text, &e)
		}
		if err == nil && e.Number != number {
			err = errors.New("it has another number")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is damaged: %w", s.entryPath(number), err))
			continue
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return a.Number - b.Number })
	return entries, errors.Join(errs...)
}

// causeTrial is the Cause of a state that a trial has put in force.
const causeTrial = "trial"

// Trial returns the state of the trial that runs: the newest one if a trial has put it in force, else nil. The error is that of Entries,
// and may be about another state.
func (s *Store) Trial() (*Entry, error) {
	entries, err := s.Entries()
	if n := len(entries); n > 0 && entries[n-1].Cause == causeTrial {
		return &entries[n-1], err
	}
	return nil, err
}

// Files returns the files of a state.
func (s *Store) Files(number int) (files []spec.File, err error) {
	f, err := os.Open(s.filesPath(number))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the history has no state %d: see `linkd history`", number)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	damaged := func(err error) error { return fmt.Errorf("%s is damaged: %w", f.Name(), err) }
	in, err := gzip.NewReader(f)
	if err != nil {
		return nil, damaged(err)
	}
	// The end of the stream has a checksum, which only reading it all compares.
	text, err := io.ReadAll(io.LimitReader(in, maxText))
	if err != nil {
		return nil, damaged(err)
	}
	var kept []keptFile
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, damaged(err)
	}
	for _, k := range kept {
		files = append(files, spec.File{Path: k.Path, Text: k.Text})
	}
	return files, nil
}

type keptFile struct {
	Path string `json:"path"`
	Text []byte `json:"text"`
}

// Digest returns a text that is the same for the same files.
func Digest(files []spec.File) string {
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%d %s %d ", len(f.Path), f.Path, len(f.Text))
		sum.Write(f.Text)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// Add adds a state and its entry, of which it sets the number, unless the newest state has the same digest: then added is nil. It
// removes the oldest states beyond the limits.
func (s *Store) Add(files []spec.File, e Entry) (added *Entry, err error) {
	// A damaged entry does not keep a new one out.
	entries, _ := s.Entries()
	e.Number = 1
	if n := len(entries); n > 0 {
		if entries[n-1].Digest == e.Digest {
			return nil, nil
		}
		e.Number = entries[n-1].Number + 1
	}
	for {
		if _, err := os.Lstat(s.entryPath(e.Number)); err != nil {
			break
		}
		// A damaged one.
		e.Number++
	}
	text, err := pack(files)
	if err != nil {
		return nil, err
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("the state has %d bytes, and the history keeps %d", len(text), MaxBytes)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	if err := s.makeRoom(int64(len(text))); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(s.filesPath(e.Number), text, 0o600); err != nil {
		return nil, err
	}
	if err := s.Update(e); err != nil {
		return nil, errors.Join(err, os.Remove(s.filesPath(e.Number)))
	}
	return &e, nil
}

// Update writes an entry again.
func (s *Store) Update(e Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return durable.WriteFile(s.entryPath(e.Number), text, 0o600)
}

func pack(files []spec.File) ([]byte, error) {
	kept := make([]keptFile, len(files))
	for i, f := range files {
		kept[i] = keptFile{f.Path, f.Text}
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	err := errors.Join(json.NewEncoder(zip).Encode(kept), zip.Close())
	return out.Bytes(), err
}

// makeRoom removes the oldest states, so that one more of that size fits in.
func (s *Store) makeRoom(size int64) error {
	sizes, total := map[int]int64{}, size
	listed, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, f := range listed {
		info, err := f.Info()
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(f.Name(), ".")
		if number, err := strconv.Atoi(name); err == nil {
			sizes[number] += info.Size()
			total += info.Size()
		}
	}
	numbers := make([]int, 0, len(sizes))
	for number := range sizes {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	for len(numbers) > 0 && (len(numbers) >= MaxStates || total > MaxBytes) {
		oldest := numbers[0]
		for _, path := range []string{s.entryPath(oldest), s.filesPath(oldest)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		total -= sizes[oldest]
		numbers = numbers[1:]
	}
	return nil
}
