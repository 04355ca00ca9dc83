package observe

import (
	"bytes"
	"errors"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// LinksByID returns the links that refer to a link in ns, in the namespaces that the files do not name and that have an ID in ns.
// The kernel assigns one when a link moves from ns to them, or when a link in ns refers to them, and lists the links for a request
// with it (IFLA_TARGET_NETNSID), whatever holds the namespace.
func (ns *NS) LinksByID() (tied []*Link, err error) {
	ids, err := ns.undeclaredIDs()
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	for _, id := range ids {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
		req.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(id))))
		_, err := ns.RequestSome(req, unix.RTM_NEWLINK, func(msg []byte) bool {
			if l, err := parseLink(bytes.Clone(msg)); err == nil && l.ParentNS >= 0 {
				tied = append(tied, l)
			}
			return false
		})
		// A namespace that has ended has no ID any more.
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) && !errors.Is(err, unix.EINVAL) {
			return nil, err
		}
	}
	if len(tied) == 0 {
		return nil, nil
	}
	// The answers name the namespaces by their IDs in ns.
	own, err := ns.IDOf(ns)
	if err != nil {
		return nil, err
	}
	there := tied[:0]
	for _, l := range tied {
		if l.ParentNS == own {
			there = append(there, l)
		}
	}
	return there, nil
}

// undeclaredIDs returns the IDs in ns of the namespaces that the files do not name.
func (ns *NS) undeclaredIDs() (ids []int, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNSID, unix.NLM_F_DUMP)
	req.AddRawData([]byte{unix.AF_UNSPEC, 0, 0, 0})
	msgs, err := ns.Request(req, unix.RTM_NEWNSID)
	if err != nil || len(msgs) == 0 {
		return nil, err
	}
	translated, host, own := map[int]int(nil), NoID, NoID
	if !ns.IsHost() {
		if translated, err = ns.NamespaceIDs(); err != nil {
			return nil, err
		}
		if host, err = ns.HostID(); err != nil {
			return nil, err
		}
	}
	if own, err = ns.IDOf(ns); err != nil {
		return nil, err
	}
	for _, msg := range msgs {
		attrs, err := Attrs(msg[4:])
		if err != nil {
			return nil, err
		}
		id := int(int32(Number(attrs[unix.NETNSA_NSID])))
		far, known := id, true
		if !ns.IsHost() {
			far, known = translated[id]
		}
		if id < 0 || id == host || id == own || known && ns.world.NameOf(far) != "" {
			continue
		}
		ids = append(ids, id)
	}
	return ids, nil
}
