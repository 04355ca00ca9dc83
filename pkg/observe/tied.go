package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// tiedTime is the least time for which linkd uses a survey of the namespaces of the machine again. A survey that took long is used
	// for tiedCosts times its duration, so that surveys take at most a tenth of the time.
	tiedTime  = time.Second
	tiedCosts = 9
	// surveyTime is the longest time that a survey takes. Any user can make thousands of namespaces.
	surveyTime = 10 * time.Second
	// furtherTime is the longest time for which it searches files, sockets, threads and foreign mounts for further ones,
	// and looks into these.
	furtherTime = time.Second
)

// Tied is a network namespace of the machine that has links which refer to others.
type Tied struct {
	// Where names the namespace for a message: its name in the files, the path at which it is mounted, or what holds it.
	Where string

	place place
	inode Inode
}

// Visit opens the namespace for f; it does nothing if the namespace has ended.
func (t *Tied) Visit(w *World, f func(ns *NS) error) error { return w.visitPlace(t.place, t.inode, f) }

// visitPlace opens a namespace for f. A namespace that has ended, or that is not at its place any more, is no error.
func (w *World) visitPlace(p place, at Inode, f func(ns *NS) error) error {
	fd, err := p.open()
	var errno unix.Errno
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH), errors.Is(err, unix.EBADF), !errors.As(err, &errno):
		return nil
	default:
		return err
	}
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil || at != (Inode{now.Dev, now.Ino}) {
		unix.Close(fd)
		return err
	}
	return w.visitOpen(fd, p.where, f)
}

// Ties has the links that refer to others, of all namespaces of the machine, by the index of that other link. The index alone does
// not say in which namespace the other is: see Link.ParentNS. Whoever is root in a namespace can make any number of them.
type Ties map[int]map[*Tied][]*Link

// surveys keeps the last survey.
type surveys struct {
	mu    sync.Mutex
	began time.Time
	until time.Time
	ties  Ties
	// searching is closed when the last search has ended.
	searching chan struct{}
}

// Survey returns the links of the machine that refer to another link, as they are after asOf. tiedTo returns the index of the other
// link, or 0. The kernel keeps no list of what is stacked on a link: sysfs (upper_*) leaves out what is in another namespace
// (netdev_adjacent_is_neigh_list in net/core/dev.c). See placeSearch for the namespaces that Survey does not know. It opens all
// others, also those of the files, where the last look may be older than a link; and a dump waits for rtnl, so a result is used
// again for a while. An error means that some namespaces were not looked at.
func (w *World) Survey(asOf time.Time, tiedTo func(*Link) int) (Ties, error) {
	s := &w.surveys
	s.mu.Lock()
	defer s.mu.Unlock()
	began := time.Now()
	if !s.began.Before(asOf) && began.Before(s.until) {
		return s.ties, nil
	}
	ties, err := w.survey(began.Add(surveyTime), tiedTo)
	if err != nil {
		return nil, err
	}
	keep := max(tiedTime, tiedCosts*time.Since(began))
	s.began, s.until, s.ties = began, time.Now().Add(keep), ties
	time.AfterFunc(keep, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.began.Equal(began) {
			s.ties = nil
		}
	})
	return ties, nil
}

// searchFurther returns what placeSearch.further finds in furtherTime. A search that blocks longer goes on, and while it does, there
// is no other.
func (s *surveys) searchFurther(all *placeSearch) map[Inode]place {
	if s.searching != nil {
		select {
		case <-s.searching:
		default:
			return nil
		}
	}
	var places map[Inode]place
	done := make(chan struct{})
	s.searching = done
	deadline := time.Now().Add(furtherTime)
	go func() {
		defer close(done)
		places = all.further(deadline)
	}()
	select {
	case <-done:
		return places
	case <-time.After(2 * furtherTime):
		return nil
	}
}

func (w *World) survey(deadline time.Time, tiedTo func(*Link) int) (Ties, error) {
	search, err := newPlaceSearch()
	if err != nil {
		return nil, fmt.Errorf("list the namespaces of the machine: %w", err)
	}
	ties := Ties{}
	left, err := w.visitAll(ties, search.found, deadline, tiedTo)
	if err == nil && left > 0 {
		err = fmt.Errorf("%d of the machine's %d namespaces have not been looked at after %s", left, len(search.found), surveyTime)
	}
	if err != nil {
		return nil, err
	}
	// A namespace without a process or a name is rare, and what shows it may be numerous or hostile: there linkd looks only as
	// far as it comes.
	further := w.surveys.searchFurther(search)
	_, err = w.visitAll(ties, further, time.Now().Add(furtherTime), tiedTo)
	return ties, err
}

// visitAll adds the links of namespaces until the deadline; left is how many it did not look at.
func (w *World) visitAll(ties Ties, places map[Inode]place, deadline time.Time, tiedTo func(*Link) int) (left int, err error) {
	names := w.namesByIdentity()
	left = len(places)
	for inode, place := range places {
		if time.Now().After(deadline) {
			break
		}
		left--
		t := &Tied{place: place, inode: inode, Where: place.where}
		err := t.Visit(w, func(ns *NS) error {
			if name := names[ns.Identity]; name != "" {
				t.Where = name
			}
			return ties.add(t, ns, tiedTo)
		})
		if err != nil {
			return left, fmt.Errorf("look for interfaces in %s: %w", t.Where, err)
		}
	}
	return left, nil
}

// namesByIdentity returns the names in the files, by the namespaces that they lead to.
func (w *World) namesByIdentity() map[Identity]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := map[Identity]string{w.host.Identity: w.host.Name}
	for name, id := range w.known {
		names[id] = name
	}
	return names
}

// add adds the links of a namespace. It takes what interrupted dumps contain: a link that is there all the time and missing in each
// of them is unlikely, and whoever changes links all the time must not keep linkd from deleting others.
func (ties Ties) add(t *Tied, ns *NS, tiedTo func(*Link) int) error {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	seen := map[int]bool{}
	_, err := ns.RequestSome(req, unix.RTM_NEWLINK, func(msg []byte) bool {
		l, err := parseLink(msg)
		if err != nil || seen[l.Index] {
			return false
		}
		seen[l.Index] = true
		on := tiedTo(l)
		if on == 0 {
			return false
		}
		// The message is in a buffer that is used again.
		if l, err = parseLink(bytes.Clone(msg)); err != nil {
			return false
		}
		if ties[on] == nil {
			ties[on] = map[*Tied][]*Link{}
		}
		ties[on][t] = append(ties[on][t], l)
		return false
	})
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil
	}
	return err
}
