package link

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

var geneve = &Type{
	Name:       "geneve",
	Doc:        "an Ethernet between two hosts over an IP network (ip-link(8), geneve)",
	OwnMAC:     true,
	Underlay:   true,
	HidesBirth: true,
	New:        func() Options { return &geneveOptions{} },
	MTU:        routedMTU,
	// geneve_configure in drivers/net/geneve.c.
	Claims: func(c *spec.Context, l *Link) {
		o := l.Options.(*geneveOptions)
		c.Claim(fmt.Sprintf("geneve %d to %s at UDP port %d of %s", *o.ID, o.Remote, spec.ValueOr(o.DstPort, defaultGenevePort), l.birthNS()))
	},
}

type geneveOptions struct {
	ID      *int        `yaml:"id" also:"vni" required:"true" min:"0" max:"16777215" doc:"the number of the Ethernet (VNI), the same on both hosts"`
	Remote  *address.IP `yaml:"remote" required:"true" doc:"the address of the other host"`
	DstPort *int        `yaml:"dstport" also:"port" min:"1" max:"65535" doc:"UDP port of both hosts; the kernel's default is 6081"`
	TTL     *ttl        `yaml:"ttl" doc:"time to live of the packets, or auto, the kernel's default: net.ipv4.ip_default_ttl"`
}

const defaultGenevePort = 6081

// options lists the options. geneve_changelink in drivers/net/geneve.c refuses another number and port; a remote host of the other
// address family it would mix with the old one.
func (o *geneveOptions) options() []option {
	remote := addressOption("remote", nl.IFLA_GENEVE_REMOTE, nl.IFLA_GENEVE_REMOTE6, o.Remote)
	remote.fixed = func(have, want []byte) bool { return len(have) != len(want) }
	return []option{
		number("id", nl.IFLA_GENEVE_ID, 4, o.ID).immutable(),
		remote,
		portOption("dstport", nl.IFLA_GENEVE_PORT, o.DstPort).usually(strconv.Itoa(defaultGenevePort)).immutable(),
		ttlOption(nl.IFLA_GENEVE_TTL, o.TTL),
	}
}

func (o *geneveOptions) wrong() (key, why string) {
	if err := address.CheckOfOne(netip.Addr(*o.Remote), "no host has it"); err != nil {
		return "remote", err.Error()
	}
	return "", ""
}
