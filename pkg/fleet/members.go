package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"linkd/pkg/bounded"
	"linkd/pkg/durable"
	"linkd/pkg/pause"
	"linkd/pkg/spec"
)

const (
	// largestMembers is the largest size in bytes of what one node says about its ends of shared links, and mostMembers is the largest
	// number of nodes whose ends a node takes.
	largestMembers = 64 << 10
	mostMembers    = 10_000
	// membersPause is the shortest time between two changes of the members that a node takes.
	membersPause = time.Second
	membersName  = "members.json"
)

// ends are the ends of a node by the IDs of the links.
type ends map[string]spec.MemberEnd

// members are the ends of links that the nodes of the fleet share. A node's end is in etcd until the link leaves the node's files, or
// the node is forgotten: a node without a connection keeps its tunnels. Its methods are safe for concurrent use.
type members struct {
	path string

	mu sync.Mutex
	// own are this machine's ends, and known says that they have been announced since the start.
	own   ends
	known bool
	// others are the ends of the other nodes, by their names.
	others map[string]ends
	// changed is closed when own changes.
	changed chan struct{}
}

// newMembers returns the members that were known before the start.
func newMembers(dir string) *members {
	m := &members{path: filepath.Join(dir, membersName), changed: make(chan struct{})}
	if text, err := bounded.ReadFile(m.path, answerLimit); err == nil {
		_ = json.Unmarshal(text, &m.others)
	}
	return m
}

// of returns the addresses of the other nodes that have the link.
func (m *members) of(link string, own spec.MemberEnd) (all []netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, of := range m.others {
		if end, has := of[link]; has && end.Kind == own.Kind && end.Local.Is6() == own.Local.Is6() && end.Local != own.Local && isOfHost(end.Local) {
			all = append(all, end.Local)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// isOfHost reports whether one host of the underlying network can have an address.
func isOfHost(ip netip.Addr) bool {
	return ip.IsValid() && !ip.IsMulticast() && !ip.IsUnspecified() && !ip.IsLoopback() && ip.Zone() == ""
}

// setOwn sets this machine's ends. If the files are not all known, none is taken back.
func (m *members) setOwn(given ends, complete bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	own := ends{}
	maps.Copy(own, given)
	if !complete {
		if !m.known {
			return
		}
		maps.Copy(own, m.own)
	}
	if m.known && maps.Equal(own, m.own) {
		return
	}
	m.own, m.known = own, true
	close(m.changed)
	m.changed = make(chan struct{})
}

// ends returns this machine's ends, and a channel that is closed when they change; known is false before setOwn.
func (m *members) ends() (own ends, known bool, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.own, m.known, m.changed
}

// setOthers sets the ends of the other nodes, as far as this machine has the same links, and keeps them on the disk. changed is false
// if they are as before.
func (m *members) setOthers(all map[string]ends, self string) (changed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	others := map[string]ends{}
	for name, of := range all {
		for link, end := range of {
			if _, shared := m.own[link]; !shared || name == self {
				continue
			}
			if others[name] == nil {
				others[name] = ends{}
			}
			others[name][link] = end
		}
	}
	if reflect.DeepEqual(others, m.others) {
		return false, nil
	}
	m.others = others
	text, err := json.Marshal(others)
	if err != nil {
		return true, err
	}
	return true, durable.WriteFile(m.path, text, 0o600)
}

// MembersOf returns the addresses of the other nodes that have a link, for the compiler of the files.
func (n *Node) MembersOf(link string, own spec.MemberEnd) []netip.Addr {
	return n.members.of(link, own)
}

// MembersOf does the same for a command.
func (c *Cache) MembersOf(link string, own spec.MemberEnd) []netip.Addr {
	return newMembers(c.dir).of(link, own)
}

// Announce says which ends of shared links the files in force give to this machine. Complete is false if not all files are known.
func (n *Node) Announce(own map[string]spec.MemberEnd, complete bool) {
	n.members.setOwn(own, complete)
}

func (s *Store) memberKey(name string) string { return s.prefix + "/members/" + name }

// announce keeps this machine's ends in etcd, with one write in reportPause at most.
func (n *Node) announce(ctx context.Context, s *Store, self spec.Node) error {
	key := s.memberKey(self.Name)
	stored, _, _, err := s.get(ctx, key)
	if err != nil {
		return err
	}
	for {
		own, known, changed := n.members.ends()
		var text []byte
		if known && len(own) > 0 {
			if text, err = json.Marshal(own); err != nil {
				return err
			}
		}
		if known && !bytes.Equal(text, stored) {
			if err := s.putOrDelete(ctx, key, text); err != nil {
				return err
			}
			stored = text
		}
		if !pause.For(ctx, reportPause) {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// putOrDelete stores a value, or deletes the key if there is none.
func (s *Store) putOrDelete(ctx context.Context, key string, value []byte) error {
	if len(value) > 0 {
		return s.put(ctx, key, value)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := s.client.Delete(ctx, key)
	return explain(err)
}

// followMembers takes the ends of the other nodes while this machine shares a link, until ctx ends or etcd does not answer.
func (n *Node) followMembers(ctx context.Context, s *Store, self spec.Node) error {
	for {
		own, _, changed := n.members.ends()
		err := error(nil)
		if len(own) > 0 {
			err = n.watchMembers(ctx, s, self, changed)
		} else {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
			return explain(err)
		}
	}
}

// watchMembers takes the ends of all nodes, and each change of them, until this machine's own links change.
func (n *Node) watchMembers(ctx context.Context, s *Store, self spec.Node, changed <-chan struct{}) error {
	prefix := s.memberKey("")
	_, _, at, err := s.get(ctx, prefix)
	if err != nil {
		return err
	}
	all := map[string]ends{}
	take := func(key string, value []byte) {
		name := strings.TrimPrefix(key, prefix)
		if of := decodeEnds(value); of == nil || len(all) >= mostMembers {
			delete(all, name)
		} else {
			all[name] = of
		}
	}
	if err := s.each(ctx, prefix, take, clientv3.WithRev(at)); err != nil {
		return err
	}
	n.takeMembers(all, self.Name)
	return s.watch(ctx, watch{
		key: prefix, options: []clientv3.OpOption{clientv3.WithPrefix()}, from: at + 1,
		next: time.Now().Add(membersPause), pause: membersPause, stop: changed, take: take,
		act: func() error {
			n.takeMembers(all, self.Name)
			return nil
		},
	})
}

// takeMembers makes the daemon read the files again if the other ends have changed.
func (n *Node) takeMembers(all map[string]ends, self string) {
	changed, err := n.members.setOthers(all, self)
	if err != nil {
		n.Log.Warn("cannot keep the members of links for the next start", "error", err)
	}
	if changed {
		n.Reload()
	}
}

// decodeEnds returns what a node says about its ends; nil if that is nothing, or not within the bounds.
func decodeEnds(value []byte) ends {
	var of ends
	if len(value) == 0 || len(value) > largestMembers || json.Unmarshal(value, &of) != nil {
		return nil
	}
	return of
}
