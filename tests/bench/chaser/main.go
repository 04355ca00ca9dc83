// Command chaser is the floor of wiring containers as they start: it hears of a start, finds the container's process by its
// control group, and wires it with straight netlink on a goroutine of its own. It looks at nothing, remembers nothing,
// and mends nothing.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: chaser LABEL GATEWAY GROUP")
		os.Exit(2)
	}
	label, gateway, group := os.Args[1], net.ParseIP(os.Args[2]), os.Args[3]
	api, err := client.New(client.FromEnv)
	exit(err)
	bridge, err := netlink.LinkByName("docker0")
	exit(err)
	from := api.Events(context.Background(), client.EventsListOptions{Filters: make(client.Filters).Add("event", "start")})
	for {
		select {
		case m := <-from.Messages:
			go func() {
				if err := wire(m.Actor.ID, m.Actor.Attributes["name"], m.Actor.Attributes[label], gateway, group, bridge); err != nil {
					fmt.Fprintln(os.Stderr, "chaser:", m.Actor.Attributes["name"], err)
				}
			}()
		case err := <-from.Err:
			exit(err)
		}
	}
}

func wire(id, name, address string, gateway net.IP, group string, bridge netlink.Link) error {
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/" + group + "/" + id + "/cgroup.procs")
	more, _ := filepath.Glob("/sys/fs/cgroup/" + group + "/" + id + "/cgroup.procs")
	groups = append(groups, more...)
	if len(groups) == 0 {
		return fmt.Errorf("no control group")
	}
	text, err := os.ReadFile(groups[0])
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		return err
	}
	ns, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer ns.Close()
	inside, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer inside.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Flags = "v"+name, net.FlagUp
	cable := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(ns))}
	if err := netlink.LinkAdd(cable); err != nil {
		return err
	}
	if err := netlink.LinkSetMaster(cable, bridge); err != nil {
		return err
	}
	eth0, err := inside.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := inside.LinkSetUp(eth0); err != nil {
		return err
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if err := inside.AddrAdd(eth0, addr); err != nil {
		return err
	}
	return inside.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: gateway})
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaser:", err)
		os.Exit(1)
	}
}

func init() { runtime.LockOSThread() }
