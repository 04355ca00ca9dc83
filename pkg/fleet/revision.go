package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"linkd/pkg/spec"
)

// What comes from etcd is bounded: a node reads no more than this, whoever wrote it.
const (
	// mostFiles is the largest number of files of a revision.
	mostFiles = 1000
	// largestFile is the largest size of a file in bytes. etcd takes 1.5 MiB in one request.
	largestFile = 1 << 20
	// largestTotal is the largest size in bytes of all files that one node gets.
	largestTotal = 16 << 20
	// largestRevision is the largest size of an encoded revision in bytes.
	largestRevision = 1 << 20
	// longestName is the length of the longest name of a file in bytes.
	longestName = 100
)

// Revision is the list of all files of the fleet at one time.
type Revision struct {
	Version int `json:"version"`
	// Number counts from 1. Time is that of the clock of the machine on which it was stored.
	Number int64     `json:"number"`
	Time   time.Time `json:"time"`
	// By says who stored it.
	By    string      `json:"by"`
	Files []FileEntry `json:"files"`
}

// FileEntry is a file of a revision. Its text is stored under its hash.
type FileEntry struct {
	Name string `json:"name"`
	// Hash is the SHA-256 of the text in hexadecimal digits, and Size its length in bytes.
	Hash string `json:"hash"`
	Size int    `json:"size"`
	// Nodes are the nodes that its documents are for.
	Nodes []spec.NodeSelector `json:"nodes"`
}

// IsFor reports whether a node needs the file.
func (f FileEntry) IsFor(node spec.Node) bool {
	for _, s := range f.Nodes {
		if s.Matches(node) {
			return true
		}
	}
	return false
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

var hashPattern = regexp.MustCompile("^[0-9a-f]{64}$")

// decodeRevision decodes a revision, and refuses one that is not within the bounds.
func decodeRevision(text []byte) (*Revision, error) {
	if len(text) > largestRevision {
		return nil, fmt.Errorf("the revision in etcd has %d bytes, and linkd reads %d at most", len(text), largestRevision)
	}
	r := &Revision{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("the revision in etcd is damaged: %w", err)
	}
	if r.Version != 1 {
		return nil, fmt.Errorf("the revision in etcd is of a newer linkd (version %d): update linkd on this machine", r.Version)
	}
	return r, r.check()
}

func (r *Revision) check() error {
	// A fleet without files has the number 0.
	if r.Number < 0 || r.Number == 0 && len(r.Files) > 0 {
		return fmt.Errorf("the revision has the number %d", r.Number)
	}
	if len(r.Files) > mostFiles {
		return fmt.Errorf("the revision has %d files, and a fleet %d at most", len(r.Files), mostFiles)
	}
	before := ""
	for _, f := range r.Files {
		switch err := checkFileName(f.Name); {
		case err != nil:
			return err
		case f.Name <= before:
			return fmt.Errorf("the revision has the file %q twice, or out of order", f.Name)
		case !hashPattern.MatchString(f.Hash) || f.Size < 0 || f.Size > largestFile:
			return fmt.Errorf("the revision has a wrong hash or size of %q", f.Name)
		}
		before = f.Name
	}
	return nil
}

// checkFileName refuses a name that could not be that of a file in the cache.
func checkFileName(name string) error {
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' }
	if len(name) > longestName || !spec.IsConfigName(name) || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%q cannot name a file of a fleet: use at most %d printable ASCII characters, with .yaml or .yml at the end", name, longestName)
	}
	return nil
}

// within returns the files of the revision for a node, and an error if they are too large together.
func (r *Revision) within(node spec.Node) (files []FileEntry, err error) {
	total := 0
	for _, f := range r.Files {
		if f.IsFor(node) {
			files = append(files, f)
			total += f.Size
		}
	}
	if total > largestTotal {
		return nil, fmt.Errorf("the files of revision %d for this node have %d bytes together, and linkd reads %d at most", r.Number, total, largestTotal)
	}
	return files, nil
}

// checkText refuses a text that is not the one of the entry.
func (f FileEntry) checkText(text []byte) error {
	if len(text) != f.Size || hashOf(text) != f.Hash {
		return errors.New("etcd has another text under the hash of " + f.Name)
	}
	return nil
}
