// Package port implements an interface as a port of its master: the master and, if that is a bridge, the port's options and VLANs.
//
// All of that is one resource, because a port needs its options as soon as it joins: an isolated port must not be open while
// a plan adds a thousand others. The VLANs are one field with the whole list, because the kernel puts a port that joins into the
// bridge's vlan_default_pvid: a port that is declared to be in VLAN 10 must not stay in VLAN 1 as well.
package port

import (
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

const kindName = "port"

// Port is an interface as a port of its master. A field that is nil or absent is not managed.
type Port struct {
	NS, Dev string
	// Master is the master's name, "" for none.
	Master  *string
	Options Options
	// VLANs are all VLANs of the port or, if the interface is a bridge, of the bridge itself.
	VLANs *VLANs
	// Adopt: the interface was taken over, and its role as a port with it.
	Adopt  bool
	Source spec.Source

	// former: Master is an earlier master that linkd restores.
	former bool
	found  found
}

// found has what only observed ports have.
type found struct {
	index int
	// bridge: the interface is a bridge itself. masterKind is the kind of the master.
	bridge     bool
	masterKind string
	// pvid is the bridge's default PVID; 0 for none.
	pvid uint16
	// state is the port's spanning-tree state (BR_STATE_* in linux/if_bridge.h); forwarding if it has none.
	state uint8
}

// Spanning-tree states of a port. A port in another state forwards only after the bridge's forward delay.
const (
	disabled   = 0
	forwarding = 3
)

// carries reports whether the bridge forwards packets from the observed port. It does once the port has a carrier and, with the
// spanning tree protocol, after twice the forward delay.
func (p *Port) carries() reconcile.Readiness {
	switch p.found.state {
	case forwarding:
		return reconcile.Ready
	case disabled:
		return reconcile.ReadySoon
	}
	return reconcile.NotReady
}

func (p *Port) ID() spec.ID { return spec.ID{NS: p.NS, Kind: kindName, Key: p.Dev} }

// Needs returns the interface and its master. An earlier master that linkd restores may no longer exist, so it is no need.
func (p *Port) Needs() []spec.ID {
	needs := []spec.ID{spec.LinkID(p.NS, p.Dev)}
	if p.master() != "" && !p.former {
		needs = append(needs, p.MasterID())
	}
	return needs
}

// Relations returns that the port depends on its master. A master can be a port itself, but there can be no cycle.
func (p *Port) Relations() spec.Relations {
	if p.master() == "" {
		return spec.Relations{}
	}
	return spec.Relations{
		StandsOn: []spec.ID{p.MasterID()},
		Within:   spec.ID{NS: p.NS, Kind: kindName, Key: p.master()},
	}
}

func (p *Port) Origin() spec.Source { return p.Source }

// MasterID returns the ID of the master's link.
func (p *Port) MasterID() spec.ID { return spec.LinkID(p.NS, p.master()) }

func (p *Port) master() string {
	if p.Master == nil {
		return ""
	}
	return *p.Master
}

// onBridge reports whether the port has options or VLANs, which only a port of a bridge can have.
func (p *Port) onBridge() bool { return p.Options != unmanaged || p.VLANs != nil }
