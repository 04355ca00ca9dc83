package link

import (
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/altname"
	"linkd/pkg/spec"
)

const existing = "existing"

var existingType = &Type{
	Name: existing,
	Doc:  "an interface that linkd did not create: linkd only manages the keys in the file, and can fetch the interface from another namespace; name may be an alternative name, unless it is fetched",
	New:  func() Options { return &existingOptions{} },
	// The driver has its own limit. That of lo is 65536 (gen_lo_setup in drivers/net/loopback.c).
	MaxMTU: noMaxMTU,
	Claims: func(c *spec.Context, l *Link) {
		origin, fetched := l.FetchedFrom()
		if !fetched {
			return
		}
		c.Claim(origin.String())
		if r := c.Declared(origin); r != nil {
			c.Conflict(r.Origin(), "%s is fetched away here, and declared in %s", origin, r.Origin())
		}
	},
}

type existingOptions struct {
	From     spec.NSRef  `yaml:"from" absent:"not fetched" doc:"the namespace from which linkd fetches it, and to which linkd puts it back"`
	FromName spec.IfName `yaml:"from_name" absent:"the same as name" doc:"its name in that namespace"`

	Match *altname.Match `yaml:"match" doc:"find the interface by its properties, and add an alternative name: name, or the link's ID; exactly one interface must match"`

	origin spec.ID
	mark   string
}

func (o *existingOptions) options() []option { return nil }

// settle sets where the interface is fetched from.
func (o *existingOptions) settle(c *spec.Context, n *yaml.Node, l *Link) {
	if l.Adopt && o.From == "" {
		c.Errorf(n, "an existing link is never linkd's own: leave out adopt")
	}
	if o.Match != nil && o.From != "" {
		c.Errorf(spec.ValueOf(n, "match"), "match finds an interface in its own namespace: leave out from, or match")
	} else if o.Match != nil {
		altname.Find(c, l.NS, l.Name, o.Match)
	}
	if o.From == "" && o.FromName != "" {
		c.Errorf(spec.ValueOf(n, "from_name"), "from_name is what the interface is called where it is fetched from: from is missing")
	}
	if o.From == "" {
		return
	}
	if l.Up == nil {
		// The kernel sets a moved interface down (__dev_change_net_namespace in net/core/dev.c).
		up := true
		l.Up = &up
	}
	if o.FromName == "" {
		o.FromName = spec.IfName(l.Name)
	}
	origin := spec.LinkID(string(o.From), string(o.FromName))
	o.mark = fetchMark{cable: l.Cable, from: c.On(origin.NS, "").Selector(), name: origin.Key}.String()
	switch from := spec.ValueOf(n, "from"); {
	case origin == l.ID():
		c.Errorf(from, "%s is in its declared place already: leave out from", end(origin))
	case len(o.mark) > altNameMax:
		c.Errorf(from, "linkd notes down in an alternative name of the interface what it is and where it is from, in %d bytes here, and the kernel takes %d: give the link a shorter ID, or the namespace a shorter selector",
			len(o.mark), altNameMax)
	default:
		o.origin = origin
	}
}
