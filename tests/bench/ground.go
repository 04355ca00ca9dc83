package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"linkd/tests/bench/job"
)

// ground is what every contestant finds: the namespaces, and the bridges in the namespace around them.
type ground struct {
	dir    string // scratch files
	host   *netlink.Handle
	wires  []job.Wire
	spaces []space // one for each of wires
}

// space is one named namespace, held open.
type space struct {
	ns     netns.NsHandle
	handle *netlink.Handle
}

func newGround(dir string) (*ground, error) {
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	return &ground{dir: dir, host: host}, err
}

// grow adds named namespaces until there are n, all with nothing but a loopback that is down.
func (g *ground) grow(n int) error {
	g.wires = job.Wires(n)
	missing := g.wires[len(g.spaces):]
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: a thread in another namespace must not be used again
		made <- makeNamespaces(missing)
	}()
	if err := <-made; err != nil {
		return err
	}
	for _, w := range missing {
		ns, err := netns.GetFromName(w.Namespace)
		if err != nil {
			return fmt.Errorf("open namespace %s: %w", w.Namespace, err)
		}
		handle, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("socket in %s: %w", w.Namespace, err)
		}
		g.spaces = append(g.spaces, space{ns, handle})
	}
	return nil
}

func makeNamespaces(wires []job.Wire) error {
	for _, w := range wires {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w", err)
		}
		path := filepath.Join(job.NetNS, w.Namespace)
		if err := os.WriteFile(path, nil, 0o444); err != nil {
			return err
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("name namespace %s: %w", w.Namespace, err)
		}
	}
	return nil
}

// reset deletes all that a contestant made and creates new bridges. Deleting an outer end deletes the inner one, its
// address and its routes with it.
func (g *ground) reset() error {
	const doomed = 77
	links, err := dump(g.host.LinkList)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Attrs().RawFlags&unix.IFF_LOOPBACK == 0 {
			if err := g.host.LinkSetGroup(l, doomed); err != nil {
				return fmt.Errorf("group %s: %w", l.Attrs().Name, err)
			}
		}
	}
	if len(links) > 1 {
		// A whole group goes in one RCU grace period; one by one, each link waits for its own.
		r := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
		r.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		r.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(doomed)))
		if _, err := r.Execute(unix.NETLINK_ROUTE, 0); err != nil {
			return fmt.Errorf("delete all links: %w", err)
		}
	}
	if err := g.checkEmpty(); err != nil {
		return err
	}
	for _, b := range job.Bridges(len(g.wires)) {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: b.Name}}
		if err := g.host.LinkAdd(bridge); err != nil {
			return fmt.Errorf("add %s: %w", b.Name, err)
		}
		address, err := netlink.ParseAddr(b.Gateway.String())
		if err != nil {
			return err
		}
		if err := g.host.AddrAdd(bridge, address); err != nil {
			return fmt.Errorf("address of %s: %w", b.Name, err)
		}
		if err := g.host.LinkSetUp(bridge); err != nil {
			return fmt.Errorf("set %s up: %w", b.Name, err)
		}
	}
	// The kernel goes on with the deleted and the new links for as long as duplicate address detection takes;
	// that must not be charged to whoever comes next.
	time.Sleep(2 * time.Second)
	return nil
}
