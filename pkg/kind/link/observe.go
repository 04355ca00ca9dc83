package link

import (
	"context"
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Observe returns the links that a query names, or all.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Link]) ([]*Link, error) {
	switch {
	case query.Purpose == reconcile.ToShow:
		return k.survey(ctx, ns)
	case query.Links != nil:
		return k.observeLinks(ns, query.Links)
	}
	return k.observeAll(ctx, ns)
}

func (k kind) observeAll(ctx context.Context, ns *observe.NS) ([]*Link, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	return k.observeLinks(ns, links)
}

func (kind) observeLinks(ns *observe.NS, links *observe.Links) ([]*Link, error) {
	id, host, err := ids(ns, links)
	if err != nil {
		return nil, err
	}
	var translate map[int]int
	var translateErr error
	devices := devicesOf(ns, links)
	out := make([]*Link, len(links.All))
	for i, l := range links.All {
		if t := typeNamed(l.Kind); t != nil && t.Refine != nil {
			refined := *l
			refined.Data = maps.Clone(l.Data)
			if err := t.Refine(ns, refined.Data); err != nil {
				return nil, err
			}
			l = &refined
		}
		f := &found{link: l, path: ns.Path, instance: ns.World().Instance, place: spec.Place{NS: id, Index: l.Index}, other: spec.Place{NS: id, Index: tiedTo(l)}}
		isKnown := true
		switch {
		case l.ParentNS == observe.NoID:
			f.other, isKnown = spec.Place{}, false
		case l.ParentNS < 0:
		case id < 0:
			f.other.NS = l.ParentNS
		case l.ParentNS == host:
			f.other.NS = observe.OwnID
		default:
			if translate == nil && translateErr == nil {
				translate, translateErr = ns.NamespaceIDs()
			}
			far, known := translate[l.ParentNS]
			if !known && translateErr == nil && ns.World().IdentifyDeclared() {
				translate, translateErr = ns.NamespaceIDs()
				far, known = translate[l.ParentNS]
			}
			f.other.NS, f.lost = far, translateErr != nil
			if !known {
				f.other, isKnown = spec.Place{}, false
			}
		}
		cable, _ := parseMark(l.Alias)
		f.birth = birthOf(ns, f, isKnown)
		f.birthRef = f.birth
		if declared, is := ns.World().Declared(f.birth); is && f.birth != ns.Name {
			f.birthRef = declared.Selector.String()
		}
		if m, text, marked := fetchMarkOf(l); marked {
			cable, f.mark, f.device = m.cable, text, devices[l.Name]
			f.claim = spec.LinkID(ns.World().NameOfSelector(m.from), m.name)
		}
		out[i] = &Link{NS: ns.Name, Name: l.Name, Type: l.Kind, Cable: cable, found: f}
	}
	return out, nil
}

// devicesOf returns the device numbers of the interfaces with a fetch mark, by name. If linkd cannot read them, it returns none, so
// that nothing confirms the marks.
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

// tiedTo returns the index of an interface's parent or other end; 0 if there is none.
func tiedTo(l *observe.Link) int {
	if t := typeNamed(l.Kind); t != nil && t.ParentAttr != 0 {
		return int(observe.Number(l.Data[uint16(t.ParentAttr)]))
	}
	return l.Parent
}

// ids returns the ID of the namespace as seen in linkd's own, and the ID of linkd's own as seen in the namespace, if links refer to
// other namespaces.
func ids(ns *observe.NS, links *observe.Links) (id, host int, err error) {
	id, host = observe.NoID, observe.NoID
	if slices.ContainsFunc(links.All, func(l *observe.Link) bool { return l.Name != "lo" }) {
		if id, err = ns.ID(); err != nil {
			return id, host, err
		}
	}
	if slices.ContainsFunc(links.All, func(l *observe.Link) bool { return l.ParentNS >= 0 }) {
		host, err = ns.HostID()
	}
	return id, host, err
}

// OnLink returns the name and the index of a link.
func (kind) OnLink(l *Link) (name string, index int) {
	if l.found == nil {
		return l.Name, 0
	}
	return l.Name, l.found.link.Index
}

// Connect returns l with a reference to its other end or its parent.
func (kind) Connect(l, other *Link) *Link {
	now := *l
	now.Peer, now.Parent = nil, spec.ID{}
	var parent *Link
	if other != nil {
		there := other
		if other.Peer != nil {
			// A copy without references of its own: they do not matter here, and may change.
			alone := *other
			alone.Peer, there = nil, &alone
		}
		if isPaired(l.found.link) {
			now.Peer = there
		} else {
			now.Parent, parent = there.ID(), there
		}
	}
	if now.Parent == l.Parent && sameFound(now.Peer, l.Peer) && sameFound(parent, l.found.parent) {
		return l
	}
	if parent != l.found.parent {
		f := *l.found
		f.parent = parent
		now.found = &f
	}
	return &now
}

// sameFound reports whether two links are from the same observation.
func sameFound(a, b *Link) bool {
	return a == b || a != nil && b != nil && a.NS == b.NS && a.found.link == b.found.link
}
