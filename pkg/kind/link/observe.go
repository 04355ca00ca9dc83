package link

import (
	"context"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func (k kind) Observe(ctx context.Context, ns *observe.NS) ([]*Link, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	return k.ObserveLinks(ctx, ns, links)
}

// ObserveLinks implements reconcile.Narrow.
func (kind) ObserveLinks(_ context.Context, ns *observe.NS, links *observe.Links) ([]*Link, error) {
	id, host, err := ids(ns, links)
	if err != nil {
		return nil, err
	}
	devices := devicesOf(ns, links)
	out := make([]*Link, len(links.All))
	for i, l := range links.All {
		f := &found{link: l, path: ns.Path, place: place{id, l.Index}, other: place{id, tiedTo(l)}}
		switch {
		case l.ParentNS == observe.NoID:
			f.other = place{}
		case l.ParentNS < 0:
		case id < 0:
			f.other.ns = l.ParentNS
		case l.ParentNS == host && l.Kind != veth.Name:
			f.other.ns = -1
		default:
			f.translate = ns.NamespaceIDs
		}
		cable, _ := strings.CutPrefix(l.Alias, markPrefix)
		if m, text, marked := fetchMarkOf(l); marked {
			cable, f.mark, f.device = m.cable, text, devices[l.Name]
			f.claim = spec.LinkID(ns.World().Named(m.from), m.name)
		}
		out[i] = &Link{NS: ns.Name, Name: l.Name, Type: l.Kind, Cable: cable, found: f}
	}
	return out, nil
}

// devicesOf are the devices of the interfaces that carry a fetchMark, by name. Where they cannot be read, nothing
// confirms the marks.
func devicesOf(ns *observe.NS, links *observe.Links) map[string]string {
	var names []string
	for _, l := range links.All {
		if _, _, marked := fetchMarkOf(l); marked {
			names = append(names, l.Name)
		}
	}
	if names == nil {
		return nil
	}
	devices, err := readDevices(ns, names...)
	if err != nil {
		return nil
	}
	return devices
}

// tiedTo is the index of what an interface stands on, or of its other end; 0 for none.
func tiedTo(l *observe.Link) int {
	if t := typeNamed(l.Kind); t != nil && t.ParentAttr != 0 {
		return int(observe.Number(l.Data[uint16(t.ParentAttr)]))
	}
	return l.Parent
}

// ids are the id of the namespace in linkd's own, and that of linkd's own in the namespace, as far as they are needed to
// say what its links are tied to.
func ids(ns *observe.NS, links *observe.Links) (id, host int, err error) {
	id, host = observe.NoID, observe.NoID
	if slices.ContainsFunc(links.All, func(l *observe.Link) bool { return l.Name != "lo" }) {
		if id, err = ns.ID(); err != nil {
			return id, host, err
		}
	}
	if slices.ContainsFunc(links.All, func(l *observe.Link) bool { return l.ParentNS >= 0 && l.Kind != veth.Name }) {
		host, err = ns.HostID()
	}
	return id, host, err
}

// OnLink implements reconcile.Narrow.
func (kind) OnLink(l *Link) (name string, index int) {
	if l.found == nil {
		return l.Name, 0
	}
	return l.Name, l.found.link.Index
}

// Join implements reconcile.Joiner: it finds the other end of each veth, and the parents. An end in linkd's own
// namespace says where its peer is, and so the peer need not be asked: it would tell by an id that only means something
// in its own namespace, and has to be translated.
func (kind) Join(all []*Link) {
	at := make(map[place]*Link, len(all))
	to := make(map[place]place, len(all))
	for _, l := range all {
		at[l.found.place] = l
		if l.Type == veth.Name && l.found.translate == nil {
			to[l.found.other] = l.found.place
		}
	}
	ids := map[int]map[int]int{}
	for _, l := range all {
		f := l.found
		if f.translate != nil {
			f.other, f.lost = f.far(to, ids)
			f.translate = nil
		}
		l.Peer, l.Parent, f.parent = nil, spec.ID{}, nil
		switch other := at[f.other]; {
		case f.other.index == 0 || other == nil:
		case l.Type == veth.Name:
			l.Peer = other
		default:
			l.Parent, f.parent = other.ID(), other
		}
	}
}

// far is the place of what an interface that is not in linkd's own namespace is tied to in another one.
func (f *found) far(to map[place]place, ids map[int]map[int]int) (far place, lost bool) {
	if peer, told := to[f.place]; told && peer.index == f.other.index {
		return peer, false
	}
	if ids[f.place.ns] == nil {
		var err error
		if ids[f.place.ns], err = f.translate(); err != nil {
			return place{}, true
		}
	}
	ns, known := ids[f.place.ns][f.link.ParentNS]
	if !known {
		return place{}, false
	}
	return place{ns, f.other.index}, false
}
