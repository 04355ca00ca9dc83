package link

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// stayHome restores the group of an interface that could not leave its namespace, and removes the mark that is new: the interface
// may have other things there when it is tried again.
func stayHome(ns *observe.NS, have *Link, was *observe.Link, foreign bool) error {
	there, now, err := have.now(ns)
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

// hasForeignNames reports whether a fetched interface still has the names that it had in the namespace where it was.
func (l *Link) hasForeignNames() bool { return l.found.link.Group == birthGroup }

// leaveNames takes from an interface that was fetched from another namespace what names it there, and would be a name here
// that no file gives: its alternative names, an alias like linkd's, and its group. PutBack gives them back.
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
