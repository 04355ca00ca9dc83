package observe_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
)

// FAULTS 4: a dump that is interrupted, because links come, go and are renamed while it goes on, is tried again: what
// is handed out always has every link that was there all the time.
func TestInterruptedDump(t *testing.T) {
	lab := conform.Open(t)
	const stable = 150
	var script strings.Builder
	for i := range stable {
		fmt.Fprintf(&script, "link add keep%d type veth peer name keep%d.\n", i, i)
	}
	lab.IP(t, script.String())

	ctx, cancel := context.WithCancel(t.Context())
	var churn sync.WaitGroup
	churn.Go(func() { churnLinks(ctx) })
	defer churn.Wait()
	defer cancel()

	interrupted := 0
	for deadline := time.Now().Add(patience); interrupted < 3; {
		if time.Now().After(deadline) {
			t.Fatalf("the kernel interrupted %d dumps", interrupted)
		}
		if err := dumpOnce(lab); errors.Is(err, netlink.ErrDumpInterrupted) {
			interrupted++
		}
		lab.NS.Forget()
		links, err := lab.NS.Links(t.Context())
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			// Given up, and said so: nobody takes that for a picture.
			continue
		}
		conform.Must(t, err)
		for i := range stable {
			if name := fmt.Sprintf("keep%d", i); links.ByName(name) == nil || links.ByName(name+".") == nil {
				t.Fatalf("%s is missing", name)
			}
		}
	}
}

// churnLinks makes, renames and deletes links in the lab until it is told to stop.
func churnLinks(ctx context.Context) {
	for ctx.Err() == nil {
		ip := exec.CommandContext(ctx, "ip", "-n", conform.LabName, "-batch", "-")
		ip.Stdin = strings.NewReader("link add churn type bridge\nlink set churn name other\nlink del other\n")
		_ = ip.Run()
	}
}

// dumpOnce lists the links without linkd's care.
func dumpOnce(lab *conform.Lab) (err error) {
	var socket *nl.NetlinkSocket
	if err := lab.NS.Do(func() (err error) {
		socket, err = nl.Subscribe(unix.NETLINK_ROUTE)
		return err
	}); err != nil {
		return err
	}
	defer socket.Close()
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}
	_, err = req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	return err
}
