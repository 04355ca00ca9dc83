package link

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/spec"
)

var xfrm = &Type{
	Name:           "xfrm",
	Doc:            "the interface of the IPsec policies and states with its number (ip-link(8), xfrm)",
	NoMAC:          true,
	Underlay:       true,
	ChangesWhole:   true,
	Parent:         MayHaveParent,
	ParentAttr:     nl.IFLA_XFRM_LINK,
	OutlivesParent: true,
	New:            func() Options { return &xfrmOptions{} },
	// xfrmi_locate in net/xfrm/xfrm_interface_core.c.
	Claims: func(c *spec.Context, l *Link) {
		c.Claim(fmt.Sprintf("xfrm interface %d of %s", *l.Options.(*xfrmOptions).IfID, l.birthNS()))
	},
}

type xfrmOptions struct {
	IfID *int `yaml:"if_id" also:"id if-id" required:"true" min:"1" max:"4294967295" doc:"the number; policies and states that have it send and receive through the interface"`
}

func (o *xfrmOptions) options() []option {
	return []option{number("if_id", nl.IFLA_XFRM_IF_ID, 4, o.IfID)}
}
