package path

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// everybody is the link-layer address of the entries for frames whose destination a vxlan does not know.
const everybody = "00:00:00:00:00:00"

const (
	// mostRemotes is how many remotes of a vxlan linkd follows, and deepestTunnel how many tunnels within each other.
	mostRemotes   = 64
	deepestTunnel = 2
	// smallest is the size in bytes of an outer packet, for which linkd does not compare the MTU of the way: the kernel fragments it.
	smallest = 0
)

// overlay is what linkd needs of a vxlan (IFLA_VXLAN_* in linux/if_link.h).
type overlay struct {
	id           uint32
	port         uint16
	group, local netip.Addr
}

func overlayOf(l *observe.Link) (o overlay) {
	const id, group, local, dstport, group6, local6 = 1, 2, 4, 15, 16, 17
	if v := l.Data[id]; len(v) == 4 {
		o.id = binary.NativeEndian.Uint32(v)
	}
	if v := l.Data[dstport]; len(v) == 2 {
		o.port = binary.BigEndian.Uint16(v)
	}
	address := func(kinds ...uint16) (ip netip.Addr) {
		for _, kind := range kinds {
			if found, ok := netip.AddrFromSlice(l.Data[kind]); ok && !found.IsUnspecified() {
				ip = found
			}
		}
		return ip
	}
	o.group, o.local = address(group, group6), address(local, local6)
	return o
}

// underlay returns the namespace in which a vxlan sends and receives its outer packets: the one in which it was made.
func (s *segment) underlay(at station) (*observe.NS, error) {
	switch at.link.ParentNS {
	case -1:
		return at.ns, nil
	case observe.NoID:
		return nil, fmt.Errorf("%s sends its packets in a namespace that linkd cannot see", at)
	}
	return s.w.peers.Open(at.ns, at.link.ParentNS)
}

// toRemotes has a vxlan send a frame to its remotes, and follows the outer packet to each.
func (s *segment) toRemotes(f frame) {
	o := overlayOf(f.link)
	below, err := s.underlay(f.station)
	if err != nil {
		s.outside = append(s.outside, fmt.Sprintf("%s (%v)", f.station, err))
		return
	}
	remotes, err := remotesOf(f.ns, f.link.Index, s.to)
	if err != nil {
		s.wrong = err
		return
	}
	if o.group.IsValid() {
		remotes = append(remotes, o.group)
	}
	if len(remotes) == 0 {
		s.blockTunnel(f.block("declare remotes or group of "+f.link.Name, "%s has no remote: it sends its frames to nobody", f.station))
	}
	slices.SortFunc(remotes, netip.Addr.Compare)
	remotes = slices.Compact(remotes)
	for _, to := range remotes[:min(len(remotes), mostRemotes)] {
		if to.IsMulticast() {
			s.outside = append(s.outside, fmt.Sprintf("%s, which sends to the multicast group %s: linkd does not follow that", f.station, to))
			continue
		}
		s.toRemote(f, o, below, to)
	}
}

// toRemote follows the outer packet to one remote, and the frame from there on.
func (s *segment) toRemote(f frame, o overlay, below *observe.NS, remote netip.Addr) {
	to := netip.AddrPortFrom(remote, o.port)
	if s.w.depth >= deepestTunnel {
		s.outside = append(s.outside, fmt.Sprintf("%s: linkd follows %d tunnels within each other", f.station, deepestTunnel))
		return
	}
	outer := &walk{
		ctx: s.w.ctx, peers: s.w.peers, path: &Path{}, origin: below, packet: Packet{Destination: to, Protocol: unix.IPPROTO_UDP, Size: smallest},
		firewalls: s.w.firewalls, tracks: map[observe.Identity]*track{}, to: to, depth: s.w.depth + 1,
	}
	outer.hops = &outer.path.Hops
	if o.local.IsValid() {
		outer.from = netip.AddrPortFrom(o.local, 0)
	}
	end, err := outer.follow(place{ns: below})
	switch obstacle := outer.path.Obstacle; {
	case err != nil:
		s.outside = append(s.outside, fmt.Sprintf("%s to %s (%v)", f.station, to, err))
	case obstacle != nil:
		s.blockTunnel(f.block(obstacle.Advice, "%s sends to %s, and that packet stops in %s: %s", f.station, to, obstacle.Netns, obstacle.Text))
	case outer.path.Leaves != "":
		s.outside = append(s.outside, fmt.Sprintf("%s to %s: %s", f.station, to, outer.path.Leaves))
	case end != nil:
		s.decapsulate(f, o, end.ns, to)
	}
}

// decapsulate has the vxlan of a namespace that gets an outer packet take the frame.
func (s *segment) decapsulate(f frame, o overlay, below *observe.NS, to netip.AddrPort) {
	all, _, err := s.w.peers.All(mostStackedNamespaces)
	if err != nil {
		s.wrong = err
		return
	}
	other := ""
	for _, ns := range all {
		links, err := ns.Links(s.w.ctx)
		if err != nil {
			continue
		}
		for _, l := range links.All {
			at := station{ns, l}
			if l.Kind != "vxlan" {
				continue
			}
			if home, err := s.underlay(at); err != nil || home.Identity != below.Identity {
				continue
			}
			switch there := overlayOf(l); {
			case there.id == o.id && there.port == o.port && (!there.local.IsValid() || there.local == to.Addr()):
				f.station = at
				s.enter(f)
				return
			default:
				local := "any address"
				if there.local.IsValid() {
					local = there.local.String()
				}
				other = fmt.Sprintf("; %s has id %d, dstport %d, local %s", at, there.id, there.port, local)
			}
		}
	}
	s.blockTunnel(f.block("set the same id and dstport on both vxlans, and local to the address that the other one sends to",
		"%s sends to %s, and no vxlan of %s takes that: none has id %d, dstport %d and that address%s", f.station, to, below.Name, o.id, o.port, other))
}

// blockTunnel notes the first thing that stops the frame on its way through a tunnel.
func (s *segment) blockTunnel(f frame) {
	if s.tunnel == "" {
		s.tunnel, s.tunnelAdvice = f.blocked, f.advice
	}
}

// remotesOf returns the remotes in the forwarding database of a vxlan for a neighbour, and, as long as its link-layer address is not
// known, for the question for that (vxlan_xmit in drivers/net/vxlan/vxlan_core.c).
func remotesOf(ns *observe.NS, index int, of neighbour) (remotes []netip.Addr, err error) {
	head := make([]byte, unix.SizeofNdMsg)
	head[0] = unix.AF_BRIDGE
	nl.NativeEndian().PutUint32(head[4:], uint32(index))
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	req.AddRawData(head)
	_, err = ns.RequestSome(req, unix.RTM_NEWNEIGH, func(msg []byte) bool {
		e, err := observe.ParseEntry(msg)
		if err != nil || e.Index != index || len(remotes) >= mostRemotes {
			return false
		}
		if mac := observe.HardwareAddr(e.Attr(unix.NDA_LLADDR)); mac != everybody && !(of.resolved() && mac == of.mac) {
			return false
		}
		if to, ok := netip.AddrFromSlice(e.Attr(unix.NDA_DST)); ok && !slices.Contains(remotes, to) {
			remotes = append(remotes, to)
		}
		return false
	})
	return remotes, err
}
