package observe

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// NoID stands for an id that is not known. The kernel's begin at 0, and OwnID is linkd's own namespace.
const NoID = -2

// ID is the namespace's id in linkd's own (see ip-netns(8), "set"), and -1 for linkd's own: in messages from there it
// stands for this namespace. It is given one if it has none. To look an id up costs the kernel by the number of
// namespaces, so it is not asked for before something needs it.
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
		ns.world.learnID(ns, id)
	}
	return ns.id, nil
}

// OwnID is the id of linkd's own namespace.
const OwnID = -1

func (w *World) learnID(ns *NS, id int) {
	var at unix.Stat_t
	_ = unix.Fstat(ns.fd, &at)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, declared := w.declared[ns.Name]; declared {
		w.ids[ns.Name] = numbered{id, ns.Identity}
		w.byID[id] = ns.Name
		w.inodes[id] = at.Ino
	}
}

// numbered is the id of a namespace, and which one that is. A namespace keeps its id until it ends.
type numbered struct {
	id int
	of Identity
}

// knownID is the id that a namespace was found to have when it was open before.
func (w *World) knownID(ns *NS) (id int, known bool) {
	if w.lookOnly || ns.Identity.reused() {
		return NoID, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before, known := w.ids[ns.Name]
	return before.id, known && before.of == ns.Identity && w.byID[before.id] == ns.Name
}

// isAt tells whether the namespace with that id is the one with the inode number that /proc shows.
func (w *World) isAt(id int, inode uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inodes[id] == inode
}

// NameOf is the name of the namespace that linkd's own namespace knows under an id; "" where the files do not name it.
func (w *World) NameOf(id int) string {
	if id == OwnID {
		return spec.Host
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byID[id]
}

// NamespaceIDs translates the namespace ids that messages from ns use into linkd's own: the key is the id in ns, the
// value the id that linkd's own namespace uses for the same, or -1 for linkd's own. Namespaces that have no id in linkd's
// own are left out.
//
// The kernel says -1 of those, too (__peernet2id in net/core/net_namespace.c). Whoever is root in ns can make any number
// of them, with links into them, and these must not seem to lead into the host.
//
// The ids in messages from linkd's own namespace are those themselves: to ask for them is an error.
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

// HostID is the id by which messages from ns name linkd's own namespace; NoID where they have not had to yet. Unlike
// NamespaceIDs, it costs the kernel by the few ids that ns knows.
func (ns *NS) HostID() (int, error) {
	id, err := ns.idOf(ns.world.host.fd)
	if id < 0 {
		id = NoID
	}
	return id, err
}

// ensureID gives the namespace open as fd an id in linkd's own, if it has none: only then do the host's messages name
// it, and its events reach the host's socket.
func (w *World) ensureID(fd int) (int, error) {
	if w.lookOnly {
		return w.askOnly(fd)
	}
	byFD := nl.NewRtAttr(unix.NETNSA_FD, nl.Uint32Attr(uint32(fd)))
	id, err := w.host.askID(unix.RTM_GETNSID, 0, byFD)
	if err != nil || id >= 0 {
		return id, err
	}
	// -1 asks the kernel to choose, and the echo tells what it chose.
	choose := nl.NewRtAttr(unix.NETNSA_NSID, nl.Uint32Attr(^uint32(0)))
	id, err = w.host.askID(unix.RTM_NEWNSID, unix.NLM_F_ECHO, byFD, choose)
	if errors.Is(err, unix.EEXIST) {
		// Somebody else was quicker.
		return w.host.askID(unix.RTM_GETNSID, 0, byFD)
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
