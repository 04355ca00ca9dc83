package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"linkd/pkg/spec"
)

// mostRevisions is how many revisions etcd keeps.
const mostRevisions = 100

// Current returns the revision that is in force; one with the number 0 if there is none.
func (s *Store) Current(ctx context.Context) (*Revision, error) {
	r, _, err := s.current(ctx)
	return r, err
}

func (s *Store) current(ctx context.Context) (r *Revision, modified int64, err error) {
	value, modified, _, err := s.get(ctx, s.currentKey())
	if err != nil {
		return nil, 0, err
	}
	if value == nil {
		return &Revision{Version: 1}, 0, nil
	}
	r, err = decodeRevision(value)
	return r, modified, err
}

// Files returns the texts of a revision.
func (s *Store) Files(ctx context.Context, r *Revision) (files []spec.File, err error) {
	for _, f := range r.Files {
		text, err := s.text(ctx, f)
		if err != nil {
			return nil, err
		}
		files = append(files, spec.File{Path: f.Name, Text: text})
	}
	return files, nil
}

// Revisions returns the last revisions, the oldest first.
func (s *Store) Revisions(ctx context.Context) (all []*Revision, err error) {
	err = s.each(ctx, s.prefix+"/revisions/", func(_ string, value []byte) {
		if r, err := decodeRevision(value); err == nil {
			all = append(all, r)
		}
	})
	return all, err
}

// ErrOvertaken says that another revision was stored in between.
var ErrOvertaken = errors.New("somebody else has stored files meanwhile: run the command again")

// Draft is a set of files that is to become the next revision.
type Draft struct {
	// Base is the revision that it is made from.
	Base *Revision
	// Next is the revision that it becomes, and Texts has the texts of its files by name.
	Next  *Revision
	Texts map[string][]byte
}

// NewDraft returns the draft of the files, whose paths are their names. The error says which file cannot be one of a fleet.
func NewDraft(base *Revision, files []spec.File, by string) (*Draft, error) {
	d := &Draft{Base: base, Next: &Revision{Version: 1, Number: base.Number + 1, By: by}, Texts: map[string][]byte{}}
	slices.SortFunc(files, func(a, b spec.File) int { return strings.Compare(a.Path, b.Path) })
	total := 0
	for _, f := range files {
		nodes, errs := spec.NodesOf(f)
		if len(errs) > 0 {
			return nil, errors.New(errs.WithExcerpts())
		}
		if len(f.Text) > largestFile {
			return nil, fmt.Errorf("%s has %d bytes, and a file of a fleet %d at most: split it", f.Path, len(f.Text), largestFile)
		}
		d.Next.Files = append(d.Next.Files, FileEntry{Name: f.Path, Hash: hashOf(f.Text), Size: len(f.Text), Nodes: union(nodes)})
		d.Texts[f.Path] = f.Text
		total += len(f.Text)
	}
	if total > largestTotal {
		return nil, fmt.Errorf("the files have %d bytes together, and linkd takes %d at most", total, largestTotal)
	}
	if err := d.Next.check(); err != nil {
		return nil, err
	}
	if text, err := json.Marshal(d.Next); err != nil || len(text) > largestRevision {
		return nil, errors.Join(err, errors.New("the list of the files is too large for etcd: use fewer files, or fewer names in nodes"))
	}
	return d, nil
}

// union returns the selectors without those that add nothing.
func union(selectors []spec.NodeSelector) (all []spec.NodeSelector) {
	for _, s := range selectors {
		if s.All {
			return []spec.NodeSelector{s}
		}
		all = append(all, s)
	}
	return all
}

// Unchanged reports whether the files are those of the base.
func (d *Draft) Unchanged() bool {
	return slices.EqualFunc(d.Base.Files, d.Next.Files, func(a, b FileEntry) bool { return a.Name == b.Name && a.Hash == b.Hash })
}

// texts per transaction: etcd takes 128 operations and 1.5 MiB in one.
const mostOps = 100

