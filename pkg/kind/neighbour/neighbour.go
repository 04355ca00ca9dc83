// Package neighbour is the kind of entries in the neighbour tables (ARP and NDP): the link-layer address of a neighbour,
// and the addresses for which a device answers in another's place.
//
// linkd's entries carry address.Mark as their NDA_PROTOCOL, which ip(8) prints as "proto 108".
package neighbour

import (
	"net/netip"
	"strings"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

const kindName = "neighbour"

// Neighbour is an entry of a device's neighbour table.
type Neighbour struct {
	NS, Dev string
	To      netip.Addr
	// Proxy: the device answers for To in the place of whoever has it, who is reached another way.
	Proxy bool
	// MAC is the link-layer address of To, in lower case with colons; a proxy entry has none.
	MAC string
	// Adopt: the device was taken over, and the entry with it.
	Adopt  bool
	Source spec.Source

	// The rest is found only. State is "permanent" of what the kernel does not age.
	State string
	Proto uint8
	index int
}

// ID implements spec.Resource.
func (n *Neighbour) ID() spec.ID {
	key := n.To.String()
	if n.Proxy {
		key = proxyWord + key
	}
	return spec.ID{NS: n.NS, Kind: kindName, Key: n.Dev + "/" + key}
}

const proxyWord = "proxy "

// FromID is what an ID stands for, without what the ID does not say.
func (kind) FromID(id spec.ID) (*Neighbour, bool) {
	dev, key, _ := strings.Cut(id.Key, "/")
	text, proxy := strings.CutPrefix(key, proxyWord)
	to, err := address.ParseIP(text)
	return &Neighbour{NS: id.NS, Dev: dev, To: to, Proxy: proxy}, err == nil && id.Kind == kindName
}

// Needs implements spec.Resource. The device need not be up.
func (n *Neighbour) Needs() []spec.ID { return []spec.ID{spec.LinkID(n.NS, n.Dev)} }

// Relations implements spec.Resource.
func (n *Neighbour) Relations() spec.Relations { return spec.Relations{} }

// Origin implements spec.Resource.
func (n *Neighbour) Origin() spec.Source { return n.Source }
