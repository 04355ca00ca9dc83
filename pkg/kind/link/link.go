// Package link implements interfaces: which exist, of which type, and with which attributes. A type of link is one file here and
// one line in Types.
package link

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Link is an interface. linkd does not manage an attribute that is nil.
type Link struct {
	NS, Name string
	// Cable is the link's ID in the files. In an observed link it is the ID in linkd's mark.
	Cable string
	// Type is the type of link. "existing" matches any type.
	Type            string
	MAC             *string
	MTU, TxQueueLen *int
	Up              *bool
	Queues          *queues
	Adopt           bool
	// Quiet: linkd does not announce the interface's addresses to neighbours.
	Quiet   bool
	Options Options
	// Peer is the other end of a pair. Second: the kernel creates this end together with Peer.
	Peer   *Link
	Second bool
	// Parent is the parent's ID; zero without a parent, and for an observed parent in a namespace that no file names.
	Parent spec.ID
	// Birth is the namespace in which linkd creates a tunnel; "" for that of the parent, or NS.
	Birth  string
	Source spec.Source

	// after has the settings that linkd applies before it creates the interface, or before it sets the interface up if they are the
	// interface's own. staged: there are settings of the interface's own, so linkd creates it down, and sets it up later.
	after  []spec.ID
	staged bool

	found *found
	// anyMAC: linkd creates it with a random address from the kernel.
	anyMAC bool
	// restored has the keys of Options to which linkd restores a link, and their words. instance is observe.World.Instance.
	restored map[string]string
	instance string
}

// found has the observed state of a link.
type found struct {
	link *observe.Link
	// mark is the interface's fetch mark, and claim the origin that the mark names. Root in the namespace can set any mark. origin
	// and from (the selector of its namespace) are what the journal says about the device.
	mark   string
	claim  spec.ID
	device string
	origin spec.ID
	from   spec.Selector
	// path is a file that refers to the namespace.
	path string
	// place is this interface, and other its other end or its parent.
	place, other spec.Place
	// instance is observe.World.Instance.
	instance string
	// lost: linkd could not find out what other is.
	lost bool
	// birth is the name of the namespace in which a tunnel was created; "" if it is not known. birthRef refers to it in a file.
	birth, birthRef string
	// parent is the observed parent.
	parent *Link
	// A survey also sets whether a program chose the link-layer address, additional keys to show, and the reason why linkd cannot
	// show all.
	givenMAC bool
	more     any
	why      string
}

func (l *Link) ID() spec.ID { return spec.LinkID(l.NS, l.Name) }

// Needs returns what must exist before linkd creates the link: the first end of the pair, or the parent.
func (l *Link) Needs() []spec.ID {
	switch {
	case l.Second:
		return []spec.ID{l.Peer.ID()}
	case l.hasParent():
		return []spec.ID{l.Parent}
	}
	return nil
}

// LinkType returns the link's type by its name in the files.
func (l *Link) LinkType() string { return l.Type }

func (l *Link) Origin() spec.Source { return l.Source }

func (l *Link) Relations() spec.Relations {
	r := spec.Relations{OnlyFound: l.OnlyFound(), OtherNS: l.otherNamespace(), AlsoMakes: l.alsoMakes()}
	if origin, fetched := l.FetchedFrom(); fetched {
		r.FetchedFrom = origin
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

// fallback lists the devices that the kernel creates in every namespace when their modules are loaded.
var fallback = []string{"lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"}

// IsFallback reports whether the kernel creates an interface with that name in every namespace.
func IsFallback(name string) bool { return slices.Contains(fallback, name) }

// otherNamespace returns the namespace that the link needs besides its own: that of the other end, the one in which linkd creates
// the link, or the one from which linkd fetches it; "" if there is none.
func (l *Link) otherNamespace() string {
	origin, fetched := l.FetchedFrom()
	switch {
	case fetched:
		return origin.NS
	case l.Peer != nil:
		return l.Peer.NS
	case l.bornElsewhere():
		return l.birthNS()
	}
	return ""
}

// alsoMakes returns the ID of the interface that linkd creates besides the link: the other end, or the link itself under its birth
// name. A journal entry with that ID lets linkd delete it after a kill.
func (l *Link) alsoMakes() spec.ID {
	switch {
	case l.Peer != nil && !l.Second:
		return l.Peer.ID()
	case l.bornElsewhere():
		return spec.LinkID(l.NS, l.birthName())
	}
	return spec.ID{}
}

// MakeAfter makes linkd create the interface after it applied a setting of the namespace for new interfaces. Call it in
// spec.Context.Later.
func (l *Link) MakeAfter(setting spec.ID) { l.after = append(l.after, setting) }

// SetUpAfter makes linkd set the interface up after it applied a setting of the interface. Call it in spec.Context.Later.
func (l *Link) SetUpAfter(setting spec.ID) {
	l.after = append(l.after, setting)
	l.staged = true
}

// birthUp returns whether to set the interface up when linkd creates it or moves it here; nil leaves it as the kernel makes it,
// down.
func (l *Link) birthUp() *bool {
	if l.staged {
		return nil
	}
	return l.Up
}

// ResetsPorts reports whether an interface that becomes a port of the link loses its routes and IPv6 addresses.
func (l *Link) ResetsPorts() bool {
	t := typeNamed(l.Type)
	return t != nil && t.ResetsPorts
}

// ConnectedTo returns the links that receive its packets: the other end, or the parent.
func (l *Link) ConnectedTo() (links []spec.ID) {
	if l.Peer != nil {
		links = append(links, l.Peer.ID())
	}
	if l.hasParent() {
		links = append(links, l.Parent)
	}
	return links
}

// DeclaredDown reports whether the files set the link down.
func (l *Link) DeclaredDown() bool { return l.Up != nil && !*l.Up }

// carries reports whether the observed link forwards packets. The kernel sets IFF_RUNNING shortly after the carrier appears, and
// drops packets sent before that (linkwatch_do_dev in net/core/link_watch.c).
func (l *Link) carries() reconcile.Readiness {
	switch flags := l.found.link.Flags; {
	case flags&unix.IFF_UP == 0 || flags&unix.IFF_LOWER_UP == 0:
		return reconcile.NotReady
	case flags&unix.IFF_RUNNING == 0:
		return reconcile.ReadySoon
	}
	return reconcile.Ready
}

// OnlyFound reports whether linkd configures an existing interface and does not create one.
func (l *Link) OnlyFound() bool { return l.Type == existing }

// markPrefix is the start of the alias of every interface that linkd created. The link's ID follows.
const markPrefix = "linkd:"

// Marked reports whether an interface has linkd's mark, and a type that linkd creates.
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
