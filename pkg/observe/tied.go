package observe

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// tiedTime is the least time that a survey of the namespaces of the machine is used again, and tiedCosts how many times as
	// long as the survey took, so that a tenth of the time is spent on surveys at most.
	tiedTime  = time.Second
	tiedCosts = 9
	// surveyTime is the longest time that a survey takes. Any user can make thousands of namespaces.
	surveyTime = 10 * time.Second
	// furtherTime is the longest time for which it searches files, sockets, threads and foreign mounts for further ones,
	// and looks into these.
	furtherTime = time.Second
)

// Tied are the links of an undeclared namespace that refer to a link in another namespace: to their other end, or to the link
// that is their parent (Link.Parent). Whoever is root in the namespace can make any number of them.
type Tied struct {
	// Where names the namespace for a message: the path at which it is mounted, or a process.
	Where string
	Links []*Link

	place place
	inode Inode
}

// Visit opens the namespace for f; it does nothing if the namespace has ended.
func (t *Tied) Visit(w *World, f func(ns *NS) error) error { return w.visitPlace(t.place, t.inode, f) }

// surveys keeps the last survey.
type surveys struct {
	mu    sync.Mutex
	began time.Time
	until time.Time
	tied  []*Tied
	// searching is closed when the last search has ended.
	searching chan struct{}
}

// Tied returns the namespaces of the machine that no file names and that have links which refer to another namespace, as they
// are after asOf. The kernel keeps no list of what stands on a link: sysfs (upper_*) leaves out what is in another namespace
// (netdev_adjacent_is_neigh_list in net/core/dev.c). See placeSearch for the namespaces that Tied does not know. It opens
// all others, and a dump waits for rtnl, so a result is used again for a while. An error means that some namespaces were not
// looked at.
func (w *World) Tied(asOf time.Time) ([]*Tied, error) {
	s := &w.surveys
	s.mu.Lock()
	defer s.mu.Unlock()
	began := time.Now()
	if !s.began.Before(asOf) && began.Before(s.until) {
		return s.tied, nil
	}
	tied, err := w.survey(began.Add(surveyTime))
	if err != nil {
		return nil, err
	}
	keep := max(tiedTime, tiedCosts*time.Since(began))
	s.began, s.until, s.tied = began, time.Now().Add(keep), tied
	time.AfterFunc(keep, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.began.Equal(began) {
			s.tied = nil
		}
	})
	return tied, nil
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

func (w *World) survey(deadline time.Time) ([]*Tied, error) {
	search, err := newPlaceSearch()
	if err != nil {
		return nil, fmt.Errorf("list the namespaces of the machine: %w", err)
	}
	tied, left, err := w.visitAll(search.found, deadline)
	if err == nil && left > 0 {
		err = fmt.Errorf("%d of the machine's %d namespaces have not been looked at after %s", left, len(search.found), surveyTime)
	}
	if err != nil {
		return nil, err
	}
	// A namespace without a process or a name is rare, and what shows it may be numerous or hostile: there linkd looks only as
	// far as it comes.
	further := w.surveys.searchFurther(search)
	more, _, err := w.visitAll(further, time.Now().Add(furtherTime))
	return append(tied, more...), err
}

// visitAll looks for links in namespaces until the deadline; left is how many it did not look at.
func (w *World) visitAll(places map[Inode]place, deadline time.Time) (tied []*Tied, left int, err error) {
	declared := w.declaredIdentities()
	left = len(places)
	for inode, place := range places {
		if time.Now().After(deadline) {
			break
		}
		left--
		t := &Tied{place: place, inode: inode, Where: place.where}
		err := t.Visit(w, func(ns *NS) (err error) {
			if !declared[ns.Identity] {
				t.Links, err = tiedLinks(ns)
			}
			return err
		})
		if err != nil {
			return nil, left, fmt.Errorf("look for interfaces in %s: %w", t.Where, err)
		}
		if len(t.Links) > 0 {
			tied = append(tied, t)
		}
	}
	return tied, left, nil
}

// declaredIdentities returns the namespaces that declared names lead to.
func (w *World) declaredIdentities() map[Identity]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	declared := map[Identity]bool{w.host.Identity: true}
	for _, id := range w.known {
		declared[id] = true
	}
	return declared
}

// tiedLinks returns the links of a namespace that refer to another namespace. It takes what interrupted dumps contain: a link
// that is there all the time and missing in each of them is unlikely, and whoever changes links all the time must not keep
// linkd from deleting others.
func tiedLinks(ns *NS) (tied []*Link, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	seen := map[int]bool{}
	_, err = ns.RequestSome(req, unix.RTM_NEWLINK, func(msg []byte) bool {
		l, err := parseLink(msg)
		if err == nil && l.ParentNS >= 0 && !seen[l.Index] {
			seen[l.Index] = true
			// The message is in a buffer that is used again.
			if l, err = parseLink(bytes.Clone(msg)); err == nil {
				tied = append(tied, l)
			}
		}
		return false
	})
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil
	}
	return tied, err
}
