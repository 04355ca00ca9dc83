package address

import (
	"cmp"
	"encoding/json"
	"net/netip"
)

// attributes are what a file can leave open of an address.
type attributes struct {
	Peer          *netip.Addr `json:"peer,omitempty"`
	Label         *string     `json:"label,omitempty"`
	Scope         *Scope      `json:"scope,omitempty"`
	Broadcast     *netip.Addr `json:"broadcast,omitempty"`
	NoDAD         *bool       `json:"nodad,omitempty"`
	NoPrefixRoute *bool       `json:"noprefixroute,omitempty"`
	Metric        *uint32     `json:"metric,omitempty"`
	ValidLft      *Lifetime   `json:"valid_lft,omitempty"`
	PreferredLft  *Lifetime   `json:"preferred_lft,omitempty"`
}

func (a *Address) attributes() attributes {
	return attributes{a.Peer, a.Label, a.Scope, a.Broadcast, a.NoDAD, a.NoPrefixRoute, a.Metric, a.ValidLft, a.PreferredLft}
}

// Before returns the attributes that the files set of the desired address, with the values of have, or those of an address without
// them.
func (kind) Before(want, have *Address) (string, bool) {
	managed := want.attributes()
	if managed == (attributes{}) {
		return "", false
	}
	there, usual := attributes{}, want.usual()
	if have != nil {
		there = have.attributes()
	}
	replaceManaged(&managed.Peer, there.Peer, usual.Peer)
	replaceManaged(&managed.Label, there.Label, usual.Label)
	replaceManaged(&managed.Scope, there.Scope, usual.Scope)
	replaceManaged(&managed.Broadcast, there.Broadcast, usual.Broadcast)
	replaceManaged(&managed.NoDAD, there.NoDAD, usual.NoDAD)
	replaceManaged(&managed.NoPrefixRoute, there.NoPrefixRoute, usual.NoPrefixRoute)
	replaceManaged(&managed.Metric, there.Metric, usual.Metric)
	replaceManaged(&managed.ValidLft, there.ValidLft, usual.ValidLft)
	replaceManaged(&managed.PreferredLft, there.PreferredLft, usual.PreferredLft)
	// JSON has a form for all of these values.
	text, _ := json.Marshal(managed)
	return string(text), false
}

// replaceManaged replaces an attribute, if it is managed, by that of another address, or by the usual one if that has none.
func replaceManaged[T any](managed **T, there, usual *T) {
	switch {
	case *managed == nil:
	case there != nil:
		*managed = there
	default:
		*managed = usual
	}
}

// usual returns the attributes of an address of which the files set none. An address that is its own peer has none (addIdentity).
func (a *Address) usual() attributes {
	ip, scope := a.Prefix.Addr(), Scope(0)
	if ip.IsLoopback() {
		scope = scopeHost
	}
	return attributes{
		Peer: &ip, Label: &a.Dev, Scope: &scope, Broadcast: new(netip.Addr), NoDAD: new(bool), NoPrefixRoute: new(bool),
		Metric: new(uint32), ValidLft: new(Forever), PreferredLft: new(Forever),
	}
}

// Prior returns an address with the attributes in before, and without others.
func (kind) Prior(have *Address, before string) *Address {
	var a attributes
	_ = json.Unmarshal([]byte(before), &a)
	prior := &Address{NS: have.NS, Dev: have.Dev, Prefix: have.Prefix, partial: true}
	prior.set(a)
	return prior
}

// Fill returns the desired address, with the attributes of prior that the files do not set.
func (kind) Fill(want, prior *Address) *Address {
	full, w, p := *want, want.attributes(), prior.attributes()
	full.set(attributes{
		cmp.Or(w.Peer, p.Peer), cmp.Or(w.Label, p.Label), cmp.Or(w.Scope, p.Scope), cmp.Or(w.Broadcast, p.Broadcast),
		cmp.Or(w.NoDAD, p.NoDAD), cmp.Or(w.NoPrefixRoute, p.NoPrefixRoute), cmp.Or(w.Metric, p.Metric),
		cmp.Or(w.ValidLft, p.ValidLft), cmp.Or(w.PreferredLft, p.PreferredLft),
	})
	return &full
}

func (a *Address) set(to attributes) {
	a.Peer, a.Label, a.Scope, a.Broadcast, a.NoDAD = to.Peer, to.Label, to.Scope, to.Broadcast, to.NoDAD
	a.NoPrefixRoute, a.Metric, a.ValidLft, a.PreferredLft = to.NoPrefixRoute, to.Metric, to.ValidLft, to.PreferredLft
}
