package link

import (
	"context"
	"fmt"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// survey returns all links, with what Show writes of them.
func (k kind) survey(ctx context.Context, ns *observe.NS) ([]*Link, error) {
	found, err := k.observeAll(ctx, ns)
	if err != nil {
		return nil, err
	}
	given, err := ns.GivenMACs(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		f := l.found
		if given[f.link.Index] {
			born, err := l.hasBornMAC(ns)
			if err != nil {
				return nil, err
			}
			f.givenMAC = !born
		}
		if t := typeNamed(l.Type); t != nil && t.Survey != nil {
			if f.more, f.why, err = t.Survey(ns, f.link); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// Show writes the observed links as files would declare them. It writes an interface of a type that linkd can create with adopt:
// true, and any other as existing.
func (kind) Show(doc *spec.Document, found []*Link, kept reconcile.JournalLookup) {
	for _, l := range found {
		s := shown{doc: doc, Link: l}
		s.wrote, _ = kept(l.ID())
		if l.Peer != nil {
			s.peerWrote, _ = kept(l.Peer.ID())
		}
		if err := spec.CheckIfName(l.Name); err != nil {
			doc.Remark(l.NS, "", "not shown: %v", err)
			continue
		}
		t := typeNamed(l.Type)
		switch why := s.notTaken(t); {
		case why != "":
			doc.Remark(l.NS, l.Name, "not taken over, because %s", why)
			s.existing()
		case t == nil || l.found.mark != "" || s.wrote != "":
			// If a file declares the interface as existing, Show does so, too.
			s.existing()
		case !t.Paired:
			s.single(t)
		case first(l, l.Peer):
			s.pair(t)
		}
	}
}

// shown is an interface that Show writes to a document.
type shown struct {
	*Link
	doc *spec.Document
	// wrote is the journal's record of what linkd set on an existing interface, and peerWrote of its other end.
	wrote, peerWrote string
}

// notTaken returns why linkd cannot adopt an interface of a type that it can create; "" if it can.
func (s shown) notTaken(t *Type) string {
	switch {
	case t == nil, s.found.mark != "":
		return ""
	case t.Paired && s.Peer == nil:
		return "its other end is in a namespace that has no name here"
	case t.Paired && spec.CheckIfName(s.Peer.Name) != nil:
		return "its other end has a name that cannot be written"
	case s.found.why != "":
		return s.found.why
	case s.shownBirth() == elsewhere:
		return "its packets go through a namespace that has no name here"
	case t.Parent != NoParent && s.found.other.Index != 0 && !s.hasParent():
		return "its parent is in a namespace that has no name here"
	case s.hasParent() && spec.CheckIfName(s.Parent.Key) != nil:
		return "its parent has a name that cannot be written"
	}
	if s.Peer != nil && s.Peer.found.mark != "" {
		return "linkd has fetched its other end"
	}
	for _, end := range []*Link{s.Link, s.Peer} {
		if end != nil && end.found.link.Alias != "" && !Marked(end.found.link) {
			return fmt.Sprintf("the mark of linkd would take the place of the alias %q", end.found.link.Alias)
		}
	}
	if s.wrote == "" && s.peerWrote != "" {
		return "to linkd its other end is existing"
	}
	return ""
}

// first reports whether a comes before b in a pair: the end in linkd's own namespace, then the one with the lower ID.
func first(a, b *Link) bool {
	if (a.NS == spec.Host) != (b.NS == spec.Host) {
		return a.NS == spec.Host
	}
	return a.ID().Compare(b.ID()) < 0
}

func (s shown) pair(t *Type) {
	type ends struct {
		Ends [2]spec.MergedMapping `yaml:"ends"`
	}
	s.doc.Link(spec.LinkEntry{
		ID: s.cable(s.Peer), Names: s.names(), Ends: []spec.End{{NS: s.NS, Dev: s.Name}, {NS: s.Peer.NS, Dev: s.Peer.Name}},
		Write: func(string) any {
			both := ends{}
			for i, l := range []*Link{s.Link, s.Peer} {
				fields := l.fields()
				fields.NetNS, fields.Name = spec.NSRef(s.doc.Reference(l.NS)), spec.IfName(l.Name)
				both.Ends[i] = spec.MergedMapping{fields, s.doc.End(l.NS, l.Name)}
			}
			return spec.MergedMapping{common{Kind: t.Name, Adopt: !Marked(s.found.link) || !Marked(s.Peer.found.link)}, t.found(s.found.link), both}
		},
	})
}

func (s shown) single(t *Type) {
	for _, o := range t.optionsOf() {
		if o.standsIn(s.found.link.Data) {
			s.doc.Remark(s.NS, s.Name, "%s is not shown: for a moment the kernel goes by another value", o.name)
		}
	}
	s.doc.Link(spec.LinkEntry{
		ID: s.cable(nil), Names: s.names(), Ends: []spec.End{{NS: s.NS, Dev: s.Name}},
		Write: func(id string) any {
			own := spec.MergedMapping{t.found(s.found.link), s.found.more}
			if s.hasParent() {
				parent := parentRef{Name: spec.IfName(s.Parent.Key)}
				// A name alone means a link in the same namespace, if the files declare one there, and in linkd's own namespace
				// otherwise.
				if s.NS != spec.Host {
					parent.NetNS = spec.NSRef(s.doc.Reference(s.Parent.NS))
				}
				own = append(spec.MergedMapping{map[string]parentRef{parentKey: parent}}, own...)
			}
			if birth := s.shownBirth(); birth != "" {
				own = append(spec.MergedMapping{map[string]spec.NSRef{birthKey: spec.NSRef(s.found.birthRef)}}, own...)
			}
			return s.written(id, common{Kind: t.Name, Adopt: !Marked(s.found.link)}, own, s.fields())
		},
	})
}

// existing writes an interface with no more attributes than necessary. The defaults depend on its driver, except that it is down.
func (s shown) existing() {
	fields := s.fields()
	fields.Up = nil
	if up := true; s.found.link.Up() {
		fields.Up = &up
	}
	wroteTo(fields, s.found.link, s.wrote)
	bare := *fields == (endFields{Up: fields.Up}) && (fields.Up == nil || s.Name == loopback)
	entry := spec.LinkEntry{Names: s.names(), Ends: []spec.End{{NS: s.NS, Dev: s.Name}}, OnlyWithKeys: bare}
	var own spec.MergedMapping
	if origin, fetched := s.FetchedFrom(); fetched {
		entry.ID, entry.OnlyWithKeys = s.Cable, false
		o := existingOptions{From: spec.NSRef(s.found.from.String())}
		if origin.Key != s.Name {
			o.FromName = spec.IfName(origin.Key)
		}
		own = spec.MergedMapping{o}
	}
	entry.Write = func(id string) any { return s.written(id, common{Kind: existing}, own, fields) }
	s.doc.Link(entry)
}

// written returns the entry of one interface, without a name if that is the link's ID.
func (s shown) written(id string, c common, own spec.MergedMapping, fields *endFields) spec.MergedMapping {
	place := endFields{}
	if ref := s.doc.Reference(s.NS); ref != spec.Host {
		place.NetNS = spec.NSRef(ref)
	}
	if id != s.Name {
		place.Name = spec.IfName(s.Name)
	}
	return spec.MergedMapping{c, place, own, fields, s.doc.End(s.NS, s.Name)}
}

const loopback = "lo"

// names returns possible IDs for a link that has none.
func (s shown) names() []string {
	if s.NS == spec.Host {
		return []string{s.Name}
	}
	return []string{s.Name, s.NS + "-" + s.Name}
}

// cable returns the link's ID in the mark on one of the ends; "" without a mark.
func (s shown) cable(peer *Link) string {
	for _, l := range []*Link{s.Link, peer} {
		if l != nil && Marked(l.found.link) {
			return l.Cable
		}
	}
	return ""
}
