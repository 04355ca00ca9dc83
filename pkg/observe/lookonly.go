package observe

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// LookOnly makes the world read-only: nothing in it changes, not even by an ID that a namespace gets, unless somebody
// asks for a change. The kernel assigns IDs to the namespaces into which links of linkd's own namespace lead when any
// process lists these links (rtnl_fill_link_netnsid in net/core/rtnetlink.c). LookOnly does that first, because IDs
// are looked up later.
func (w *World) LookOnly(ctx context.Context) error {
	w.lookOnly = true
	_, err := w.host.Links(ctx)
	return err
}

// OnlyLooks reports whether the world is read-only.
func (w *World) OnlyLooks() bool { return w.lookOnly }

// askOnly returns the ID of an open namespace in linkd's own; if it has none, a number that cannot be an ID.
func (w *World) askOnly(fd int) (int, error) {
	id, err := w.host.idOf(fd)
	if err == nil && id < 0 {
		id = int(w.withoutID.Add(1)) << 32
	}
	return id, err
}

// idOf returns the ID that ns uses for the namespace open as fd, or -1.
func (ns *NS) idOf(fd int) (int, error) {
	return ns.askID(unix.RTM_GETNSID, 0, nl.NewRtAttr(unix.NETNSA_FD, nl.Uint32Attr(uint32(fd))))
}

// IDOf returns the ID that messages from ns use for another open namespace, or -1 if there is none.
func (ns *NS) IDOf(other *NS) (int, error) { return ns.idOf(other.fd) }

// translate does the work of NamespaceIDs for the declared namespaces that have an ID in ns.
func (w *World) translate(ns *NS) (map[int]int, error) {
	w.mu.Lock()
	declared := slices.Sorted(maps.Keys(w.declared))
	w.mu.Unlock()
	for _, name := range declared {
		// One that is missing is nobody's other end.
		_, _ = ns.session.Open(name)
	}
	ns.session.mu.Lock()
	open := append(slices.Collect(maps.Values(ns.session.opened)), w.host)
	ns.session.mu.Unlock()
	ids := map[int]int{}
	for _, other := range open {
		id, err := ns.idOf(other.fd)
		if err != nil {
			return nil, err
		}
		if id < 0 {
			continue
		}
		if ids[id], err = other.ID(); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// PeerNamespaces returns the namespaces into which links of ns lead, as far as they have a name, and the indexes of
// the peers there. A namespace that is not declared gets the name of the first process in it, and is declared under
// that name.
func (w *World) PeerNamespaces(ctx context.Context, ns *NS) (ends map[string][]int, err error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[int][]int{}
	for _, l := range links.All {
		if l.ParentNS >= 0 && l.Parent != 0 {
			wanted[l.ParentNS] = append(wanted[l.ParentNS], l.Parent)
		}
	}
	ends = map[string][]int{}
	// look records the namespace at a path if links lead into it. A path that does not exist, or is no namespace, is
	// ignored.
	look := func(name, path string) (is bool, err error) {
		if len(wanted) == 0 {
			return false, nil
		}
		fd, err := openNamespace(path)
		if err != nil {
			return false, nil
		}
		defer unix.Close(fd)
		id, err := ns.idOf(fd)
		if err != nil || wanted[id] == nil {
			return false, err
		}
		ends[name] = wanted[id]
		delete(wanted, id)
		return true, nil
	}
	if _, err := look(spec.Host, w.host.Path); err != nil {
		return nil, err
	}
	w.mu.Lock()
	declared := maps.Clone(w.declared)
	w.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		path, _, err := w.where(declared[name])
		if err != nil {
			continue
		}
		if _, err := look(name, path); err != nil {
			return nil, err
		}
	}
	if len(wanted) == 0 {
		return ends, nil
	}
	inhabited, err := w.ProcessNamespaces()
	if err != nil {
		return nil, err
	}
	for _, pid := range slices.Sorted(maps.Values(inhabited)) {
		selector := spec.Selector{Scheme: "pid", Value: strconv.Itoa(pid)}
		is, err := look(selector.String(), fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil {
			return nil, err
		}
		if name := selector.String(); is {
			w.mu.Lock()
			w.declared[name] = spec.Namespace{Name: name, Selector: selector}
			w.mu.Unlock()
		}
	}
	return ends, nil
}

// LookAt limits all looks at the namespace to some links, by index.
func (ns *NS) LookAt(indexes []int) error {
	some := map[int]bool{}
	for _, index := range indexes {
		some[index] = true
	}
	links, err := ns.Some(some, nil)
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.links, ns.partial = links, true
	return err
}

// IsPartial reports whether LookAt has limited looks to some links, so that the namespace itself is not looked at.
func (ns *NS) IsPartial() bool {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.partial
}

// Inode identifies a namespace as a file: no two namespaces that exist at the same time have the same Inode.
type Inode struct{ Dev, Ino uint64 }

// Inode returns the Inode of the namespace.
func (ns *NS) Inode() (Inode, error) {
	var st unix.Stat_t
	err := unix.Fstat(ns.fd, &st)
	return Inode{st.Dev, st.Ino}, err
}

// ProcessNamespaces returns the network namespaces of all processes, each with the lowest PID in it. It scans once
// per pass.
func (w *World) ProcessNamespaces() (map[Inode]int, error) {
	ps := w.processes
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.byNamespace == nil {
		inhabited, err := scanNamespaces()
		if err != nil {
			return nil, err
		}
		ps.byNamespace = inhabited
	}
	return ps.byNamespace, nil
}

func scanNamespaces() (map[Inode]int, error) {
	found := map[Inode]int{}
	err := eachProcess(func(text string) {
		pid, err := strconv.Atoi(text)
		var st unix.Stat_t
		if err != nil || unix.Stat("/proc/"+text+"/ns/net", &st) != nil {
			// The process has ended, or linkd may not look at it.
			return
		}
		in := Inode{st.Dev, st.Ino}
		if first, known := found[in]; !known || pid < first {
			found[in] = pid
		}
	})
	return found, err
}
