// Package fdb implements static entries in forwarding databases. An entry says behind which port of a bridge, or behind which
// host of a VXLAN, a MAC address is.
//
// The kernel has no room for a mark in an entry, so only the journal says which entries are linkd's.
package fdb

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

const kindName = "fdb"

// Entry is a static entry. Dev is a port of the bridge with the entry or, if Dst is set, the VXLAN with it.
type Entry struct {
	NS, Dev string
	// MAC is in lower case with colons.
	MAC string
	// VLAN is 1 to 4094, or 0 for every VLAN of the port. On a bridge without VLAN filtering it is 0.
	VLAN int
	// Dst is the host or multicast group to which a VXLAN sends the frames for MAC. Via is the interface through which it sends
	// them; "" leaves that to the kernel.
	Dst netip.Addr
	Via string
	// Adopt: the device was taken over, and the entry with it.
	Adopt  bool
	Source spec.Source

	// The rest is set only in observed entries. Port is the port behind which the bridge has the MAC. State is "static" if the
	// entry does not age.
	Port, State string
	index       int
	// via is the index of Via.
	via int
}

// ID returns the ID. A bridge has a MAC address behind one port, and a VXLAN behind one host. A multicast address and the zero
// address, which stands for unknown addresses, can have several hosts in a VXLAN, so their IDs contain the host.
func (e *Entry) ID() spec.ID {
	key := e.Dev + "/" + e.MAC
	switch {
	case e.Dst.IsValid() && e.toSeveral():
		key += dstWord + e.Dst.String()
		if e.Via != "" {
			key += viaWord + e.Via
		}
	case e.Dst.IsValid():
		key += selfWord
	case e.VLAN != 0:
		key += vlanWord + strconv.Itoa(e.VLAN)
	}
	return spec.ID{NS: e.NS, Kind: kindName, Key: key}
}

// The words are those of bridge(8).
const dstWord, viaWord, selfWord, vlanWord = " dst ", " via ", " self", " vlan "

// FromID returns the entry that an ID stands for, as far as the ID determines it.
func (kind) FromID(id spec.ID) (*Entry, bool) {
	dev, rest, _ := strings.Cut(id.Key, "/")
	e := &Entry{NS: id.NS, Dev: dev}
	var of, text string
	var err error
	e.MAC, text, _ = strings.Cut(rest, " ")
	of, text, _ = strings.Cut(text, " ")
	switch " " + of {
	case selfWord:
		// The host does not matter for an entry that is no longer declared.
		e.Dst = netip.IPv4Unspecified()
	case strings.TrimSuffix(dstWord, " "):
		text, e.Via, _ = strings.Cut(text, viaWord)
		e.Dst, err = address.ParseIP(text)
	case strings.TrimSuffix(vlanWord, " "):
		e.VLAN, err = strconv.Atoi(text)
	}
	return e, err == nil && id.Kind == kindName
}

// toSeveral reports whether the MAC address can have several hosts in a VXLAN.
func (e *Entry) toSeveral() bool {
	mac := e.hardware()
	return len(mac) > 0 && (mac[0]&1 != 0 || e.MAC == spec.ZeroMAC)
}

func (e *Entry) hardware() net.HardwareAddr {
	mac, _ := net.ParseMAC(e.MAC)
	return mac
}

func (e *Entry) Needs() []spec.ID {
	needs := []spec.ID{spec.LinkID(e.NS, e.Dev)}
	switch {
	case !e.Dst.IsValid():
		needs = append(needs, e.portID())
	case e.Via != "":
		needs = append(needs, spec.LinkID(e.NS, e.Via))
	}
	return needs
}

func (e *Entry) portID() spec.ID { return spec.ID{NS: e.NS, Kind: "port", Key: e.Dev} }

func (e *Entry) Relations() spec.Relations { return spec.Relations{} }

func (e *Entry) Origin() spec.Source { return e.Source }

// location says where an observed entry has the MAC, for an error.
func (e *Entry) location() string {
	if e.Dst.IsValid() {
		return fmt.Sprintf("%s is at %s already", e.MAC, e.Dst)
	}
	return fmt.Sprintf("%s is on %s already, %s", e.MAC, e.Port, e.State)
}
