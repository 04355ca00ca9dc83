// Package link is the interfaces themselves: which there are, of which kind, and their own attributes. A kind of link
// is one file here and one line in Types.
package link

import (
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
	Source spec.Source

	found *found
}

// found is what only the kernel can say.
type found struct {
	link *observe.Link
	// place and peer are this interface and its other end, by the id of the namespace in linkd's own.
	place, peer place
	// translate, while peer is not known, tells what the ids of namespaces mean in this interface's.
	translate func() (map[int]int, error)
}

type place struct{ ns, index int }

// ID implements spec.Resource.
func (l *Link) ID() spec.ID { return spec.LinkID(l.NS, l.Name) }

// Needs implements spec.Resource.
func (l *Link) Needs() []spec.ID {
	if l.Second {
		return []spec.ID{l.Peer.ID()}
	}
	return nil
}

// Origin implements spec.Resource.
func (l *Link) Origin() spec.Source { return l.Source }

// Reaches implements reconcile.Reacher: both ends' namespaces have to be there.
func (l *Link) Reaches() []string {
	if l.Peer != nil {
		return []string{l.Peer.NS}
	}
	return nil
}

// AlsoMakes implements reconcile.AlsoMaker.
func (l *Link) AlsoMakes() []spec.ID {
	if l.Peer != nil && !l.Second {
		return []spec.ID{l.Peer.ID()}
	}
	return nil
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
	id := 0
	if slices.ContainsFunc(links.All, func(l *observe.Link) bool { return l.Kind == veth.Name }) {
		var err error
		if id, err = ns.ID(); err != nil {
			return nil, err
		}
	}
	out := make([]*Link, len(links.All))
	for i, l := range links.All {
		f := &found{link: l, place: place{id, l.Index}, peer: place{id, l.Parent}}
		switch {
		case l.ParentNS >= 0 && id >= 0:
			f.translate = ns.NamespaceIDs
		case l.ParentNS >= 0:
			f.peer.ns = l.ParentNS
		}
		cable, _ := strings.CutPrefix(l.Alias, markPrefix)
		out[i] = &Link{NS: ns.Name, Name: l.Name, Type: l.Kind, Cable: cable, found: f}
	}
	return out, nil
}

// OnLink implements reconcile.Narrow.
func (kind) OnLink(l *Link) (name string, index int) {
	if l.found == nil {
		return l.Name, 0
	}
	return l.Name, l.found.link.Index
}

// Join implements reconcile.Joiner: it finds the other end of each veth. An end in linkd's own namespace says where its
// peer is, and so the peer need not be asked: it would tell by an id that only means something in its own namespace,
// and has to be translated.
func (kind) Join(all []*Link) {
	at := make(map[place]*Link, len(all))
	to := make(map[place]place, len(all))
	for _, l := range all {
		if l.Type != veth.Name {
			continue
		}
		at[l.found.place] = l
		if l.found.translate == nil {
			to[l.found.peer] = l.found.place
		}
	}
	ids := map[int]map[int]int{}
	for _, l := range all {
		if l.Type != veth.Name {
			continue
		}
		f := l.found
		if f.translate != nil {
			f.peer = f.far(to, ids)
			f.translate = nil
		}
		l.Peer = at[f.peer]
	}
}

// far is the place of the other end of a veth that is in another namespace than this end, which is not in linkd's own.
func (f *found) far(to map[place]place, ids map[int]map[int]int) place {
	if peer, told := to[f.place]; told && peer.index == f.link.Parent {
		return peer
	}
	if ids[f.place.ns] == nil {
		var err error
		if ids[f.place.ns], err = f.translate(); err != nil {
			return place{}
		}
	}
	ns, known := ids[f.place.ns][f.link.ParentNS]
	if !known {
		return place{}
	}
	return place{ns, f.link.Parent}
}

func (kind) Owned(have *Link) bool { return Marked(have.found.link) }

// Marked tells whether an interface carries linkd's mark.
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
	if want.Type != existing {
		if mark := markPrefix + want.Cable; l.Alias != mark {
			fs.Differ("mark", l.Alias, mark)
		}
		if want.Type != have.Type {
			fs.DifferForGood("kind", have.Type, want.Type)
			return fs
		}
	}
	if want.Peer != nil {
		if w, h := end(want.Peer), end(have.Peer); w != h {
			fs.DifferForGood("peer", h, w)
		}
	}
	reconcile.Compare(&fs, "mac", want.MAC, l.MAC)
	reconcile.Compare(&fs, "mtu", want.MTU, l.MTU)
	reconcile.Compare(&fs, "txqueuelen", want.TxQueueLen, l.TxQLen)
	reconcile.Compare(&fs, "up", want.Up, l.Up())
	if want.Options != nil {
		want.Options.Diff(&fs, l.Data)
	}
	return fs
}

func end(l *Link) string {
	if l == nil {
		return "elsewhere"
	}
	return l.NS + "/" + l.Name
}

// Victims implements reconcile.Victims: a master's ports lose their connection when it goes.
func (kind) Victims(have *Link, all []spec.Resource) (ports []spec.ID) {
	for _, r := range all {
		if p, is := r.(interface{ MasterID() spec.ID }); is && p.MasterID() == have.ID() {
			ports = append(ports, r.ID())
		}
	}
	return ports
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
	if want.Type != existing {
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
