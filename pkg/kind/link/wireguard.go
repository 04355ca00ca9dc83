package link

import (
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/wireguard"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var wireguardType = &Type{
	Name:       "wireguard",
	Doc:        "an encrypted tunnel to its peers over UDP (wg(8))",
	Underlay:   true,
	HidesBirth: true,
	NoMAC:      true,
	New:        func() Options { return &wireguardOptions{} },
	Further: func(c *spec.Context, n *yaml.Node, l *Link) {
		l.Options.(*wireguardOptions).Add(c, n, l.birthNS())
	},
	Survey: func(ns *observe.NS, l *observe.Link) (more any, why string, err error) {
		more, err = wireguard.Shown(ns, l)
		return more, "", err
	},
	// wg_setup in drivers/net/wireguard/device.c: 1500 less the headers over IPv6.
	MTU: 1420, MaxMTU: noMaxMTU,
}

// wireguardOptions have no attributes: the device and its peers are resources of their own.
type wireguardOptions struct{ wireguard.Options }

func (*wireguardOptions) options() []option { return nil }

// EncodeNode returns no keys, for the same reason.
func (*wireguardOptions) EncodeNode() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }
