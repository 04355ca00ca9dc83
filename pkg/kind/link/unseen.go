package link

import (
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

// Unseen returns the interfaces that are on the given ones, or on their other ends, and that the kernel would delete together with
// them: in namespaces that no file names, and those that are newer than the last look at a namespace of the files.
func (kind) Unseen(ns *observe.NS, ends, moved []*Link, asOf time.Time) ([]string, error) {
	s := newSearch(ns.World(), asOf)
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
	// known are the interfaces that leave, and those that the search has found: it does not return to them.
	known map[interfaceKey]bool
	found []string
}

// interfaceKey identifies an interface on the machine.
type interfaceKey struct {
	ns    observe.Identity
	index int
}

func newSearch(world *observe.World, asOf time.Time) *search {
	return &search{world: world, asOf: asOf, known: map[interfaceKey]bool{}}
}

// add adds an interface to the search. An interface in a namespace that has ended does not exist any more.
func (s *search) add(ns *observe.NS, l *Link, moved bool) error {
	there, err := ns.Other(l.NS)
	if errors.Is(err, observe.ErrPending) {
		return nil
	}
	if err == nil {
		s.addLower(lower{there, l.found.link.Index, moved})
	}
	return err
}

func (s *search) addLower(low lower) {
	s.lowers = append(s.lowers, low)
	s.known[interfaceKey{low.ns.Identity, low.index}] = true
}

func (s *search) run() ([]string, error) {
	if len(s.lowers) == 0 {
		return nil, nil
	}
	ties, err := s.world.Survey(s.asOf, tiedTo)
	if err != nil {
		return nil, err
	}
	for _, low := range s.lowers {
		if err := s.searchOn(ties, low); err != nil {
			return nil, err
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
			if tiedTo(l) == low.index && !isPaired(l) && !outlivesParent(l) && (!low.moved || isVXLAN(l)) {
				s.note(l, "a namespace that has no name")
			}
		}
	}
	return nil
}

// searchOn finds the interfaces on low. If one is an end of a pair that no look has found, it finds those on that end, too.
func (s *search) searchOn(ties observe.Ties, low lower) error {
	for t, links := range ties[low.index] {
		if low.moved && !slices.ContainsFunc(links, isVXLAN) {
			continue
		}
		err := t.Visit(s.world, func(ns *observe.NS) error {
			parentNS := here
			if ns.Identity != low.ns.Identity {
				id, err := ns.IDOf(low.ns)
				if err != nil || id < 0 {
					return err
				}
				parentNS = id
			}
			for _, l := range links {
				if l.ParentNS != parentNS || low.moved && !isVXLAN(l) {
					continue
				}
				if err := s.check(ties, t, ns, lower{ns: low.ns, index: low.index}, l); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// check notes an interface of a survey if it still is on low.
func (s *search) check(ties observe.Ties, t *observe.Tied, ns *observe.NS, low lower, l *observe.Link) error {
	key := interfaceKey{ns.Identity, l.Index}
	if s.known[key] {
		return nil
	}
	now, err := ns.LinkByIndex(l.Index)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil || now.ParentNS != l.ParentNS || tiedTo(now) != low.index {
		return err
	}
	s.known[key] = true
	if isPaired(now) {
		return s.searchOn(ties, lower{ns: ns, index: l.Index})
	}
	if !outlivesParent(now) {
		s.note(now, t.Where)
	}
	return nil
}

func outlivesParent(l *observe.Link) bool {
	t := typeNamed(l.Kind)
	return t != nil && t.OutlivesParent
}

func isVXLAN(l *observe.Link) bool { return l.Kind == "vxlan" }

func isPaired(l *observe.Link) bool {
	t := typeNamed(l.Kind)
	return t != nil && t.Paired
}

func (s *search) note(l *observe.Link, where string) {
	s.found = append(s.found, fmt.Sprintf("%s in %s", plain.Text(l.Name), plain.Text(where)))
}
