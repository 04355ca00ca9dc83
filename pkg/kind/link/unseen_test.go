package link

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
)

// FAULTS 48: somebody's interface stands on linkd's, in a namespace that neither a mount nor a process shows: only a message on its way
// to another process holds it.
func TestAnInterfaceInANamespaceWithoutAName(t *testing.T) {
	lab, want := pair(t)
	have := find(t, lab, want)
	unseen := func(ends []*Link) []string {
		t.Helper()
		found, err := (kind{}).Unseen(lab.NS, ends, nil, time.Now())
		conform.Must(t, err)
		return found
	}
	if found := unseen([]*Link{have}); found != nil {
		t.Fatalf("a pair with nothing on it would take along %q", found)
	}
	held := make(chan *os.File)
	go func() {
		// The thread stays in the new namespace, so it ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			t.Error(err)
		}
		held <- f
	}()
	namespace := <-held
	lab.IP(t, "link add link eth0 name theirs type macvlan mode bridge")
	l, err := lab.NS.LinkByName("theirs")
	conform.Must(t, err)
	conform.Must(t, set(lab.NS, l.Index, nil, nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(namespace.Fd())))))
	way, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	conform.Must(t, err)
	conform.Must(t, unix.Sendmsg(way[0], []byte{0}, unix.UnixRights(int(namespace.Fd())), nil, 0))
	conform.Must(t, namespace.Close())
	wanted := []string{"theirs in a namespace that has no name"}
	// The thread that has made the namespace ends soon.
	for found := unseen([]*Link{have}); !slices.Equal(found, wanted); found = unseen([]*Link{have}) {
		if len(found) == 0 {
			t.Fatal("nothing was found")
		}
	}
	conform.Must(t, unix.Close(way[0]))
	conform.Must(t, unix.Close(way[1]))
	// The kernel ends the namespace some time after the last file of it is closed.
	for left := unseen([]*Link{have}); len(left) > 0; left = unseen([]*Link{have}) {
		if fmt.Sprint(left) != fmt.Sprint(wanted) {
			t.Fatalf("left: %q", left)
		}
	}
}
