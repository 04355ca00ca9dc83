package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/plain"
)

// lower is an interface that linkd is about to delete or to move to another namespace. The kernel deletes the interfaces on a
// deleted one; of those on a moved one, it deletes only a vxlan (vxlan_handle_lowerdev_unregister in drivers/net/vxlan).
type lower struct {
	ns    *observe.NS
	index int
	moved bool
}

// Unseen returns the interfaces in namespaces that no file names that are on the given ones, or on their other ends, and that the
// kernel would delete together with them.
func (kind) Unseen(ns *observe.NS, ends, moved []*Link, asOf time.Time) ([]string, error) {
	s := search{world: ns.World(), asOf: asOf}
	for _, l := range ends {
		for peer := l; peer != nil && peer.found != nil; peer = peer.Peer {
			if err := s.add(ns, peer, false); err != nil {
				return nil, err
			}
		}
	}
	for _, l := range moved {
		if err := s.add(ns, l, true); err != nil {
			return nil, err
		}
	}
	return s.run()
}

// search finds interfaces on those that are about to leave.
type search struct {
	world  *observe.World
	asOf   time.Time
	lowers []lower
	found  []string
}

// add adds an interface to the search. An interface in a namespace that has ended does not exist any more.
func (s *search) add(ns *observe.NS, l *Link, moved bool) error {
	there, err := ns.Other(l.NS)
	if errors.Is(err, observe.ErrPending) {
		return nil
	}
	if err == nil {
		s.lowers = append(s.lowers, lower{there, l.found.link.Index, moved})
	}
	return err
}

func (s *search) run() ([]string, error) {
	if len(s.lowers) == 0 {
		return nil, nil
	}
	tied, err := s.world.Tied(s.asOf)
	if err != nil {
		return nil, err
	}
	for _, t := range tied {
		for _, l := range t.Links {
			for _, low := range s.lowers {
				if tiedTo(l) != low.index || low.moved && l.Kind != "vxlan" {
					continue
				}
				if err := s.check(tied, t, l, low); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(s.found) == 0 {
		if err := s.searchByID(); err != nil {
			return nil, err
		}
	}
	slices.Sort(s.found)
	return slices.Compact(s.found), nil
}

// searchByID searches the namespaces that the kernel names by an ID alone, because neither a mount nor a process shows them.
func (s *search) searchByID() error {
	listed := map[*observe.NS][]*observe.Link{}
	for _, low := range s.lowers {
		links, known := listed[low.ns]
		if !known {
			var err error
			if links, err = low.ns.LinksByID(); err != nil {
				return err
			}
			listed[low.ns] = links
		}
		for _, l := range links {
			if tiedTo(l) == low.index && !isPaired(l) && (!low.moved || l.Kind == "vxlan") {
				s.note(l, "a namespace that has no name")
			}
		}
	}
	return nil
}

// check notes an interface if it refers to low. The index alone does not say in which namespace low is.
func (s *search) check(tied []*observe.Tied, t *observe.Tied, l *observe.Link, low lower) error {
	return t.Visit(s.world, func(ns *observe.NS) error {
		now, err := ns.LinkByIndex(l.Index)
		if errors.Is(err, unix.ENODEV) {
			return nil
		}
		if err != nil {
			return err
		}
		id, err := ns.IDOf(low.ns)
		if err != nil || id < 0 || now.ParentNS != id || tiedTo(now) != low.index {
			return err
		}
		if isPaired(now) {
			return s.searchOtherEnd(tied, ns, t, lower{ns: ns, index: l.Index})
		}
		s.note(now, t.Where)
		return nil
	})
}

// searchOtherEnd finds what is on the other end of a pair, in a namespace that the engine does not observe.
func (s *search) searchOtherEnd(tied []*observe.Tied, ns *observe.NS, at *observe.Tied, end lower) error {
	links, err := ns.Links(context.Background())
	if err != nil {
		return err
	}
	for _, l := range links.All {
		if l.ParentNS == here && l.Index != end.index && tiedTo(l) == end.index {
			s.note(l, at.Where)
		}
	}
	for _, t := range tied {
		for _, l := range t.Links {
			if tiedTo(l) != end.index || isPaired(l) {
				continue
			}
			if err := s.check(tied, t, l, end); err != nil {
				return err
			}
		}
	}
	return nil
}

func isPaired(l *observe.Link) bool {
	t := typeNamed(l.Kind)
	return t != nil && t.Paired
}

func (s *search) note(l *observe.Link, where string) {
	s.found = append(s.found, fmt.Sprintf("%s in %s", plain.Text(l.Name), plain.Text(where)))
}
