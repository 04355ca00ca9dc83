package address

import (
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

// thing is a port, or a master that sets its ports down and up.
type thing struct {
	id     spec.ID
	master spec.ID
	resets bool
}

func (p thing) ID() spec.ID               { return p.id }
func (p thing) Needs() []spec.ID          { return nil }
func (p thing) Origin() spec.Source       { return spec.Source{} }
func (p thing) Relations() spec.Relations { return spec.Relations{} }
func (p thing) MasterID() spec.ID         { return p.master }
func (p thing) ResetsPorts() bool         { return p.resets }

// linkd adds an address to a device in a VRF after the device joined the VRF, but does not wait for a bridge.
func TestMembership(t *testing.T) {
	port := func(dev string) spec.ID { return spec.ID{NS: "lab", Kind: "port", Key: dev} }
	all := &spec.Set{}
	all.Add(thing{id: spec.LinkID("lab", "blue"), resets: true})
	all.Add(thing{id: spec.LinkID("lab", "br0")})
	all.Add(thing{id: port("eth0"), master: spec.LinkID("lab", "blue")})
	all.Add(thing{id: port("eth1"), master: spec.LinkID("lab", "br0")})
	all.Add(thing{id: port("eth2"), master: spec.LinkID("lab", "elsewhere")})
	for dev, want := range map[string][]spec.ID{
		"eth0": {spec.LinkID("lab", "eth0"), port("eth0")},
		"eth1": {spec.LinkID("lab", "eth1")},
		"eth2": {spec.LinkID("lab", "eth2")},
		"eth3": {spec.LinkID("lab", "eth3")},
	} {
		a := &Address{NS: "lab", Dev: dev, Prefix: subnet("10.0.0.1/24")}
		a.refer(all)
		if d := conform.Differences(want, a.Needs()); d != "" {
			t.Errorf("%s (-want +got):\n%s", dev, d)
		}
	}
}
