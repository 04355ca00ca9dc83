// Command floor does the benchmark's job as fast as the kernel lets one program do it: no reading of what is
// there, no plan, no check afterwards. It is what the other contestants are compared with.
//
// The kernel serialises nearly all of this on one lock (RTNL), so a second thread only adds hand-overs: with
// one thread inside the namespaces and one outside it was slower. What counts is the order. The peer is
// created where it belongs, because moving a device between namespaces waits for an RCU grace period. A port
// joins the bridge last, with both ends up: a port that joins first floods neighbour and listener messages
// over all ports before it; one that joins without carrier starts to forward later, in kernel work queues that
// fight over the same lock, and the program would only seem to be done earlier (1,000 ports: done after 1.3 s,
// all forwarding after 3 to 9 s).
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/tests/bench/job"
)

func init() {
	runtime.LockOSThread() // setns is per thread, and the process ends with it
}

func main() {
	n := flag.Int("n", 1, "how many namespaces to wire")
	flag.Parse()
	if err := run(job.Wires(*n)); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(wires []job.Wire) error {
	host, err := open()
	if err != nil {
		return err
	}
	bridges := map[string]int{}
	for _, b := range job.Bridges(len(wires)) {
		if bridges[b.Name], err = host.index(b.Name); err != nil {
			return err
		}
	}
	namespaces := make([]int, len(wires))
	pairs := make([]*nl.NetlinkRequest, len(wires))
	ports := make([]*nl.NetlinkRequest, len(wires))
	for i, w := range wires {
		path := filepath.Join(job.NetNS, w.Namespace)
		if namespaces[i], err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
		pairs[i] = newPair(w, namespaces[i])
		ports[i] = setMaster(w.Host, bridges[w.Bridge.Name])
	}
	if err := host.send(pairs); err != nil {
		return fmt.Errorf("create pairs: %w", err)
	}
	for i, w := range wires {
		if err := configure(namespaces[i], w); err != nil {
			return fmt.Errorf("configure %s: %w", w.Namespace, err)
		}
	}
	if err := host.send(ports); err != nil {
		return fmt.Errorf("join the bridges: %w", err)
	}
	return nil
}

// configure leaves the thread in the namespace: the next one is entered from there just as well, and the host's
// socket stays bound to the namespace it was opened in.
func configure(namespace int, w job.Wire) error {
	if err := unix.Setns(namespace, unix.CLONE_NEWNET); err != nil {
		return err
	}
	s, err := open()
	if err != nil {
		return err
	}
	defer s.close()
	inside, err := s.index(job.Inside)
	if err != nil {
		return err
	}
	return s.send([]*nl.NetlinkRequest{setUp(inside), newAddress(inside, w.Address), newDefaultRoute(inside, w.Bridge.Gateway.Addr())})
}
