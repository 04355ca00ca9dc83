package path

import (
	"encoding/binary"
	"fmt"

	"linkd/pkg/kind/port"
	"linkd/pkg/observe"
)

// vlanID is IFLA_VLAN_ID of linux/if_link.h.
func vlanID(l *observe.Link) uint16 {
	const id = 1
	if v := l.Data[id]; len(v) == 2 {
		return binary.NativeEndian.Uint16(v)
	}
	return 0
}

// filtersVLANs reports whether a bridge forwards a frame only to ports in the frame's VLAN (IFLA_BR_VLAN_FILTERING of
// linux/if_link.h).
func filtersVLANs(bridge *observe.Link) bool {
	const filtering = 7
	v := bridge.Data[filtering]
	return len(v) == 1 && v[0] != 0
}

// vlansOf returns the VLANs of a bridge, or of one of its ports.
func (s *segment) vlansOf(ns *observe.NS, l *observe.Link) port.VLANs {
	known := s.vlans[ns.Identity]
	if known == nil {
		var err error
		if known, err = port.ReadVLANs(ns, 0); err != nil {
			s.wrong = err
		}
		s.vlans[ns.Identity] = known
	}
	return known[l.Index]
}

// classify returns the VLAN in which a bridge takes a frame that comes in by an interface of it, a port or the bridge itself
// (br_allowed_ingress in net/bridge/br_vlan.c); 0 if the bridge does not filter VLANs.
func (s *segment) classify(f frame, by, bridge *observe.Link) (vid uint16, classified frame) {
	if !filtersVLANs(bridge) {
		return 0, f
	}
	vlans := s.vlansOf(f.ns, by)
	at := station{f.ns, by}
	if vid = f.tag; vid == 0 {
		if vid = vlans.PVID(); vid == 0 {
			return 0, f.block("declare pvid: true for one of the vlans of "+by.Name+" in "+f.ns.Name,
				"%s takes no frames without a tag: none of its VLANs is the PVID, and %s has vlan_filtering", at, bridge.Name)
		}
	}
	if is, _ := vlans.Has(vid); !is {
		f = f.block(fmt.Sprintf("add the VLAN %d to the vlans of %s in %s", vid, by.Name, f.ns.Name), "%s is not in the VLAN %d of the frame%s", at, vid, s.listOf(vlans))
	}
	return vid, f
}

// egress has a bridge send a frame of a VLAN out by an interface of it, a port or the bridge itself (br_handle_vlan in
// net/bridge/br_vlan.c).
func (s *segment) egress(f frame, by, bridge *observe.Link, vid uint16) frame {
	if !filtersVLANs(bridge) {
		return f
	}
	vlans := s.vlansOf(f.ns, by)
	is, untagged := vlans.Has(vid)
	if !is {
		return f.block(fmt.Sprintf("add the VLAN %d to the vlans of %s in %s, or change the pvid by which the frame comes in", vid, by.Name, f.ns.Name),
			"the frame is in VLAN %d, and %s is not%s", vid, station{f.ns, by}, s.listOf(vlans))
	}
	if f.tag = vid; untagged {
		f.tag = 0
	}
	return f
}

func (s *segment) listOf(vlans port.VLANs) string {
	if len(vlans) == 0 {
		return " (it is in none)"
	}
	return " (it is in " + vlans.String() + ")"
}
