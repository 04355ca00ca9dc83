package observe

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// Existing are the names by which the files configure foreign interfaces, each in its namespace. A name may be an
// alternative name (ip-link(8), altname), because the kernel's name of a network card may change at each boot.
type Existing map[spec.End]bool

// DeclareExisting sets the names of foreign interfaces. NS then returns a link with one of them as an alternative
// name under that name.
func (w *World) DeclareExisting(e Existing) { w.existing.Store(&e) }

// parseLink parses a message and sets the name by which the files know the link.
func (ns *NS) parseLink(msg []byte) (*Link, error) {
	l, err := parseLink(msg)
	existing := ns.world.existing.Load()
	if err != nil || existing == nil || len(*existing) == 0 || (*existing)[spec.End{NS: ns.Name, Dev: l.Name}] {
		return l, err
	}
	for _, name := range l.AltNames {
		if (*existing)[spec.End{NS: ns.Name, Dev: name}] {
			l.FirstName, l.Name = l.Name, name
			break
		}
	}
	return l, nil
}

// AltNameRequest returns a request that adds an alternative name to an interface, or removes it: RTM_NEWLINKPROP or RTM_DELLINKPROP
// (rtnl_linkprop in net/core/rtnetlink.c).
func AltNameRequest(messageType, index int, name string) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(messageType, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	list := nl.NewRtAttr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, nil)
	list.AddRtAttr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated(name))
	req.AddData(list)
	return req
}
