package link

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/fdb"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var vxlan = &Type{
	Name:       "vxlan",
	Doc:        "an Ethernet between hosts over an IP network (ip-link(8), vxlan)",
	OwnMAC:     true,
	Underlay:   true,
	Parent:     MayHaveParent,
	ParentAttr: nl.IFLA_VXLAN_LINK,
	New:        func() Options { return &vxlanOptions{} },
	Attach:     attachVXLAN,
	Further:    furtherVXLAN,
	// vxlan_vni_in_use in drivers/net/vxlan/vxlan_core.c.
	Claims: func(c *spec.Context, l *Link) {
		o, over := l.Options.(*vxlanOptions), ""
		if o.is6() {
			over = "IPv6 "
		}
		id := "external"
		if o.ID != nil {
			id = strconv.Itoa(*o.ID)
		}
		c.Claim(fmt.Sprintf("vxlan %s on %sUDP port %d of %s", id, over, o.port(), l.birthNS()))
	},
	Survey: surveyVXLAN,
	// VXLAN_HEADROOM and VXLAN6_HEADROOM in net/vxlan.h.
	Overhead: func(l *observe.Link) int {
		if l.Data[nl.IFLA_VXLAN_GROUP6] != nil || l.Data[nl.IFLA_VXLAN_LOCAL6] != nil {
			return 70
		}
		return 50
	},
}

// surveyVXLAN returns the remotes. A remote with which the VXLAN was created is an option of the VXLAN, and not a forwarding entry.
func surveyVXLAN(ns *observe.NS, l *observe.Link) (more any, why string, err error) {
	hosts, special, err := fdb.Remotes(ns, l)
	group, _ := netip.AddrFromSlice(addressOption("group", nl.IFLA_VXLAN_GROUP, nl.IFLA_VXLAN_GROUP6, nil).in(l.Data))
	switch {
	case group.IsValid() && !group.IsMulticast() && !group.IsUnspecified():
		return nil, fmt.Sprintf("it was made with the one remote %s, which linkd has as an entry of its own", group), err
	case special:
		return nil, "it has remotes with a port, VNI or interface of their own", err
	case len(hosts) > 0:
		more = map[string][]netip.Addr{"remotes": hosts}
	}
	return more, "", err
}

type vxlanOptions struct {
	ID      *int        `yaml:"id" also:"vni vxlan_id vxlan-id" min:"1" max:"16777215" doc:"the VXLAN's number (VNI), the same on all hosts; required without external"`
	Local   *address.IP `yaml:"local" also:"source local_ip source-address" doc:"the address of this host in the underlying network"`
	Group   *address.IP `yaml:"group" doc:"the multicast address of all hosts of the VXLAN; needs parent"`
	Remotes []remote    `yaml:"remotes" also:"remote peers" doc:"the addresses of the other hosts, unless there is a group"`
	// Members: the remotes are the other nodes of the fleet that have the link.
	Members   *spec.FleetMembers `yaml:"members" doc:"the other hosts are the nodes of the fleet that have a link with this ID; instead of group and remotes; needs local"`
	DstPort   *int               `yaml:"dstport" also:"port destination-port dst_port dst-port" min:"1" max:"65535" default:"4789" doc:"UDP port, the same on all hosts"`
	Learning  *bool              `yaml:"learning" also:"mac-learning mac_learning" doc:"learn the host of a MAC address from received packets; the kernel's default is true"`
	SrcPort   *portRange         `yaml:"srcport" also:"source-port port-range port_range" doc:"the UDP ports from which the packets come, one for each flow; 0-0 lets the kernel choose"`
	External  *bool              `yaml:"external" doc:"a route, a filter or a BPF program chooses the host and the number for each packet"`
	VNIFilter *bool              `yaml:"vnifilter" doc:"receive only packets with numbers that bridge-vni(8) has added; with external; Linux 5.18 or later"`
	TTL       *ttl               `yaml:"ttl" doc:"time to live of the packets, or auto, the kernel's default: 1 for multicast, otherwise net.ipv4.ip_default_ttl"`
}

// defaultVXLANPort is the UDP port that IANA assigned. The kernel's default is older.
const defaultVXLANPort = 4789

func (o *vxlanOptions) port() int {
	if o.DstPort != nil {
		return *o.DstPort
	}
	return defaultVXLANPort
}

// options lists the options. vxlan_changelink in drivers/net/vxlan/vxlan_core.c refuses another VNI, UDP port and family. It
// accepts another group, but keeps listening to the old one.
func (o *vxlanOptions) options() []option {
	port := o.port()
	udpPort := portOption("dstport", nl.IFLA_VXLAN_PORT, &port).immutable().usually(strconv.Itoa(defaultVXLANPort))
	udpPort.stays = true
	local := addressOption("local", nl.IFLA_VXLAN_LOCAL, nl.IFLA_VXLAN_LOCAL6, o.Local)
	local.fixed = func(have, want []byte) bool { return len(have) > 0 && len(have) != len(want) }
	group := addressOption("group", nl.IFLA_VXLAN_GROUP, nl.IFLA_VXLAN_GROUP6, o.Group).immutable()
	if o.Remotes != nil || o.Members != nil {
		group.want = []byte{}
	}
	return []option{
		number("id", nl.IFLA_VXLAN_ID, 4, o.ID).immutable().usually("0"),
		local,
		group,
		udpPort,
		flag("learning", nl.IFLA_VXLAN_LEARNING, 1, o.Learning).usually("true"),
		o.SrcPort.option(),
		flag("external", nl.IFLA_VXLAN_FLOWBASED, 1, o.External).immutable(),
		flag("vnifilter", vxlanVNIFilter, 1, o.VNIFilter).immutable(),
		ttlOption(nl.IFLA_VXLAN_TTL, o.TTL),
	}
}

