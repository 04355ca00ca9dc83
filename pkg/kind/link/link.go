// Package link is the interfaces themselves: which there are, of which kind, and their own attributes. A kind of link
// is one file here and one line in Types.
package link

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is interfaces.
var Kind = reconcile.Register[*Link]("link", kind{}, observe.LinkTopic)

// Link is an interface. A nil attribute is not managed.
type Link struct {
	NS, Name string
	// Cable is the link's ID in the files; of one that was found, what linkd's mark on it says.
	Cable string
	// Type is the kind of link; "existing" is any.
	Type            string
	MAC             *string
	MTU, TxQueueLen *int
	Up              *bool
	Adopt           bool
	Options         Options
	// Peer is the other end. Second: this end comes into being with Peer.
	Peer   *Link
	Second bool
	// Parent is the link that this one stands on; zero where it has none, or one that no file names.
	Parent spec.ID
	Source spec.Source

	found *found
	// anyMAC: it is born with whatever address the kernel gives it.
	anyMAC bool
}

// found is what only the kernel can say.
type found struct {
	link *observe.Link
	// home is where linkd fetched it from, as the mark that it carries says.
	home spec.ID
	mark string
	// place is this interface, and other what it is tied to, its other end or its parent, by the id of the namespace in
	// linkd's own.
	place, other place
	// translate, while other is not known, tells what the ids of namespaces mean in this interface's.
	translate func() (map[int]int, error)
	// lost: other could not be found out.
	lost bool
	// parent is the link that this one stands on.
	parent *Link
	// A survey also finds that somebody chose the link-layer address, what there is to say beside the attributes, and why
	// not all can be said.
	givenMAC bool
	more     any
	why      string
}

type place struct{ ns, index int }

// ID implements spec.Resource.
func (l *Link) ID() spec.ID { return spec.LinkID(l.NS, l.Name) }

// Needs implements spec.Resource.
func (l *Link) Needs() []spec.ID {
	switch {
	case l.Second:
		return []spec.ID{l.Peer.ID()}
	case l.hasParent():
		return []spec.ID{l.Parent}
	}
	return nil
}

// LinkType is the kind of link, as the files name it.
func (l *Link) LinkType() string { return l.Type }

// Origin implements spec.Resource.
func (l *Link) Origin() spec.Source { return l.Source }

// Reaches implements reconcile.Reacher: both ends' namespaces have to be there, or the parent's, or
// where it is fetched from.
func (l *Link) Reaches() []string {
	home, fetched := l.Home()
	switch {
	case fetched:
		return []string{home.NS}
	case l.Peer != nil:
		return []string{l.Peer.NS}
	case l.bornElsewhere():
		return []string{l.Parent.NS}
	}
	return nil
}

// AlsoMakes implements reconcile.AlsoMaker: what a kill would leave behind is remembered by the name that it has then.
func (l *Link) AlsoMakes() []spec.ID {
	switch {
	case l.Peer != nil && !l.Second:
		return []spec.ID{l.Peer.ID()}
	case l.bornElsewhere():
		return []spec.ID{spec.LinkID(l.NS, l.birthName())}
	}
	return nil
}

// ResetsPorts tells whether whoever becomes a port of the link loses what was on it.
func (l *Link) ResetsPorts() bool {
	t := typeNamed(l.Type)
	return t != nil && t.ResetsPorts
}

// OnlyFound implements reconcile.OnlyFound.
func (l *Link) OnlyFound() bool { return l.Type == existing }

// markPrefix begins the alias of every interface that linkd made: then comes the link's ID.
const markPrefix = "linkd:"

type kind struct{}

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
	out := make([]*Link, len(links.All))
	for i, l := range links.All {
		f := &found{link: l, place: place{id, l.Index}, other: place{id, tiedTo(l)}}
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
		if m, fetched := fetchMarkOf(l); fetched {
			cable, f.home, f.mark = m.cable, spec.LinkID(ns.World().Named(m.from), m.name), m.String()
		}
		out[i] = &Link{NS: ns.Name, Name: l.Name, Type: l.Kind, Cable: cable, found: f}
	}
	return out, nil
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

func (kind) Owned(have *Link) bool {
	_, fetched := have.Home()
	return fetched || Marked(have.found.link)
}

// Marked tells whether an interface carries the mark of those that linkd made.
func Marked(l *observe.Link) bool { return strings.HasPrefix(l.Alias, markPrefix) }

