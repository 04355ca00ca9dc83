// Package port is an interface as a port of its master: which interface that is, and, where it is a bridge, how the
// bridge treats the port and which VLANs it is in.
//
// All of that is one resource, because a port has to have its options from the start: one that is to be isolated must
// not be open for as long as a plan takes to join a thousand others. The VLANs are one field of it, and the whole list,
// because the kernel itself puts a port into one when it joins (vlan_default_pvid of the bridge): who declares a port to
// be in VLAN 10 does not want it to stay in VLAN 1 as well.
package port

import (
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

const kindName = "port"

// Port is an interface as a port of its master. What is nil, or absent, is not managed.
type Port struct {
	NS, Dev string
	// Master is the master's name, "" for none.
	Master  *string
	Options Options
	// VLANs are all VLANs of the port; of a bridge, those that it is in itself.
	VLANs *VLANs
	// Adopt: the interface was taken over, and what it is as a port with it.
	Adopt  bool
	Source spec.Source

	// former: the master is put back.
	former bool
	found  found
}

// found is what only the kernel can say.
type found struct {
	index int
	// bridge: it is one itself. masterKind is its master's kind of link.
	bridge     bool
	masterKind string
	// pvid is the VLAN into which the bridge puts ports that join it, 0 for none.
	pvid uint16
	// state is the port's spanning-tree state (BR_STATE_* in linux/if_bridge.h); forwarding where there is none.
	state uint8
}

// The spanning-tree states from which on a port forwards, or does not for the time that the bridge's forward delay says.
const (
	disabled   = 0
	forwarding = 3
)

// carries reports whether the bridge forwards what comes from the found port. It does so once the port has a carrier, and, with
// the spanning tree protocol, twice the forward delay later.
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

// Needs implements spec.Resource. A master that it goes back to may be gone by now.
func (p *Port) Needs() []spec.ID {
	needs := []spec.ID{spec.LinkID(p.NS, p.Dev)}
	if p.master() != "" && !p.former {
		needs = append(needs, p.MasterID())
	}
	return needs
}

// Relations implements spec.Resource. A port loses its connection when its master goes. A master may be a port itself, but
// not, by whatever way, of its own port.
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

// MasterID is the link that the port belongs to.
func (p *Port) MasterID() spec.ID { return spec.LinkID(p.NS, p.master()) }

func (p *Port) master() string {
	if p.Master == nil {
		return ""
	}
	return *p.Master
}

// onBridge reports whether anything is wanted that only a bridge can give.
func (p *Port) onBridge() bool { return p.Options != unmanaged || p.VLANs != nil }
