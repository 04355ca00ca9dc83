// Package neighbour implements entries in the neighbour tables (ARP and NDP): the link-layer addresses of neighbours, and the
// addresses for which a device answers on behalf of others (proxy entries).
//
// linkd's entries have address.Mark as their NDA_PROTOCOL, which ip(8) prints as "proto 108".
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
	// Proxy: the device answers requests for To, which is the address of a host elsewhere.
	Proxy bool
	// MAC is the link-layer address of To, in lower case with colons; a proxy entry has none.
	MAC string
	// Adopt: the device was taken over, and the entry with it.
	Adopt  bool
	Source spec.Source

	// The rest is set only in observed neighbours. State is "permanent" if the entry does not age.
	State string
	Proto uint8
	index int
}

func (n *Neighbour) ID() spec.ID {
	key := n.To.String()
	if n.Proxy {
		key = proxyWord + key
	}
	return spec.ID{NS: n.NS, Kind: kindName, Key: n.Dev + "/" + key}
}

const proxyWord = "proxy "

// FromID returns the neighbour that an ID stands for, as far as the ID determines it.
func (kind) FromID(id spec.ID) (*Neighbour, bool) {
	dev, key, _ := strings.Cut(id.Key, "/")
	text, proxy := strings.CutPrefix(key, proxyWord)
	to, err := address.ParseIP(text)
	return &Neighbour{NS: id.NS, Dev: dev, To: to, Proxy: proxy}, err == nil && id.Kind == kindName
}

// Needs returns the device, which need not be up.
func (n *Neighbour) Needs() []spec.ID { return []spec.ID{spec.LinkID(n.NS, n.Dev)} }

func (n *Neighbour) Relations() spec.Relations { return spec.Relations{} }

func (n *Neighbour) Origin() spec.Source { return n.Source }
