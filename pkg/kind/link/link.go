// Package link is the interfaces themselves: which there are, of which kind, and their own attributes. A kind of link
// is one file here and one line in Types.
package link

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

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
	// Quiet: addresses on it are not announced to neighbours.
	Quiet   bool
	Options Options
	// Peer is the other end. Second: this end comes into being with Peer.
	Peer   *Link
	Second bool
	// Parent is the link that this one stands on; zero where it has none, or one that no file names.
	Parent spec.ID
	Source spec.Source

	// after are the settings that come before the interface is made, or set up where they are its own. Staged: it has such,
	// so it is made down, and set up later.
	after  []spec.ID
	staged bool

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
	place, other spec.Place
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

// Relations implements spec.Resource.
func (l *Link) Relations() spec.Relations {
	r := spec.Relations{OnlyFound: l.OnlyFound(), OtherNS: l.reaches(), AlsoMakes: l.alsoMakes()}
	if home, fetched := l.Home(); fetched {
		r.FetchedFrom = home
	}
	if l.hasParent() {
		r.StandsOn = []spec.ID{l.Parent}
	}
	r.After = l.after
	if l.found == nil {
		return r
	}
	r.EndsWithNamespace = !IsFallback(l.Name)
	r.PeerUnmarked = l.peerUnmarked()
	r.Claim, r.Device, _ = l.claim()
	r.At, r.Other = l.found.place, l.found.other
	return r
}

// fallback are devices that the kernel puts into every namespace when their modules are loaded.
var fallback = []string{"lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"}

// IsFallback tells whether the kernel makes an interface of that name in every namespace.
func IsFallback(name string) bool { return slices.Contains(fallback, name) }

// reaches is the namespace that has to be there besides the link's own: that of the other end, of the parent, or of where it
// is fetched from.
func (l *Link) reaches() string {
	home, fetched := l.Home()
	switch {
	case fetched:
		return home.NS
	case l.Peer != nil:
		return l.Peer.NS
	case l.bornElsewhere():
		return l.Parent.NS
	}
	return ""
}

// alsoMakes is the other end, or, as what a kill would leave behind is remembered by the name that it has then, the link
// itself under that name.
func (l *Link) alsoMakes() spec.ID {
	switch {
	case l.Peer != nil && !l.Second:
		return l.Peer.ID()
	case l.bornElsewhere():
		return spec.LinkID(l.NS, l.birthName())
	}
	return spec.ID{}
}

// MakeAfter has the interface made after the setting of its namespace that new interfaces get. Call it in spec.Context.Later.
func (l *Link) MakeAfter(setting spec.ID) { l.after = append(l.after, setting) }

// SetUpAfter has the interface set up after a setting of its own. Call it in spec.Context.Later.
func (l *Link) SetUpAfter(setting spec.ID) {
	l.after = append(l.after, setting)
	l.staged = true
}

// birthUp is whether the interface is up once it is made or has come from another namespace; nil leaves that to the kernel,
// and for that it is down.
func (l *Link) birthUp() *bool {
	if l.staged {
		return nil
	}
	return l.Up
}

// ResetsPorts tells whether whoever becomes a port of the link loses what was on it.
func (l *Link) ResetsPorts() bool {
	t := typeNamed(l.Type)
	return t != nil && t.ResetsPorts
}

// ConnectedTo are the links that its packets go through next: the other end, or the parent.
func (l *Link) ConnectedTo() (links []spec.ID) {
	if l.Peer != nil {
		links = append(links, l.Peer.ID())
	}
	if l.hasParent() {
		links = append(links, l.Parent)
	}
	return links
}

// DeclaredDown tells whether the file has the link down.
func (l *Link) DeclaredDown() bool { return l.Up != nil && !*l.Up }

// carries tells whether packets go through the found link. The kernel sets IFF_RUNNING a moment after a carrier has come, and
// drops what is sent before (linkwatch_do_dev in net/core/link_watch.c).
func (l *Link) carries() reconcile.Readiness {
	switch flags := l.found.link.Flags; {
	case flags&unix.IFF_UP == 0 || flags&unix.IFF_LOWER_UP == 0:
		return reconcile.NotReady
	case flags&unix.IFF_RUNNING == 0:
		return reconcile.ReadySoon
	}
	return reconcile.Ready
}

// OnlyFound tells whether linkd configures the link where it finds it, and does not make it.
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

// SharesParent reports whether the link is in the broadcast domain of its parent.
func (l *Link) SharesParent() bool {
	t := typeNamed(l.Type)
	return t != nil && t.SharesParent
}

// ConnectsPorts reports whether the ports of the link are in its broadcast domain.
func (l *Link) ConnectsPorts() bool {
	options, is := l.Options.(*bridgeOptions)
	return l.Type == existing || is && !spec.ValueOr(options.VLANFiltering, false)
}