// Fingerprint implements reconcile.Unmarked: between the creation of an interface and its mark lies a moment (the
// kernel takes no alias at creation, rtnl_create_link in net/core/rtnetlink.c). Indexes are not used twice in a
// namespace until they wrap.
func (kind) Fingerprint(have *Link) string { return strconv.Itoa(have.found.link.Index) }

// Adopts implements reconcile.Adopter.
func (kind) Adopts(want *Link) bool { return want.Adopt }

func (kind) Diff(want, have *Link) []reconcile.Field {
	var fs reconcile.Fields
	l := have.found.link
	if mark := want.fetchMark(); mark != "" && mark != have.found.mark && have.ID() == want.ID() {
		fs.Differ("mark", have.found.mark, mark)
	}
	if want.Type != existing {
		if mark := markPrefix + want.Cable; l.Alias != mark {
			fs.Differ("mark", l.Alias, mark)
		}
		if want.Type != have.Type {
			fs.DifferForGood("kind", have.Type, want.Type)
			return fs
		}
	}
	switch {
	case have.found.lost:
		// A wrong guess would make it anew.
	case want.Peer != nil && (have.Peer == nil || have.Peer.ID() != want.Peer.ID()):
		fs.DifferForGood("peer", end(have.peerID()), end(want.peerID()))
	case want.hasParent() && have.Parent != want.Parent:
		fs.DifferForGood("parent", end(have.Parent), end(want.Parent))
	}
	reconcile.Compare(&fs, "mac", want.MAC, l.MAC)
	reconcile.Compare(&fs, "mtu", want.MTU, l.MTU)
	reconcile.Compare(&fs, "txqueuelen", want.TxQueueLen, l.TxQLen)
	reconcile.Compare(&fs, "up", want.Up, l.Up())
	compareOptions(&fs, want.Options, l.Data)
	return fs
}

func (l *Link) peerID() (id spec.ID) {
	if l.Peer != nil {
		id = l.Peer.ID()
	}
	return id
}

func end(id spec.ID) string {
	if id == (spec.ID{}) {
		return "elsewhere"
	}
	return id.NS + "/" + id.Key
}

// Victims implements reconcile.Victims: a master's ports lose their connection when it goes, and what stands on an
// interface goes with it.
func (kind) Victims(have *Link, all []spec.Resource) (victims []spec.ID) {
	for _, r := range all {
		switch r := r.(type) {
		case *Link:
			if r.Parent == have.ID() {
				victims = append(victims, r.ID())
			}
		case interface{ MasterID() spec.ID }:
			if r.MasterID() == have.ID() {
				victims = append(victims, r.(spec.Resource).ID())
			}
		}
	}
	return victims
}

// attributes are what an existing interface had before linkd changed it.
type attributes struct {
	MAC        *string `json:"mac,omitempty"`
	MTU        *int    `json:"mtu,omitempty"`
	TxQueueLen *int    `json:"txqueuelen,omitempty"`
	Up         *bool   `json:"up,omitempty"`
}

// Before implements reconcile.Setting, for existing interfaces.
func (kind) Before(want, have *Link) (string, bool) {
	if _, fetched := want.Home(); fetched || want.Type != existing {
		return "", false
	}
	a := attributes{MAC: want.MAC, MTU: want.MTU, TxQueueLen: want.TxQueueLen, Up: want.Up}
	if have.found != nil {
		l, up := have.found.link, have.found.link.Up()
		keepOld(&a.MAC, l.MAC)
		keepOld(&a.MTU, l.MTU)
		keepOld(&a.TxQueueLen, l.TxQLen)
		keepOld(&a.Up, up)
	}
	text, err := json.Marshal(a)
	return string(text), err == nil
}

func keepOld[T any](managed **T, old T) {
	if *managed != nil {
		*managed = &old
	}
}

// Prior implements reconcile.Setting.
func (kind) Prior(have *Link, before string) *Link {
	var a attributes
	_ = json.Unmarshal([]byte(before), &a)
	return &Link{NS: have.NS, Name: have.Name, Type: existing, MAC: a.MAC, MTU: a.MTU, TxQueueLen: a.TxQueueLen, Up: a.Up}
}

// Fill implements reconcile.Parted.
func (kind) Fill(want, prior *Link) *Link {
	full := *want
	full.MAC, full.MTU = cmp.Or(want.MAC, prior.MAC), cmp.Or(want.MTU, prior.MTU)
	full.TxQueueLen, full.Up = cmp.Or(want.TxQueueLen, prior.TxQueueLen), cmp.Or(want.Up, prior.Up)
	return &full
}
