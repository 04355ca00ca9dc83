package link

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// undoFetch restores the group of an interface that could not leave its namespace, and removes a mark that is new: the interface
// may have other attributes when linkd tries again.
func undoFetch(ns *observe.NS, have *Link, was *observe.Link, foreign bool) error {
	there, now, err := have.current(ns)
	if err != nil {
		return nil
	}
	if foreign {
		err = set(there, now.Index, nil, nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(uint32(was.Group))))
	}
	if have.found.mark == "" {
		err = errors.Join(err, setFetchMark(there, now, ""))
	}
	return err
}

// hasForeignNames reports whether a fetched interface still has the names from the namespace where it was.
func (l *Link) hasForeignNames() bool { return l.found.link.Group == birthGroup }

// leaveNames removes from an interface that was fetched from another namespace the names that no file declares here: its
// alternative names, an alias like linkd's, and its group. PutBack restores them.
func leaveNames(ns *observe.NS, want *Link) error {
	l, err := ns.LinkByName(want.Name)
	if err != nil {
		return err
	}
	for _, name := range l.AltNames {
		if name == want.fetchMark() {
			continue
		}
		if err := removeAltName(ns, l.Index, name); err != nil {
			return err
		}
	}
	attrs := []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(0))}
	if Marked(l) {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_IFALIAS, nil))
	}
	return set(ns, l.Index, nil, attrs...)
}
