// Package altname implements alternative names of interfaces (ip-link(8), property): those that the files give to an end, and
// the one under which the files know a network card that they find by match.
package altname

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

const kindName = "altname"

// AltName is an alternative name of one interface.
type AltName struct {
	NS, Name string
	// Dev is the interface that has the name. A desired resource has either Dev or Match.
	Dev    string
	Match  *Match
	Source spec.Source

	// index and card are those of the observed interface.
	index int
	card  card
}

func (a *AltName) ID() spec.ID { return spec.ID{NS: a.NS, Kind: kindName, Key: a.Name} }

func (a *AltName) Needs() []spec.ID {
	if a.Match != nil {
		return nil
	}
	return []spec.ID{spec.LinkID(a.NS, a.Dev)}
}

func (a *AltName) Origin() spec.Source { return a.Source }

func (a *AltName) Relations() spec.Relations { return spec.Relations{} }

// Match says by what to find an interface. Each field that is set has to fit.
type Match struct {
	MAC     *spec.MAC `yaml:"mac" also:"macaddress mac_address" doc:"the permanent link-layer address of the card; the present one of an interface without a permanent address"`
	PCI     *string   `yaml:"pci" also:"pci-address path" doc:"the address on the bus, or a pattern: 0000:03:00.*"`
	Driver  *string   `yaml:"driver" doc:"the driver of the kernel, or a pattern of it: virtio_net, ixgbe*"`
	AltName *string   `yaml:"altname" doc:"one of its alternative names, or a pattern"`
	Name    *string   `yaml:"name" also:"original-name" doc:"the kernel's name, or a pattern: enp*s0"`
	Source  spec.Source
}

// check returns what is wrong with a match.
func (m *Match) check() error {
	given := false
	for key, pattern := range map[string]*string{"pci": m.PCI, "driver": m.Driver, "altname": m.AltName, "name": m.Name} {
		if pattern == nil {
			continue
		}
		given = true
		if _, err := path.Match(*pattern, ""); err != nil || *pattern == "" {
			return fmt.Errorf("%s: %q is no pattern", key, *pattern)
		}
	}
	if !given && m.MAC == nil {
		return fmt.Errorf("match needs one of mac, pci, driver, altname and name")
	}
	return nil
}

// String returns the match as the files say it.
func (m *Match) String() string {
	var words []string
	add := func(key string, value *string) {
		if value != nil {
			words = append(words, key+" "+*value)
		}
	}
	add("mac", (*string)(m.MAC))
	add("pci", m.PCI)
	add("driver", m.Driver)
	add("altname", m.AltName)
	add("name", m.Name)
	return strings.Join(words, ", ")
}

// card is an interface with all by which it can be found.
type card struct {
	index int
	name  string
	// mac is the present address, and own the hardware's, "" without one.
	mac, own, pci, driver string
	altNames              []string
}

func (c card) String() string {
	text := c.name + " (" + cmp.Or(c.own, c.mac)
	for _, word := range []string{c.pci, c.driver} {
		if word != "" {
			text += ", " + word
		}
	}
	return text + ")"
}

// fits reports whether everything but the link-layer address fits. except is the name that linkd itself gives.
func (m *Match) fits(c card, except string) bool {
	like := func(pattern *string, text string) bool {
		if pattern == nil {
			return true
		}
		fit, err := path.Match(*pattern, text)
		return err == nil && fit
	}
	return like(m.PCI, c.pci) && like(m.Driver, c.driver) && like(m.Name, c.name) &&
		(m.AltName == nil || slices.ContainsFunc(c.altNames, func(name string) bool { return name != except && like(m.AltName, name) }))
}

// among returns the interfaces that fit. Interfaces on a card, such as a VLAN or a bridge, have its address, too: where one has
// the address from its hardware, the others do not count.
func (m *Match) among(cards []card, except string) (fit []card) {
	for _, c := range cards {
		if m.fits(c, except) {
			fit = append(fit, c)
		}
	}
	if m.MAC == nil {
		return fit
	}
	mac := string(*m.MAC)
	if own := slices.DeleteFunc(slices.Clone(fit), func(c card) bool { return c.own != mac }); len(own) > 0 {
		return own
	}
	return slices.DeleteFunc(fit, func(c card) bool { return c.own != "" || c.mac != mac })
}

// Key returns the key altnames of an end.
func Key() spec.Key {
	return spec.NewKey("altnames", "alternative names of the interface (ip-link(8), property)", func(c *spec.Context, names []spec.IfName) {
		for _, name := range names {
			c.Add(&AltName{NS: c.NS, Name: string(name), Dev: c.Device, Source: c.Source()})
		}
	}).Called("altname", "alias-names", "alternative-names")
}

// Find declares that the interface with the name is the one that match finds.
func Find(c *spec.Context, ns, name string, match *Match) {
	if err := match.check(); err != nil {
		c.Reject(match.Source, "%v", err)
		return
	}
	c.Add(&AltName{NS: ns, Name: name, Match: match, Source: match.Source})
}
