package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"linkd/pkg/spec"
)

// acceptPause is the shortest time between two revisions that a node takes.
const acceptPause = time.Second

// follow takes the revision that etcd has, and each later one, until ctx ends or etcd does not answer. It takes whole revisions, and not
// changes, so that one that etcd has compacted away is not missed.
func (n *Node) follow(ctx context.Context, s *Store, self spec.Node) error {
	for {
		value, _, at, err := s.get(ctx, s.currentKey())
		if err != nil {
			return err
		}
		if err := n.note(n.accept(ctx, s, self, value)); err != nil {
			return err
		}
		if err := n.watch(ctx, s, self, at+1); !errors.Is(err, rpctypes.ErrCompacted) {
			return explain(err)
		}
	}
}

// unusable is an error of what etcd has. Another attempt would find the same.
type unusable struct{ error }

// note records the result of accept. It returns an error that is not about what etcd has.
func (n *Node) note(err error) error {
	var wrong unusable
	if err != nil && !errors.As(err, &wrong) {
		return err
	}
	n.connected(wrong.error)
	n.Wake()
	return nil
}

// watch takes each revision that is stored at from or later. If there are more than acceptPause allows, it takes the last one.
func (n *Node) watch(ctx context.Context, s *Store, self spec.Node, from int64) error {
	var newest []byte
	return s.watch(ctx, watch{
		key: s.currentKey(), from: from, pause: acceptPause,
		take: func(_ string, value []byte) { newest = value },
		act:  func() error { return n.note(n.accept(ctx, s, self, newest)) },
	})
}

// accept puts the files of an encoded revision into the cache, and makes the daemon read them. It does nothing if they are there. The
// error is an unusable if the revision cannot be used.
func (n *Node) accept(ctx context.Context, s *Store, self spec.Node, value []byte) error {
	have := n.Cache.Revision()
	if len(value) == 0 {
		if have != nil && have.Number > 0 {
			return unusable{fmt.Errorf("etcd has no files below %s: linkd keeps those of revision %d", s.prefix, have.Number)}
		}
		value = []byte(`{"version":1}`)
	}
	r, err := decodeRevision(value)
	if err != nil {
		return unusable{err}
	}
	files, err := r.within(self)
	if err != nil {
		return unusable{err}
	}
	texts, fetched := make(map[string][]byte, len(files)), false
	for _, f := range files {
		if texts[f.Name] = n.Cache.text(f); texts[f.Name] != nil {
			continue
		}
		fetched = true
		if texts[f.Name], err = s.text(ctx, f); err != nil {
			return err
		}
	}
	if !fetched && have != nil && have.Number == r.Number && n.Cache.count() == len(files) {
		return nil
	}
	if have != nil && have.Number > r.Number {
		n.Log.Warn("etcd has an older revision than this node, and linkd takes it: etcd may have been restored from a backup", "revision", r.Number, "before", have.Number)
	}
	if err := n.Cache.Replace(r, texts); err != nil {
		return unusable{fmt.Errorf("keep the files of revision %d: %w", r.Number, err)}
	}
	n.Log.Info("took the files of the fleet", "revision", r.Number, "by", r.By, "files", len(files))
	n.Reload()
	return nil
}

// text returns the text of a file.
func (s *Store) text(ctx context.Context, f FileEntry) ([]byte, error) {
	text, _, _, err := s.get(ctx, s.textKey(f.Hash))
	if err != nil {
		return nil, err
	}
	if text == nil && f.Size > 0 {
		return nil, unusable{fmt.Errorf("etcd has lost the text of %s", f.Name)}
	}
	if err := f.checkText(text); err != nil {
		return nil, unusable{err}
	}
	return text, nil
}
