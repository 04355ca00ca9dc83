// Package link is the interfaces themselves: which there are, of which kind, and their own attributes. A kind of link
// is one file here and one line in Types.
package link

import (
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

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
	// mark is the mark of what was fetched that it carries, and claim the home that this names. Whoever is root in the
	// namespace can set any mark. Home, and from, how its namespace is found, are what the journal says of the device.
	mark   string
	claim  spec.ID
	device string
	home   spec.ID
	from   spec.Selector
	// path leads to the namespace.
	path string
	// place is this interface, and other what it is tied to, its other end or its parent.
	place, other reconcile.Place
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

// Marked tells whether an interface carries the mark of those that linkd made, and is of a kind that linkd makes.
func Marked(l *observe.Link) bool {
	t := typeNamed(l.Kind)
	return strings.HasPrefix(l.Alias, markPrefix) && t != nil && t != existingType
}

func (l *Link) peerID() (id spec.ID) {
	if l.Peer != nil {
		id = l.Peer.ID()
	}
	return id
}
