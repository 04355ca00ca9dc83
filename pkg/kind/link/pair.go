package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// attachPeer returns a Type.Attach for pairs. Attr is the attribute that describes the peer: its namespace, name and address, which
// the request sets, too (VETH_INFO_PEER, drivers/net/veth.c). ownMAC is that of the type.
func attachPeer(attr int, ownMAC bool) func(ns *observe.NS, want *Link) ([]*nl.RtAttr, error) {
	return func(ns *observe.NS, want *Link) ([]*nl.RtAttr, error) {
		far, err := ns.Other(want.Peer.NS)
		if err != nil {
			return nil, err
		}
		peer := nl.NewRtAttr(attr, nil)
		nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
		peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(want.Peer.Name))
		peer.AddChild(inBirthGroup())
		born := *want.Peer
		if ownMAC {
			if born.MAC, err = born.bornMAC(ns); err != nil {
				return nil, err
			}
		}
		for _, a := range append(born.attrs(), born.Queues.attrs()...) {
			peer.AddChild(a)
		}
		peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(far.FD())))
		return []*nl.RtAttr{peer}, nil
	}
}

// madeBefore reports whether the interface in the place of a desired one is that one. In a pair, root in ns can create an end with
// linkd's mark, so the other end must be the desired one, too: linkd marks it and sets it up next, and finds it by its name alone.
func madeBefore(ns *observe.NS, want *Link) (bool, error) {
	l, err := ns.LinkByName(want.Name)
	switch {
	case errors.Is(err, unix.ENODEV):
		return false, nil
	case err != nil:
		return false, err
	case l.Name != want.Name || l.Kind != want.Type || l.Alias != want.markText():
		return false, nil
	case want.Peer == nil:
		return true, nil
	}
	far, err := ns.Other(want.Peer.NS)
	if err != nil {
		return false, err
	}
	peer, err := far.LinkByName(want.Peer.Name)
	if errors.Is(err, unix.ENODEV) || err == nil && peer.Name != want.Peer.Name {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return arePair(ns, l, far, peer)
}

// arePair reports whether two interfaces are the ends of one pair.
func arePair(ns *observe.NS, l *observe.Link, far *observe.NS, peer *observe.Link) (bool, error) {
	if l.Parent != peer.Index || peer.Parent != l.Index || l.Kind != peer.Kind {
		return false, nil
	}
	if ns == far || l.ParentNS == here || l.ParentNS == observe.NoID {
		return ns == far && l.ParentNS == here, nil
	}
	id, err := far.ID()
	if err != nil || ns.IsHost() {
		return err == nil && l.ParentNS == id, err
	}
	ids, err := ns.NamespaceIDs()
	there, known := ids[l.ParentNS]
	return known && there == id, err
}

// bothMarked reports whether the other end of a pair has the same mark, if it is in another namespace. The kernel deletes both ends
// together, and root in one namespace can set a mark there only. In linkd's own namespace one mark is enough.
func bothMarked(ns *observe.NS, l *observe.Link) (bool, error) {
	if !typeNamed(l.Kind).Paired || l.ParentNS == here || ns.IsHost() {
		return true, nil
	}
	ids, err := ns.NamespaceIDs()
	if err != nil {
		return false, err
	}
	id, known := ids[l.ParentNS]
	name := ns.World().NameOf(id)
	if !known || name == "" {
		return false, nil
	}
	other, err := ns.Other(name)
	if err != nil {
		return false, err
	}
	links, err := other.Some(map[int]bool{l.Parent: true}, nil)
	if err != nil {
		return false, err
	}
	peer := links.ByIndex(l.Parent)
	return peer != nil && peer.Alias == l.Alias, nil
}

// removeStale deletes the interface in the place of a desired one, if linkd created it.
func removeStale(ctx context.Context, ns *observe.NS, want *Link) (removed bool, err error) {
	far, err := ns.Other(want.NS)
	if err != nil {
		return false, err
	}
	l, err := far.LinkByName(want.Name)
	if errors.Is(err, unix.ENODEV) {
		return false, nil
	}
	if err != nil || !Marked(l) || l.Name != want.Name {
		// An interface that has the name as an alternative name is another one.
		return false, err
	}
	if both, err := bothMarked(far, l); err != nil || !both {
		return false, err
	}
	far.Forget()
	links, err := far.Links(ctx)
	if err != nil {
		return false, err
	}
	s := newSearch(ns.World(), time.Now())
	s.addLower(lower{ns: far, index: l.Index})
	for _, other := range links.All {
		if other.Index == l.Parent && l.ParentNS == here || Marked(other) && tiedTo(other) == l.Index && other.ParentNS == here {
			s.addLower(lower{ns: far, index: other.Index})
		}
		switch isPeer := other.Index == l.Parent && l.ParentNS == here; {
		case Marked(other) || isPeer:
		case other.Master == l.Index:
			return false, fmt.Errorf("%s is in its place in %s, with %s in it, which linkd did not make", l.Name, want.NS, other.Name)
		case tiedTo(other) == l.Index && other.ParentNS == here:
			return false, fmt.Errorf("%s is in its place in %s, with %s on it, which linkd did not make", l.Name, want.NS, other.Name)
		}
	}
	unseen, err := s.run()
	if err != nil {
		return false, err
	}
	if len(unseen) > 0 {
		return false, fmt.Errorf("%s is in its place in %s, and linkd does not delete it, because that would delete resources that it did not make: %s", l.Name, want.NS, strings.Join(unseen, ", "))
	}
	return true, deleteIndex(far, l.Index)
}