// Apply stores a draft as the next revision: all of it, or nothing that a node sees. The error is ErrOvertaken if the base is not the
// revision in force any more.
//
// Whoever stores something takes the turn first. Texts are removed and the revision is stored only by who has the turn, so no text
// is removed that another revision is about to need.
func (s *Store) Apply(ctx context.Context, d *Draft) error {
	turn, err := s.takeTurn(ctx)
	if err != nil {
		return err
	}
	r, modified, err := s.current(ctx)
	if err != nil {
		return err
	}
	if r.Number != d.Base.Number {
		return ErrOvertaken
	}
	if err := s.prune(ctx, turn, d.Base); err != nil {
		return err
	}
	stored := map[string]bool{}
	for _, f := range d.Base.Files {
		stored[f.Hash] = true
	}
	for _, f := range d.Next.Files {
		if stored[f.Hash] {
			continue
		}
		stored[f.Hash] = true
		if err := s.put(ctx, s.textKey(f.Hash), d.Texts[f.Name]); err != nil {
			return fmt.Errorf("store %s: %w", f.Name, err)
		}
	}
	d.Next.Time = time.Now()
	value, err := json.Marshal(d.Next)
	if err != nil {
		return err
	}
	held, err := s.commit(ctx, []clientv3.Cmp{turn, clientv3.Compare(clientv3.ModRevision(s.currentKey()), "=", modified)},
		clientv3.OpPut(s.currentKey(), string(value)), clientv3.OpPut(s.revisionKey(d.Next.Number), string(value)))
	if err == nil && !held {
		err = ErrOvertaken
	}
	return err
}

// takeTurn returns the condition that nobody else has taken the turn since.
func (s *Store) takeTurn(ctx context.Context) (clientv3.Cmp, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := s.client.Put(ctx, s.turnKey(), randomID())
	if err != nil {
		return clientv3.Cmp{}, explain(err)
	}
	return clientv3.Compare(clientv3.ModRevision(s.turnKey()), "=", answer.Header.Revision), nil
}

// prune removes all but the last revisions, and the texts that none of these needs.
func (s *Store) prune(ctx context.Context, turn clientv3.Cmp, current *Revision) error {
	revisions, err := s.Revisions(ctx)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	var old []clientv3.Op
	for i, r := range revisions {
		if i < len(revisions)-mostRevisions+1 {
			old = append(old, clientv3.OpDelete(s.revisionKey(r.Number)))
			continue
		}
		for _, f := range r.Files {
			needed[f.Hash] = true
		}
	}
	for _, f := range current.Files {
		needed[f.Hash] = true
	}
	prefix := s.prefix + "/texts/"
	err = s.each(ctx, prefix, func(key string, _ []byte) {
		if !needed[strings.TrimPrefix(key, prefix)] {
			old = append(old, clientv3.OpDelete(key))
		}
	}, clientv3.WithKeysOnly())
	if err != nil {
		return err
	}
	for ops := range slices.Chunk(old, mostOps) {
		held, err := s.commit(ctx, []clientv3.Cmp{turn}, ops...)
		if err != nil {
			return err
		}
		if !held {
			return ErrOvertaken
		}
	}
	return nil
}

// Forget removes what a node has stored, and it from the members of links. It refuses a node that is connected.
func (s *Store) Forget(ctx context.Context, name string) error {
	alive := s.nodeKey(name, "alive")
	held, err := s.commit(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(alive), "=", 0)},
		clientv3.OpDelete(s.nodeKey(name, ""), clientv3.WithPrefix()), clientv3.OpDelete(s.memberKey(name)))
	if err == nil && !held {
		err = fmt.Errorf("node %s is connected: stop linkd on it, or remove its fleet.yaml, first", name)
	}
	return err
}

// Fault is an error of the files on some nodes.
type Fault struct {
	Error *spec.Error
	// Nodes are the names of the nodes on which the files have it, or none if it does not depend on the node.
	Nodes []string
}

// Check compiles the files of the draft for each node. Each error is in the result once.
func (d *Draft) Check(lang spec.Language, nodes []spec.Node) (faults []Fault) {
	at := map[string]int{}
	for _, node := range nodes {
		var files []spec.File
		for _, f := range d.Next.Files {
			if f.IsFor(node) {
				files = append(files, spec.File{Path: f.Name, Text: d.Texts[f.Name]})
			}
		}
		lang.Node = func() *spec.Node { return &node }
		_, errs := spec.Compile(lang, files)
		for _, e := range errs {
			i, known := at[e.Error()]
			if !known {
				i = len(faults)
				at[e.Error()] = i
				faults = append(faults, Fault{Error: e})
			}
			faults[i].Nodes = append(faults[i].Nodes, node.Name)
		}
	}
	return faults
}

// KnownNodes returns the nodes for which to check a draft: those that have reported, and those that files name.
func (d *Draft) KnownNodes(members []Member) []spec.Node {
	nodes := map[string]spec.Node{}
	for _, f := range d.Next.Files {
		for _, s := range f.Nodes {
			for _, name := range s.Names {
				nodes[name] = spec.Node{Name: name}
			}
		}
	}
	for _, m := range members {
		nodes[m.Node.Name] = m.Node
	}
	var all []spec.Node
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		all = append(all, nodes[name])
	}
	return all
}