// vxlanVNIFilter is IFLA_VXLAN_VNIFILTER in linux/if_link.h.
const vxlanVNIFilter = 30

// addressOption returns an option that has one attribute for each address family.
func addressOption(name string, attr4, attr6 int, value *address.IP) option {
	o := option{name: name, attr: attr4, alt: attr6, unset: netip.IPv4Unspecified().String(), format: func(value []byte) string {
		if ip, is := netip.AddrFromSlice(value); is && !ip.IsUnspecified() {
			return ip.String()
		}
		return ""
	}}
	if value == nil {
		return o
	}
	ip := netip.Addr(*value)
	if ip.Is6() {
		o.attr, o.alt = attr6, attr4
	}
	o.want = ip.AsSlice()
	return o
}

// is6 reports whether the packets between the hosts are IPv6.
func (o *vxlanOptions) is6() bool {
	switch {
	case o.Local != nil:
		return netip.Addr(*o.Local).Is6()
	case o.Group != nil:
		return netip.Addr(*o.Group).Is6()
	case len(o.Remotes) > 0:
		return o.Remotes[0].Is6()
	}
	return false
}

// OverIPv6 reports whether the packets of a declared vxlan are IPv6; known is false for other links.
func (l *Link) OverIPv6() (is6, known bool) {
	o, is := l.Options.(*vxlanOptions)
	return is && o.is6(), is
}

// attachVXLAN returns an empty IPv6 group if only the remotes say that the vxlan is over IPv6, because linkd adds the remotes
// later. The kernel takes the family from that group.
func attachVXLAN(_ *observe.NS, want *Link) ([]*nl.RtAttr, error) {
	if o := want.Options.(*vxlanOptions); o.is6() && o.Local == nil && o.Group == nil {
		return []*nl.RtAttr{nl.NewRtAttr(nl.IFLA_VXLAN_GROUP6, netip.IPv6Unspecified().AsSlice())}, nil
	}
	return nil, nil
}

// wrong checks group, local and remotes against each other.
func (o *vxlanOptions) wrong() (key, why string) {
	if o.Local != nil {
		if err := fdb.CheckHost(netip.Addr(*o.Local)); err != nil {
			return "local", err.Error()
		}
	}
	switch {
	case o.Members != nil && (o.Group != nil || o.Remotes != nil):
		return "members", "members, group and remotes are ways to reach the others: choose one"
	case o.Members != nil && o.Local == nil:
		return "members", "the other nodes send to local, which is missing"
	case o.Group == nil:
		return "", ""
	}
	switch group := netip.Addr(*o.Group); {
	case o.Remotes != nil:
		return "group", "group and remotes are two ways to reach the others: choose one"
	case !group.IsMulticast():
		return "group", fmt.Sprintf("%s is not a multicast address: write remotes: [%[1]s]", group)
	case o.is6() != group.Is6():
		return "group", fmt.Sprintf("the group %s is of the other address family than local", group)
	}
	return "", ""
}

// furtherVXLAN adds the forwarding entries for the remotes or the group.
func furtherVXLAN(c *spec.Context, n *yaml.Node, l *Link) {
	o := l.Options.(*vxlanOptions)
	switch external := spec.ValueOr(o.External, false); {
	case o.ID == nil && !external:
		c.Errorf(n, "a vxlan needs id, or external: true")
	case o.ID != nil && external:
		c.Errorf(spec.ValueOf(n, "id"), "with external, each packet says its number: leave out id")
	case spec.ValueOr(o.VNIFilter, false) && !external:
		c.Errorf(spec.ValueOf(n, "vnifilter"), "vnifilter needs external: true")
	}
	if members := spec.ValueOf(n, "members"); members != nil && o.Members != nil && o.Local != nil {
		for _, ip := range c.Members(members, spec.MemberEnd{Kind: "vxlan", Local: netip.Addr(*o.Local)}) {
			fdb.AddRemote(c, ip, "", c.At(members).Source())
		}
	}
	for _, r := range o.Remotes {
		if r.Is6() != o.is6() {
			c.Reject(r.Source, "the remote %s is of the other address family", r)
			continue
		}
		fdb.AddRemote(c, r.Addr, "", r.Source)
	}
	switch local, group := o.Local, spec.ValueOf(n, "group"); {
	case group != nil && !netip.Addr(*o.Group).IsMulticast():
	case group != nil && !l.hasParent():
		c.Errorf(group, "a group is joined on an interface: parent is missing")
	case !l.hasParent() && local != nil && netip.Addr(*local).Is6() && netip.Addr(*local).IsLinkLocalUnicast():
		c.Errorf(spec.ValueOf(n, "local"), "%s is link-local, so parent is needed", netip.Addr(*local))
	case group != nil:
		c.Later(func() {
			// The kernel creates the entry together with the link. If linkd created it again, the kernel would look for the
			// interface in the link's namespace (vxlan_fdb_parse in drivers/net/vxlan/vxlan_core.c).
			if l.Parent.NS == l.NS {
				fdb.AddRemote(c, netip.Addr(*o.Group), l.Parent.Key, c.At(group).Source())
			}
		})
	}
}

// remote is another host of a VXLAN.
type remote struct {
	netip.Addr
	Source spec.Source
}

// DecodeNode decodes an address, or a mapping.
func (r *remote) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var ip address.IP
	if !c.Decode(n, &ip) {
		return nil
	}
	r.Addr, r.Source = netip.Addr(ip), c.At(n).Source()
	return fdb.CheckHost(r.Addr)
}

func (remote) Syntax() spec.Syntax { return address.IP{}.Syntax() }
