package path

import (
	"context"
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// neighbour is an entry of the neighbour table (ip-neighbour(8)).
type neighbour struct {
	state uint16
	mac   string
}

// stateNames are the names of ip-neighbour(8) for NUD_* in linux/neighbour.h.
var stateNames = map[uint16]string{
	unix.NUD_INCOMPLETE: "INCOMPLETE", unix.NUD_REACHABLE: "REACHABLE", unix.NUD_STALE: "STALE", unix.NUD_DELAY: "DELAY",
	unix.NUD_PROBE: "PROBE", unix.NUD_FAILED: "FAILED", unix.NUD_NOARP: "NOARP", unix.NUD_PERMANENT: "PERMANENT", unix.NUD_NONE: "NONE",
}

func (n neighbour) String() string {
	name := stateNames[n.state]
	if n.mac == "" {
		return name
	}
	return n.mac + " " + name
}

// resolved tells whether the kernel has a link-layer address to send to.
func (n neighbour) resolved() bool {
	const valid = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_PERMANENT | unix.NUD_NOARP
	return n.state&valid != 0 && n.mac != ""
}

// neighbourOf asks for the entry of an address on an interface (neigh_get in net/core/neighbour.c). Without one, the state is NONE.
func neighbourOf(ns *observe.NS, index int, ip netip.Addr) (n neighbour, err error) {
	family := uint8(unix.AF_INET6)
	if ip.Is4() {
		family = unix.AF_INET
	}
	msgs, err := getNeighbour(ns, family, index, nl.NewRtAttr(unix.NDA_DST, ip.AsSlice()))
	if err != nil || len(msgs) == 0 {
		return n, err
	}
	e, err := observe.ParseEntry(msgs[0])
	return neighbour{e.State, observe.HardwareAddr(e.Attr(unix.NDA_LLADDR))}, err
}

// portOf asks a bridge for the index of the port behind which it has learned a link-layer address: 0 if it knows none, and its own
// index if the address is its own (rtnl_fdb_get in net/core/rtnetlink.c).
func portOf(ns *observe.NS, bridge int, mac []byte) (index int, err error) {
	msgs, err := getNeighbour(ns, unix.AF_BRIDGE, 0, nl.NewRtAttr(unix.NDA_LLADDR, mac), nl.NewRtAttr(unix.NDA_MASTER, nl.Uint32Attr(uint32(bridge))))
	if err != nil || len(msgs) == 0 {
		return 0, err
	}
	e, err := observe.ParseEntry(msgs[0])
	const permanent = unix.NUD_PERMANENT
	if err == nil && e.State&permanent != 0 {
		return bridge, nil
	}
	return e.Index, err
}

// getNeighbour asks for one entry; none is no error.
func getNeighbour(ns *observe.NS, family uint8, index int, attrs ...*nl.RtAttr) ([][]byte, error) {
	head := make([]byte, unix.SizeofNdMsg)
	head[0] = family
	nl.NativeEndian().PutUint32(head[4:], uint32(index))
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, 0)
	req.AddRawData(head)
	for _, a := range attrs {
		req.AddRawData(a.Serialize())
	}
	msgs, err := ns.Request(req, unix.RTM_NEWNEIGH)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return msgs, err
}

// subnetsOn are the addresses of a namespace, with their subnets, by interface.
func subnetsOn(ctx context.Context, ns *observe.NS) (map[string][]netip.Prefix, error) {
	return address.On(ctx, ns)
}
