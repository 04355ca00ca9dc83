package port

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"linkd/pkg/spec"
)

const masterKey, portKey = "master", "port"

// Keys returns the keys master and port of an end.
func Keys() []spec.Key {
	return []spec.Key{
		spec.NewKey(masterKey, "the bridge, bond or VRF of which this interface is a port, in the same namespace",
			func(c *spec.Context, name spec.IfName) {
				master := string(name)
				p := declared(c)
				p.Master = &master
				c.Later(func() { c.WarnUndeclared(c.Node(), p.MasterID(), masterKey) })
			}).Called("bridge", "vrf", "controller", "upper"),
		spec.NewKey(portKey, "options of the interface as a port of a bridge; on a bridge, the VLANs of the bridge itself (bridge-link(8), bridge-vlan(8))",
			func(c *spec.Context, f fields) {
				p := declared(c)
				p.Options = f.options()
				if f.VLANs != nil {
					vlans := f.VLANs.vlans(c)
					p.VLANs = &vlans
				}
				c.Later(func() { check(c, p) })
			}),
	}
}

// declared returns the port of the end whose keys are being read. The first of the keys adds it.
func declared(c *spec.Context) *Port {
	p := &Port{NS: c.NS, Dev: c.Device, Options: unmanaged, Adopt: c.Adopt, Source: c.Source()}
	if known, is := c.Declared(p.ID()).(*Port); is {
		return known
	}
	c.Add(p)
	return p
}

// check checks the port against other links, which may follow in the files: whether the interface is a bridge itself, and what its
// master is.
func check(c *spec.Context, p *Port) {
	names := p.Options.names()
	own, _ := kindOf(c, spec.LinkID(p.NS, p.Dev))
	master, at := kindOf(c, p.MasterID())
	switch {
	case own == bridge && len(names) > 0:
		c.Reject(c.Source(), "%s is a bridge, and a bridge itself has only vlans: declare %s at its ports", p.Dev, names[0])
	case own == bridge || !p.onBridge() || slices.Contains([]string{"", bridge, existing}, master):
	default:
		c.Conflict(at, "only the ports of a bridge have options and VLANs, and %s is a %s (%s)", p.master(), master, at)
	}
}

// The kinds of links that can have ports with options: a bridge, and an existing interface, which may be a bridge.
const (
	bridge   = "bridge"
	existing = "existing"
)

// kindOf returns the declared kind of a link and the place of its declaration; "" if no file declares it.
func kindOf(c *spec.Context, id spec.ID) (kind string, at spec.Source) {
	l := c.Declared(id)
	if typed, is := l.(interface{ LinkType() string }); is {
		return typed.LinkType(), l.Origin()
	}
	return "", spec.Source{}
}

// fields are the keys of port.
type fields struct {
	Cost          *int  `yaml:"cost" min:"1" max:"65535" doc:"the path cost of the port in the spanning tree"`
	Priority      *int  `yaml:"priority" min:"0" max:"63" doc:"the spanning tree prefers the port with the lowest priority"`
	Hairpin       *bool `yaml:"hairpin" doc:"send frames back through the port on which they arrived"`
	Isolated      *bool `yaml:"isolated" doc:"no frames to or from other isolated ports"`
	Learning      *bool `yaml:"learning" doc:"learn the addresses behind the port from received frames"`
	Flood         *bool `yaml:"flood" doc:"send frames to unknown addresses through the port"`
	McastFlood    *bool `yaml:"mcast_flood" doc:"send frames to unknown multicast groups through the port"`
	Guard         *bool `yaml:"guard" doc:"disable the port when it receives a BPDU of a spanning tree"`
	FastLeave     *bool `yaml:"fast_leave" doc:"stop sending a multicast group's frames as soon as one listener leaves it"`
	NeighSuppress *bool `yaml:"neigh_suppress" doc:"answer ARP and neighbour solicitation for known neighbours, instead of flooding them"`
	VLANs         *list `yaml:"vlans" doc:"all VLANs of the port, for a bridge with vlan_filtering"`
}

// numbers and flags return the options in the order of the variable options.
func (f *fields) numbers() []**int { return []**int{&f.Cost, &f.Priority} }

func (f *fields) flags() []**bool {
	return []**bool{&f.Hairpin, &f.Isolated, &f.Learning, &f.Flood, &f.McastFlood, &f.Guard, &f.FastLeave, &f.NeighSuppress}
}

func (f *fields) options() Options {
	o, numbers := unmanaged, f.numbers()
	for i, number := range numbers {
		if *number != nil {
			o[i] = int32(**number)
		}
	}
	for i, flag := range f.flags() {
		if *flag != nil {
			o[len(numbers)+i] = 0
			if **flag {
				o[len(numbers)+i] = 1
			}
		}
	}
	return o
}

// list is a port's VLANs.
type list []struct {
	VID      vids `yaml:"vid" required:"true" doc:"a VLAN, or a range of VLANs"`
	PVID     bool `yaml:"pvid" default:"false" doc:"put received frames without a tag into this VLAN"`
	Untagged bool `yaml:"untagged" default:"false" doc:"send frames of this VLAN without a tag"`
}

// vlans converts the list, and checks that no VLAN is in it twice and that at most one is the PVID.
func (l list) vlans(c *spec.Context) VLANs {
	var ranges []VLAN
	var taken [lastVLAN + 1]int16 // by which entry, counted from 1
	pvid := -1
	for i, e := range l {
		switch {
		case e.PVID && e.VID.first != e.VID.last:
			c.Reject(e.VID.Source, "frames without a tag are in one VLAN: pvid is not for a range")
		case e.PVID && pvid >= 0:
			c.Reject(e.VID.Source, "frames without a tag are in one VLAN, and that is %d already (line %d)", l[pvid].VID.first, l[pvid].VID.Source.Line)
		case e.PVID:
			pvid = i
		}
		for vid := e.VID.first; vid <= e.VID.last; vid++ {
			if taken[vid] > 0 {
				c.Reject(e.VID.Source, "VLAN %d is here twice, first on line %d", vid, l[taken[vid]-1].VID.Source.Line)
				break
			}
			taken[vid] = int16(i + 1)
		}
		ranges = append(ranges, VLAN{First: e.VID.first, Last: e.VID.last, PVID: e.PVID, Untagged: e.Untagged})
	}
	return newVLANs(ranges)
}

// vids is a VLAN, or a range of them.
type vids struct {
	first, last uint16
	Source      spec.Source
}

func (vids) Syntax() spec.Syntax {
	return spec.Syntax{
		Name: "VLANs", Doc: "A VLAN, 1 to 4094, or a range of VLANs: `10-20`.",
		Pattern: "^[1-9][0-9]{0,3}(-[1-9][0-9]{0,3})?$", Min: 1, Max: lastVLAN,
	}
}

func (v *vids) DecodeWord(word string) error {
	first, last, ranged := strings.Cut(word, "-")
	if !ranged {
		last = first
	}
	for _, end := range []struct {
		text string
		vid  *uint16
	}{{first, &v.first}, {last, &v.last}} {
		number, err := strconv.Atoi(end.text)
		switch {
		case err != nil || strconv.Itoa(number) != end.text:
			return fmt.Errorf("expected a VLAN, or a range of VLANs such as 10-20, found %q", word)
		case number < 1 || number > lastVLAN:
			return fmt.Errorf("a VLAN is 1 to %d, not %d", lastVLAN, number)
		}
		*end.vid = uint16(number)
	}
	if v.last < v.first {
		return fmt.Errorf("%s: a range begins with the lowest VLAN", word)
	}
	return nil
}
