// Package fdb is the kind of static entries in forwarding databases: behind which port of a bridge a MAC address is, and
// behind which host of a VXLAN.
//
// The kernel keeps no mark with them, so an entry is linkd's by the journal alone.
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

// Entry is a static entry: of the bridge that Dev is a port of, or, with Dst, of the VXLAN that Dev is.
type Entry struct {
	NS, Dev string
	// MAC is in lower case with colons.
	MAC string
	// VLAN is 1 to 4094. 0 stands for all that the port is in, and on a bridge that does not tell VLANs apart, for all.
	VLAN int
	// Dst is the host, or the group of hosts, to which a VXLAN sends the frames for MAC, and Via the interface through
	// which it does if it may not choose.
	Dst netip.Addr
	Via string
	// Adopt: the device was taken over, and the entry with it.
	Adopt  bool
	Source spec.Source

	// The rest is found only. Port is where the bridge has the MAC, and State is "static" of what does not age.
	Port, State string
	index       int
	// via is the index of Via.
	via int
}

// ID implements spec.Resource. A MAC has one place in a bridge, and one host in a VXLAN, unless it is that of several:
// frames for a multicast address, and for every address that the VXLAN does not know, go to each host.
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

// FromID is what an ID stands for, without what the ID does not say.
func (kind) FromID(id spec.ID) (*Entry, bool) {
	dev, rest, _ := strings.Cut(id.Key, "/")
	e := &Entry{NS: id.NS, Dev: dev}
	var of, text string
	var err error
	e.MAC, text, _ = strings.Cut(rest, " ")
	of, text, _ = strings.Cut(text, " ")
	switch " " + of {
	case selfWord:
		// Which host it is does not matter for what is not wanted any more.
		e.Dst = netip.IPv4Unspecified()
	case strings.TrimSuffix(dstWord, " "):
		text, e.Via, _ = strings.Cut(text, viaWord)
		e.Dst, err = address.ParseIP(text)
	case strings.TrimSuffix(vlanWord, " "):
		e.VLAN, err = strconv.Atoi(text)
	}
	return e, err == nil && id.Kind == kindName
}

func (e *Entry) toSeveral() bool {
	mac := e.hardware()
	return len(mac) > 0 && (mac[0]&1 != 0 || e.MAC == spec.ZeroMAC)
}

func (e *Entry) hardware() net.HardwareAddr {
	mac, _ := net.ParseMAC(e.MAC)
	return mac
}

// Needs implements spec.Resource.
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

// Relations implements spec.Resource.
func (e *Entry) Relations() spec.Relations { return spec.Relations{} }

// Origin implements spec.Resource.
func (e *Entry) Origin() spec.Source { return e.Source }

// whereabouts is where an entry that was found has the MAC.
func (e *Entry) whereabouts() string {
	if e.Dst.IsValid() {
		return fmt.Sprintf("%s is at %s already", e.MAC, e.Dst)
	}
	return fmt.Sprintf("%s is on %s already, %s", e.MAC, e.Port, e.State)
}
