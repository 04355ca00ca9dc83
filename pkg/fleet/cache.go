package fleet

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"linkd/pkg/bounded"
	"linkd/pkg/durable"
	"linkd/pkg/spec"
)

// Cache keeps the files that a node last got from etcd, so that it needs no etcd to start.
//
//	STATE/fleet/files -> files.a    what the daemon reads; each file has its own name in it
//	STATE/fleet/files.b             the one before or the next
//
// The link is replaced atomically, so a reader sees all files of one revision. The methods are safe for concurrent use.
type Cache struct {
	dir string

	mu sync.Mutex
	// read is the number of the revision that Files returned last.
	read int64
}

const (
	linkName   = "files"
	recordName = ".revision.json"
)

// OpenCache returns the cache in a state directory.
func OpenCache(stateDir string) *Cache { return &Cache{dir: filepath.Join(stateDir, "fleet")} }

// Dir returns the directory whose files are those of the fleet.
func (c *Cache) Dir() string { return filepath.Join(c.dir, linkName) }

// errUnknown is the error of the directory while linkd has never got the files.
var errUnknown = &spec.Unavailable{Reason: "the files of the fleet are not known yet: linkd has not reached etcd since it is in the fleet"}

// Files returns the files, each with a path in Dir. Before the first Replace it returns the directory with an error: then linkd
// removes nothing that it has made of them.
func (c *Cache) Files() ([]spec.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		target, err := os.Readlink(c.Dir())
		if errors.Is(err, fs.ErrNotExist) {
			return []spec.File{{Path: c.Dir(), Err: errUnknown}}, nil
		}
		if err != nil {
			return nil, err
		}
		at := filepath.Join(c.dir, target)
		files, err := spec.ReadTrusted([]string{at})
		// Another process may have replaced them meanwhile.
		if now, _ := os.Readlink(c.Dir()); now != target {
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range files {
			files[i].Path = filepath.Join(c.Dir(), filepath.Base(files[i].Path))
		}
		if r := c.revision(); r != nil {
			c.read = r.Number
		}
		return files, nil
	}
}

// Stamp returns a value that changes with the files. It does not read them.
func (c *Cache) Stamp() string { return spec.Stamp([]string{filepath.Join(c.Dir(), recordName)}) }

// Read returns the number of the revision that Files returned last; 0 for none.
func (c *Cache) Read() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}

// Revision returns the revision whose files are in the cache, or nil.
func (c *Cache) Revision() *Revision {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revision()
}

func (c *Cache) revision() *Revision {
	text, err := bounded.ReadFile(filepath.Join(c.Dir(), recordName), largestRevision)
	if err != nil {
		return nil
	}
	r, err := decodeRevision(text)
	if err != nil {
		return nil
	}
	return r
}

// count returns the number of files in the cache.
func (c *Cache) count() (n int) {
	entries, _ := os.ReadDir(c.Dir())
	for _, e := range entries {
		if spec.IsConfigName(e.Name()) {
			n++
		}
	}
	return n
}

// instanceName is the file with what tells this state directory from that of another machine.
const instanceName = "instance"

// instance returns what tells this state directory from that of another machine.
func (c *Cache) instance() (string, error) {
	path := filepath.Join(c.dir, instanceName)
	text, err := bounded.ReadFile(path, 1<<10)
	if err == nil && len(text) > 0 {
		return string(text), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	id := randomID()
	return id, errors.Join(os.MkdirAll(c.dir, 0o700), durable.WriteFile(path, []byte(id), 0o600))
}

// text returns the text of a file in the cache, or nil.
func (c *Cache) text(f FileEntry) []byte {
	text, err := bounded.ReadFile(filepath.Join(c.Dir(), f.Name), largestFile)
	if err != nil || f.checkText(text) != nil {
		return nil
	}
	return text
}

// Replace puts the files of a revision into the place of those before. After an error these stay.
func (c *Cache) Replace(r *Revision, texts map[string][]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	next := linkName + ".a"
	if now, _ := os.Readlink(c.Dir()); now == next {
		next = linkName + ".b"
	}
	at := filepath.Join(c.dir, next)
	record, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(at), os.Mkdir(at, 0o700)); err != nil {
		return err
	}
	for name, text := range texts {
		if err := durable.Create(filepath.Join(at, name), text, 0o600); err != nil {
			return err
		}
	}
	if err := durable.Create(filepath.Join(at, recordName), record, 0o600); err != nil {
		return err
	}
	link := c.Dir() + ".new"
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(durable.SyncDir(at), os.Symlink(next, link), os.Rename(link, c.Dir()), durable.SyncDir(c.dir))
}
