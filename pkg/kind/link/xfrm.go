package link

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/spec"
)

var xfrm = &Type{
	Name:           "xfrm",
	Doc:            "an interface for the IPsec policies and states with its number (ip-link(8), xfrm)",
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
	IfID *int `yaml:"if_id" also:"id if-id" required:"true" min:"1" max:"4294967295" doc:"the number of the interface; IPsec policies and states with this number send and receive through it"`
}

func (o *xfrmOptions) options() []option {
	return []option{number("if_id", nl.IFLA_XFRM_IF_ID, 4, o.IfID)}
}
