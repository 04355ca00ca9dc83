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

// LookOnly makes the world one in which nothing is changed, not even by giving a namespace an id, as long as nobody
// asks for a change. The kernel gives ids by itself to those into which links of linkd's own namespace lead, whenever
// somebody lists these (rtnl_fill_link_netnsid in net/core/rtnetlink.c), and has to have done so before ids are asked for.
func (w *World) LookOnly(ctx context.Context) error {
	w.lookOnly = true
	_, err := w.host.Links(ctx)
	return err
}

// OnlyLooks tells whether nothing is changed in the world.
func (w *World) OnlyLooks() bool { return w.lookOnly }

// askOnly is the id of an open namespace in linkd's own, or, where it has none, a number that no id can be.
func (w *World) askOnly(fd int) (int, error) {
	id, err := w.host.idOf(fd)
	if err == nil && id < 0 {
		id = int(w.strangers.Add(1)) << 32
	}
	return id, err
}

// idOf is the id that ns uses for the namespace open as fd, and -1 where it has none.
func (ns *NS) idOf(fd int) (int, error) {
	return ns.askID(unix.RTM_GETNSID, 0, nl.NewRtAttr(unix.NETNSA_FD, nl.Uint32Attr(uint32(fd))))
}

// translate is NamespaceIDs for those of the open namespaces that ns has ids for.
func (w *World) translate(ns *NS) (map[int]int, error) {
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

// PeerNamespaces are the namespaces into which links of ns lead, as far as they can be named, and where they lead there: by the
// names that are declared, and else by the first process in each, as which it is declared then.
func (w *World) PeerNamespaces(ctx context.Context, ns *NS) (ends map[string][]int, err error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[int][]int{}
	for _, l := range links.All {
		if l.ParentNS >= 0 {
			wanted[l.ParentNS] = append(wanted[l.ParentNS], l.Parent)
		}
	}
	ends = map[string][]int{}
	// look tells whether links lead into the namespace at a path. What is not there, or is no namespace, has none.
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
	inhabited, err := w.Inhabited()
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

// LookAt makes some links, by their indexes, all that is looked at in the namespace.
func (ns *NS) LookAt(indexes []int) error {
	some := map[int]bool{}
	for _, index := range indexes {
		some[index] = true
	}
	links, err := ns.Some(some, nil)
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.links, ns.partly = links, true
	return err
}

// Partly tells whether only some links of the namespace are looked at, and nothing of the namespace itself.
func (ns *NS) Partly() bool {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.partly
}

// Inode is a namespace as a file of the namespace file system: no two that are there at the same time have the same.
type Inode struct{ Dev, Ino uint64 }

// Inode is the namespace's.
func (ns *NS) Inode() (Inode, error) {
	var st unix.Stat_t
	err := unix.Fstat(ns.fd, &st)
	return Inode{st.Dev, st.Ino}, err
}

// Inhabited are the network namespaces that processes are in, and the lowest of their PIDs, as they were when somebody
// first asked in this pass.
func (w *World) Inhabited() (map[Inode]int, error) {
	ps := w.processes
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.inhabited == nil {
		inhabited, err := inhabited()
		if err != nil {
			return nil, err
		}
		ps.inhabited = inhabited
	}
	return ps.inhabited, nil
}

func inhabited() (map[Inode]int, error) {
	found := map[Inode]int{}
	err := eachProcess(func(text string) {
		pid, err := strconv.Atoi(text)
		var st unix.Stat_t
		if err != nil || unix.Stat("/proc/"+text+"/ns/net", &st) != nil {
			// It has ended, or is not linkd's to look at.
			return
		}
		in := Inode{st.Dev, st.Ino}
		if first, known := found[in]; !known || pid < first {
			found[in] = pid
		}
	})
	return found, err
}
