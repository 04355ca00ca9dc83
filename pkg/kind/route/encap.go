package route

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Encap is the key encap of a route: what the kernel puts around a packet (ip-route(8), encap). One of its fields is set.
type Encap struct {
	MPLS []uint32   `yaml:"mpls" doc:"labels, the outermost first; needs the kernel's module mpls_iptunnel"`
	IP   *encapIP   `yaml:"ip" doc:"an IPv4 header, through a tunnel device with external: true"`
	IP6  *encapIP   `yaml:"ip6" doc:"an IPv6 header, through a tunnel device with external: true"`
	Seg6 *encapSeg6 `yaml:"seg6" doc:"an IPv6 header with a segment routing header"`
}

const mostLabel = 1<<20 - 1

// encapIP are the fields of the header of a tunnel.
type encapIP struct {
	ID  *uint32     `yaml:"id" also:"vni key" doc:"number of the tunnel, such as the VNI of a VXLAN; 0 if absent"`
	Dst address.IP  `yaml:"dst" also:"remote" required:"true" doc:"the other end of the tunnel"`
	Src *address.IP `yaml:"src" also:"local" doc:"this end of the tunnel; the kernel chooses one if absent"`
	TTL *uint32     `yaml:"ttl" also:"hoplimit" min:"1" max:"255" doc:"time to live, or hop limit, of the header"`
	TOS *uint32     `yaml:"tos" also:"tc" min:"1" max:"255" doc:"type of service, or traffic class, of the header"`
}

type encapSeg6 struct {
	Mode *string      `yaml:"mode" oneof:"encap l2encap" default:"encap" doc:"whether the packet or the whole frame is put into the new packet"`
	Segs []address.IP `yaml:"segs" also:"segments" required:"true" doc:"the segments, the first one first"`
}

// DecodeNode reads the keys, and checks that there is one, of the right address family.
func (e *Encap) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if !c.DecodeMapping(n, e) {
		return nil
	}
	given := 0
	for _, is := range []bool{e.MPLS != nil, e.IP != nil, e.IP6 != nil, e.Seg6 != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("encap is one of mpls, ip, ip6 and seg6")
	case e.IP != nil && !e.IP.is(netip.Addr.Is4), e.IP6 != nil && !e.IP6.is(netip.Addr.Is6):
		return errors.New("the ends of the tunnel are of the other address family")
	case e.Seg6 != nil && len(e.Seg6.Segs) == 0, e.MPLS != nil && len(e.MPLS) == 0:
		return errors.New("the list is empty")
	case e.Seg6 != nil && len(e.Seg6.Segs) > mostSegments, len(e.MPLS) > mostLabels:
		return errors.New("the list is too long")
	}
	for _, label := range e.MPLS {
		if label > mostLabel {
			return fmt.Errorf("%d: a label is 0 to %d", label, mostLabel)
		}
	}
	if e.Seg6 != nil {
		for _, s := range e.Seg6.Segs {
			if !netip.Addr(s).Is6() {
				return fmt.Errorf("%s: a segment is an IPv6 address", s)
			}
		}
	}
	return nil
}

func (e *encapIP) is(family func(netip.Addr) bool) bool {
	return family(netip.Addr(e.Dst)) && (e.Src == nil || family(netip.Addr(*e.Src)))
}

// The encapsulations and their attributes (linux/lwtunnel.h, linux/mpls_iptunnel.h, linux/seg6_iptunnel.h).
const (
	encapMPLS, encapTypeIP, encapTypeIP6, encapTypeSeg6  = 1, 2, 4, 5
	mplsDst                                              = 1
	tunnelID, tunnelDst, tunnelSrc, tunnelTTL, tunnelTOS = 1, 2, 3, 4, 5
	tunnelFlags                                          = 6
	seg6SRH                                              = 1
	seg6Encap, seg6L2Encap                               = 1, 2
	// mostLabels is MAX_NEW_LABELS in net/mpls/internal.h, and mostSegments what struct ipv6_sr_hdr has room for.
	mostLabels, mostSegments = 30, 127
)

// attrs returns RTA_ENCAP_TYPE and RTA_ENCAP.
func (e *Encap) attrs() []*nl.RtAttr {
	if e == nil {
		return nil
	}
	kind, nest := uint16(0), nl.NewRtAttr(unix.RTA_ENCAP|unix.NLA_F_NESTED, nil)
	switch {
	case e.MPLS != nil:
		kind = encapMPLS
		var stack []byte
		for i, label := range e.MPLS {
			entry := label << 12
			if i == len(e.MPLS)-1 {
				entry |= 1 << 8 // the bottom of the stack
			}
			stack = binary.BigEndian.AppendUint32(stack, entry)
		}
		nest.AddRtAttr(mplsDst, stack)
	case e.IP != nil:
		kind = encapTypeIP
		e.IP.add(nest)
	case e.IP6 != nil:
		kind = encapTypeIP6
		e.IP6.add(nest)
	case e.Seg6 != nil:
		kind = encapTypeSeg6
		nest.AddRtAttr(seg6SRH, e.Seg6.header())
	}
	return []*nl.RtAttr{nl.NewRtAttr(unix.RTA_ENCAP_TYPE, nl.Uint16Attr(kind)), nest}
}

func (e *encapIP) add(nest *nl.RtAttr) {
	nest.AddRtAttr(tunnelID, binary.BigEndian.AppendUint64(nil, uint64(valueOf(e.ID))))
	nest.AddRtAttr(tunnelDst, netip.Addr(e.Dst).AsSlice())
	if e.Src != nil {
		nest.AddRtAttr(tunnelSrc, netip.Addr(*e.Src).AsSlice())
	}
	if e.TTL != nil {
		nest.AddRtAttr(tunnelTTL, nl.Uint8Attr(uint8(*e.TTL)))
	}
	if e.TOS != nil {
		nest.AddRtAttr(tunnelTOS, nl.Uint8Attr(uint8(*e.TOS)))
	}
}

