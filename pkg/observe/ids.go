package observe

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// NoID stands for an unknown ID. IDs of the kernel begin at 0, and OwnID is linkd's own namespace.
const NoID = -2

// ID returns the namespace's ID in linkd's own namespace (see ip-netns(8), "set"), or OwnID for linkd's own, and
// assigns one if there is none. Messages in linkd's own namespace use this ID. The kernel needs time in proportion to
// the number of namespaces to look up an ID, so call ID only if it is needed.
func (ns *NS) ID() (int, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.id == NoID {
		if id, known := ns.world.knownID(ns); known {
			ns.id = id
			return id, nil
		}
		id, err := ns.world.ensureID(ns.fd)
		if err != nil {
			return NoID, fmt.Errorf("%s: namespace id: %w", ns.Name, err)
		}
		ns.id = id
		ns.world.recordID(ns, id)
	}
	return ns.id, nil
}

// OwnID is the ID of linkd's own namespace.
const OwnID = -1

func (w *World) recordID(ns *NS, id int) {
	var at unix.Stat_t
	_ = unix.Fstat(ns.fd, &at)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, declared := w.declared[ns.Name]; declared {
		w.ids[ns.Name] = assignedID{id, ns.Identity}
		w.byID[id] = ns.Name
		w.inodes[id] = at.Ino
	}
}

// assignedID is the ID of a namespace together with its identity. A namespace keeps its ID until it ends.
type assignedID struct {
	id int
	of Identity
}

// knownID returns the ID of a namespace from the last time that it was open.
func (w *World) knownID(ns *NS) (id int, known bool) {
	if w.lookOnly || ns.Identity.reused() {
		return NoID, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before, known := w.ids[ns.Name]
	return before.id, known && before.of == ns.Identity && w.byID[before.id] == ns.Name
}

// isAt reports whether the namespace with that ID has the inode number that /proc shows.
func (w *World) isAt(id int, inode uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inodes[id] == inode
}

// NameOf returns the name of the namespace with an ID in linkd's own namespace; "" if the files do not name it.
func (w *World) NameOf(id int) string {
	if id == OwnID {
		return spec.Host
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byID[id]
}

// NamespaceIDs translates the namespace IDs in messages from ns into those of linkd's own namespace: the key is the
// ID in ns, the value the ID in linkd's own, or -1 for linkd's own namespace. It leaves out namespaces without an ID
// in linkd's own.
// The kernel reports -1 for those, too (__peernet2id in net/core/net_namespace.c). The root user of ns can make any
// number of them, with links into them, and these must not seem to lead into the host.
// Messages from linkd's own namespace need no translation, so the call is an error for it.
func (ns *NS) NamespaceIDs() (map[int]int, error) {
	if ns.IsHost() {
		return nil, fmt.Errorf("%s: the ids in messages from linkd's own namespace need no translation", ns.Name)
	}
	if ns.world.lookOnly {
		return ns.world.translate(ns)
	}
	id, err := ns.ID()
	if err != nil {
		return nil, err
	}
	host, err := ns.HostID()
	if err != nil {
		return nil, err
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETNSID, unix.NLM_F_DUMP)
	req.AddRawData([]byte{unix.AF_UNSPEC, 0, 0, 0})
	target := nl.NewRtAttr(unix.NETNSA_TARGET_NSID, nl.Uint32Attr(uint32(id)))
	req.AddRawData(target.Serialize())
	msgs, err := ns.world.host.Request(req, unix.RTM_NEWNSID)
	if err != nil {
		return nil, err
	}
	ids := map[int]int{}
	for _, msg := range msgs {
		attrs, err := Attrs(msg[4:])
		if err != nil {
			return nil, err
		}
		there, here := int(int32(Number(attrs[unix.NETNSA_NSID]))), int(int32(Number(attrs[unix.NETNSA_CURRENT_NSID])))
		if here >= 0 || there == host {
			ids[there] = here
		}
	}
	return ids, nil
}

// IdentifyDeclared assigns an ID to each declared namespace that was not opened yet, once after each change of the declared ones, and
// reports whether there were any. NamespaceIDs translates nothing into a namespace without one.
func (w *World) IdentifyDeclared() (some bool) {
	w.mu.Lock()
	var fresh []spec.Namespace
	for name, declared := range w.declared {
		if _, known := w.ids[name]; !known && !w.identified[name] {
			declared.Name = name
			fresh = append(fresh, declared)
			w.identified[name] = true
		}
	}
	w.mu.Unlock()
	for _, declared := range fresh {
		ns, err := w.find(declared)
		if err != nil {
			// It is missing, and gets an ID when it is found.
			continue
		}
		_, err = ns.ID()
		ns.close()
		some = some || err == nil
	}
	return some
}

// HostID returns the ID by which messages from ns name linkd's own namespace; NoID if it has none yet. Unlike
// NamespaceIDs, it costs the kernel only a search of the few IDs that ns knows.
func (ns *NS) HostID() (int, error) {
	id, err := ns.idOf(ns.world.host.fd)
	if id < 0 {
		id = NoID
	}
	return id, err
}

// ensureID assigns an ID in linkd's own namespace to the namespace open as fd, if it has none. Only then do messages
// in linkd's own namespace name it, and do its events reach linkd's socket.
func (w *World) ensureID(fd int) (int, error) {
	if w.lookOnly {
		return w.askOnly(fd)
	}
	byFD := nl.NewRtAttr(unix.NETNSA_FD, nl.Uint32Attr(uint32(fd)))
	id, err := w.host.askID(unix.RTM_GETNSID, 0, byFD)
	if err != nil || id >= 0 {
		return id, err
	}
	// -1 asks the kernel to choose an ID, and the echo contains it.
	choose := nl.NewRtAttr(unix.NETNSA_NSID, nl.Uint32Attr(^uint32(0)))
	id, err = w.host.askID(unix.RTM_NEWNSID, unix.NLM_F_ECHO, byFD, choose)
	if errors.Is(err, unix.EEXIST) {
		// Another process was quicker.
		return w.host.askID(unix.RTM_GETNSID, 0, byFD)
	}
	return id, err
}

// EnsureIDOf returns the ID by which ns knows another namespace, and assigns one if there is none.
func (ns *NS) EnsureIDOf(other *NS) (int, error) {
	id, err := ns.idOf(other.fd)
	if err != nil || id >= 0 {
		return id, err
	}
	byFD := nl.NewRtAttr(unix.NETNSA_FD, nl.Uint32Attr(uint32(other.fd)))
	choose := nl.NewRtAttr(unix.NETNSA_NSID, nl.Uint32Attr(^uint32(0)))
	id, err = ns.askID(unix.RTM_NEWNSID, unix.NLM_F_ECHO, byFD, choose)
	if errors.Is(err, unix.EEXIST) {
		return ns.idOf(other.fd)
	}
	return id, err
}

func (ns *NS) askID(kind, flags int, attrs ...*nl.RtAttr) (int, error) {
	req := nl.NewNetlinkRequest(kind, flags)
	req.AddRawData([]byte{unix.AF_UNSPEC, 0, 0, 0})
	for _, a := range attrs {
		req.AddRawData(a.Serialize())
	}
	msgs, err := ns.Request(req, unix.RTM_NEWNSID)
	if err != nil {
		return 0, err
	}
	if len(msgs) == 0 {
		return 0, unix.ENODATA
	}
	answer, err := Attrs(msgs[0][4:])
	return int(int32(Number(answer[unix.NETNSA_NSID]))), err
}