// header returns struct seg6_iptunnel_encap: the mode, and a segment routing header with the segments in reverse order (RFC 8754).
func (e *encapSeg6) header() []byte {
	mode := uint32(seg6Encap)
	if valueOf(e.Mode) == "l2encap" {
		mode = seg6L2Encap
	}
	count := len(e.Segs)
	const routingType = 4
	b := append(nl.Uint32Attr(mode), 0, byte(2*count), routingType, byte(count-1), byte(count-1), 0, 0, 0)
	for i := range e.Segs {
		b = append(b, netip.Addr(e.Segs[count-1-i]).AsSlice()...)
	}
	return b
}

// encapIn returns the encapsulation in the attributes of a route; nil if there is none, or one that the files cannot express.
func encapIn(attrs map[uint16][]byte) *Encap {
	if attrs[unix.RTA_ENCAP] == nil {
		return nil
	}
	inner, err := observe.Attrs(attrs[unix.RTA_ENCAP])
	if err != nil {
		return nil
	}
	switch observe.Number(attrs[unix.RTA_ENCAP_TYPE]) {
	case encapMPLS:
		return mplsIn(inner)
	case encapTypeIP:
		if ip := tunnelIn(inner); ip != nil {
			return &Encap{IP: ip}
		}
	case encapTypeIP6:
		if ip := tunnelIn(inner); ip != nil {
			return &Encap{IP6: ip}
		}
	case encapTypeSeg6:
		return seg6In(inner[seg6SRH])
	}
	return nil
}

func mplsIn(attrs map[uint16][]byte) *Encap {
	stack := attrs[mplsDst]
	if len(attrs) != 1 || len(stack) == 0 || len(stack)%4 != 0 {
		return nil
	}
	e := &Encap{}
	for ; len(stack) > 0; stack = stack[4:] {
		e.MPLS = append(e.MPLS, binary.BigEndian.Uint32(stack)>>12)
	}
	return e
}

func tunnelIn(attrs map[uint16][]byte) *encapIP {
	e := &encapIP{}
	for attr, value := range attrs {
		ip, isIP := netip.AddrFromSlice(value)
		number := uint32(observe.Number(value))
		switch {
		case attr == tunnelID && len(value) == 8:
			if id := uint32(binary.BigEndian.Uint64(value)); id != 0 {
				e.ID = &id
			}
		case attr == tunnelDst && isIP:
			e.Dst = address.IP(ip)
		case attr == tunnelSrc && isIP:
			if !ip.IsUnspecified() {
				e.Src = (*address.IP)(&ip)
			}
		case attr == tunnelTTL:
			e.TTL = unlessZero(number)
		case attr == tunnelTOS:
			e.TOS = unlessZero(number)
		case attr == tunnelFlags && tunnelFlagsOf(number) == 0:
		default:
			return nil
		}
	}
	return e
}

// tunnelFlagsOf leaves out the flag with which the kernel marks that there is a number (TUNNEL_KEY in linux/if_tunnel.h), big-endian.
func tunnelFlagsOf(flags uint32) uint32 {
	const key = 0x0400
	return flags &^ key
}

func unlessZero(n uint32) *uint32 {
	if n == 0 {
		return nil
	}
	return &n
}

func seg6In(b []byte) *Encap {
	const head, segment = 12, 16
	if len(b) < head+segment || (len(b)-head)%segment != 0 {
		return nil
	}
	e := &encapSeg6{}
	switch nl.NativeEndian().Uint32(b) {
	case seg6Encap:
	case seg6L2Encap:
		mode := "l2encap"
		e.Mode = &mode
	default:
		return nil
	}
	for at := len(b) - segment; at >= head; at -= segment {
		ip, _ := netip.AddrFromSlice(b[at : at+segment])
		e.Segs = append(e.Segs, address.IP(ip))
	}
	return &Encap{Seg6: e}
}

// String returns the encapsulation in the words of ip-route(8); "" for none.
func (e *Encap) String() string {
	if e == nil {
		return ""
	}
	var words []string
	switch {
	case e.MPLS != nil:
		labels := make([]string, len(e.MPLS))
		for i, label := range e.MPLS {
			labels[i] = fmt.Sprint(label)
		}
		words = []string{"mpls", strings.Join(labels, "/")}
	case e.IP != nil:
		words = append([]string{"ip"}, e.IP.words("ttl", "tos")...)
	case e.IP6 != nil:
		words = append([]string{"ip6"}, e.IP6.words("hoplimit", "tc")...)
	case e.Seg6 != nil:
		segs := make([]string, len(e.Seg6.Segs))
		for i, s := range e.Seg6.Segs {
			segs[i] = netip.Addr(s).String()
		}
		words = []string{"seg6 mode", spec.ValueOr(e.Seg6.Mode, "encap"), "segs", strings.Join(segs, ",")}
	}
	return strings.Join(words, " ")
}

func (e *encapIP) words(ttl, tos string) []string {
	words := []string{"id", fmt.Sprint(valueOf(e.ID)), "dst", netip.Addr(e.Dst).String()}
	if e.Src != nil {
		words = append(words, "src", netip.Addr(*e.Src).String())
	}
	if e.TTL != nil {
		words = append(words, ttl, fmt.Sprint(*e.TTL))
	}
	if e.TOS != nil {
		words = append(words, tos, fmt.Sprint(*e.TOS))
	}
	return words
}
