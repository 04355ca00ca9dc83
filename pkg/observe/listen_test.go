package observe_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// patience bounds how long a test waits for what has to happen, to end one that hangs: it takes seconds at most.
const patience = 5 * time.Minute

var topics = []observe.Topic{
	observe.NamespaceTopic, observe.LinkTopic, observe.AddressTopic, observe.RouteTopic, observe.RuleTopic,
	observe.NeighbourTopic, observe.ForwardingTopic, observe.NetconfTopic, observe.TrafficTopic, observe.RulesetTopic,
}

// ears are an inbox into which a world listens, and all that came out of it so far.
type ears struct {
	*testing.T
	inbox    *observe.Inbox
	heard    []observe.Notification
	overruns int
}

func listen(t *testing.T, w *observe.World) *ears {
	t.Helper()
	e := &ears{T: t, inbox: observe.NewInbox()}
	stop, err := w.Listen(e.inbox, topics)
	conform.Must(t, err)
	t.Cleanup(stop)
	return e
}

// until waits until what came out of the inbox is enough.
func (e *ears) until(what string, enough func() bool) {
	e.Helper()
	deadline := time.After(patience)
	for !enough() {
		select {
		case <-e.inbox.Ready:
			news, overruns := e.inbox.Take()
			e.overruns += overruns
			e.heard = append(e.heard, news...)
		case <-deadline:
			e.Fatalf("waited for %s, and heard %v", what, e.heard)
		}
	}
}

// hears waits for news from a namespace, whoever caused it.
func (e *ears) hears(ns string, topic observe.Topic) {
	e.Helper()
	e.until(fmt.Sprintf("news of topic %d from %s", topic, ns), func() bool {
		return slices.ContainsFunc(e.heard, func(n observe.Notification) bool { return n.NS == ns && n.Topic == topic })
	})
	e.heard = nil
}

// Each change in another namespace arrives on the one socket, with the name of the namespace.
func TestNewsArrivesUnderTheNameOfItsNamespace(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	e := listen(t, lab.World)
	for _, step := range []struct {
		topic observe.Topic
		do    string
	}{
		{observe.LinkTopic, "ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up"},
		{observe.AddressTopic, "ip addr add 10.0.0.1/24 dev eth0"},
		{observe.AddressTopic, "ip addr add fd00::1/64 dev eth0 nodad"},
		{observe.RouteTopic, "ip route add 10.9.0.0/16 via 10.0.0.7"},
		{observe.RouteTopic, "ip route add fd09::/64 via fd00::7"},
		{observe.RuleTopic, "ip rule add from 10.0.0.1 table 7"},
		{observe.NeighbourTopic, "ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0"},
		{observe.NetconfTopic, "echo 1 >/proc/sys/net/ipv4/conf/eth0/forwarding"},
		{observe.NetconfTopic, "echo 1 >/proc/sys/net/ipv6/conf/all/proxy_ndp"},
		{observe.LinkTopic, "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"},
		{observe.LinkTopic, "echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"},
		{observe.TrafficTopic, "tc qdisc add dev eth0 root tbf rate 1mbit burst 10kb latency 50ms"},
		{observe.TrafficTopic, "tc qdisc del dev eth0 root"},
		{observe.TrafficTopic, "tc qdisc add dev eth0 clsact"},
		{observe.RulesetTopic, "nft add table inet linkd-test"},
		{observe.LinkTopic, "ip link del eth0"},
	} {
		conform.Must(t, lab.NS.Do(func() error { return sh(step.do) }))
		e.hears(conform.LabName, step.topic)
	}
	conform.Must(t, sh("ip link add eth0 type veth peer name eth1; ip link del eth0"))
	e.hears(spec.Host, observe.LinkTopic)
}

// What is in a table by somebody's will is news; what the kernel learns and forgets is not, and does not even arrive.
func TestOnlyEntriesThatSomebodyMadeAreNews(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	lab.IP(t, `link add br0 type bridge
link add eth0 type veth peer name eth1
link set eth0 master br0 up
link set eth1 up
link set br0 up
link add vx0 type vxlan id 7 dstport 4789
`)
	index := map[string]int{}
	for _, dev := range []string{"br0", "eth0", "eth1", "vx0"} {
		var err error
		index[dev], err = lab.NS.Index(dev)
		conform.Must(t, err)
	}
	// Until then it takes static entries only.
	conform.Must(t, lab.NS.Do(func() error { return sh("until bridge link show dev eth0 | grep -q forwarding; do :; done") }))
	e := listen(t, lab.World)
	const table, forwarding = observe.NeighbourTopic, observe.ForwardingTopic
	for _, step := range []struct {
		do     string
		topic  observe.Topic
		device string // whose news it is, "" where it may be any's
		none   bool
	}{
		{do: "ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth1", topic: table, device: "eth1"},
		{do: "ip neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev eth1 nud reachable", none: true},
		{do: "ip neigh change 10.0.0.8 lladdr 02:00:00:00:00:07 dev eth1 nud stale", none: true},
		{do: "ip neigh del 10.0.0.8 dev eth1", none: true},
		{do: "ip neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev eth1 nud reachable protocol 108", topic: table, device: "eth1"},
		{do: "ip neigh del 10.0.0.8 dev eth1", topic: table, device: "eth1"},
		{do: "ip neigh add fd00::9 lladdr 02:00:00:00:00:09 dev eth1", topic: table, device: "eth1"},
		{do: "ip neigh add fd00::8 lladdr 02:00:00:00:00:08 dev eth1 nud noarp", none: true},
		{do: "ip neigh add fd00::7 lladdr 02:00:00:00:00:07 dev eth1 extern_learn", none: true},
		{do: "bridge fdb add 02:00:00:00:00:01 dev eth0 master static", topic: forwarding},
		{do: "bridge fdb del 02:00:00:00:00:01 dev eth0 master", topic: forwarding},
		{do: "bridge fdb add 02:00:00:00:00:02 dev eth0 master dynamic", none: true},
		{do: "bridge fdb del 02:00:00:00:00:02 dev eth0 master", none: true},
		{do: "bridge fdb add 02:00:00:00:00:03 dev eth0 master local", none: true},
		{do: "bridge fdb add 02:00:00:00:00:04 dev eth0 master static extern_learn", none: true},
		{do: "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.7 self permanent", topic: forwarding, device: "vx0"},
		{do: "bridge fdb del 00:00:00:00:00:00 dev vx0 dst 10.0.0.7 self", topic: forwarding, device: "vx0"},
		{do: "bridge fdb append 02:00:00:00:00:05 dev vx0 dst 10.0.0.7 self dynamic", none: true},
	} {
		conform.Must(t, lab.NS.Do(func() error { return sh(step.do) }))
		// What came before this has been heard with it.
		conform.Must(t, lab.NS.Do(func() error { return sh("ip rule add priority 7 table 7; ip rule del priority 7") }))
		e.until("news of rules", func() bool {
			return slices.ContainsFunc(e.heard, func(n observe.Notification) bool { return n.Topic == observe.RuleTopic })
		})
		var want, got []string
		if !step.none {
			links := []int{index[step.device]}
			if step.device == "" {
				links = nil
			}
			want = append(want, fmt.Sprint(step.topic, links))
		}
		for _, n := range e.heard {
			if n.Topic == table || n.Topic == forwarding {
				got = append(got, fmt.Sprint(n.Topic, n.Links))
			}
		}
		if !slices.Equal(want, got) {
			t.Errorf("%s: heard %q, want %q", step.do, got, want)
		}
		e.heard = nil
	}
}

func sh(script string) error {
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return nil
}

// A change is put down to the process that may have made it: to one by name while it is there, to a port once it is gone,
// and to nobody where linkd made it.
func TestNewsTellsWhoCausedIt(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	lab.IP(t, "link add eth0 type veth peer name eth1\nlink set eth0 up")
	e := listen(t, lab.World)
	hearsOf := func(topic observe.Topic, cause func() observe.Cause) {
		t.Helper()
		e.until("news of who did it", func() bool {
			return slices.ContainsFunc(e.heard, func(n observe.Notification) bool {
				return n.NS == conform.LabName && n.Topic == topic && n.By == cause()
			})
		})
		e.heard = nil
	}
	var batch *exec.Cmd
	var lines io.WriteCloser
	conform.Must(t, lab.NS.Do(func() (err error) {
		batch = exec.Command("ip", "-batch", "-")
		lines, err = batch.StdinPipe()
		return errors.Join(err, batch.Start())
	}))
	say := func(line string) {
		t.Helper()
		_, err := io.WriteString(lines, line+"\n")
		conform.Must(t, err)
	}
	say("addr add 10.0.0.1/24 dev eth0")
	hearsOf(observe.AddressTopic, func() observe.Cause {
		return observe.Cause{Port: uint32(batch.Process.Pid), PID: batch.Process.Pid, Command: "ip"}
	})
	conform.Must(t, lines.Close())
	conform.Must(t, batch.Wait())

	// A process in a container has a PID of its own in there; whoever has that PID out here is somebody else.
	elsewhere := exec.Command("unshare", "--net", "cat")
	other, err := elsewhere.StdinPipe()
	conform.Must(t, err)
	conform.Must(t, elsewhere.Start())
	port := uint32(elsewhere.Process.Pid)
	conform.Must(t, sh(fmt.Sprintf("until [ $(readlink /proc/%d/ns/net) != $(readlink /proc/$$/ns/net) ]; do :; done", port)))
	conform.Must(t, lab.NS.Do(func() error { return addRuleFrom(port) }))
	hearsOf(observe.RuleTopic, func() observe.Cause { return observe.Cause{Port: port} })
	conform.Must(t, other.Close())
	conform.Must(t, elsewhere.Wait())

	// The kernel says itself who changed the rules of nftables. What linkd runs for that is linkd.
	own := exec.Command("nft", "add", "table", "inet", "linkd-own")
	conform.Must(t, lab.NS.Do(own.Start))
	// As long as nobody waits for it, it has a parent.
	defer func() { conform.Must(t, own.Wait()) }()
	e.until("news of what linkd did", func() bool {
		return slices.ContainsFunc(e.heard, func(n observe.Notification) bool { return n.Topic == observe.RulesetTopic })
	})
	conform.Must(t, lab.NS.Do(func() error { return sh("nft add table inet linkd-others; true") }))
	named := func(n observe.Notification) bool { return n.By.Named && n.By.Command == "nft" }
	e.until("the name of nft", func() bool { return slices.ContainsFunc(e.heard, named) })
	for _, n := range e.heard {
		if n.Topic == observe.RulesetTopic && n.By != (observe.Cause{}) && (!named(n) || n.By.PID == own.Process.Pid) {
			t.Errorf("heard of rules %s", n.By)
		}
	}
}

func TestNewsFromWhatIsNotDeclaredIsNone(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	declare(t, lab.World)
	e := listen(t, lab.World)
	conform.Must(t, lab.NS.Do(func() error { return sh("ip link set lo up") }))
	conform.Must(t, sh("ip link set lo up; ip link set lo down"))
	e.until("news of the host", func() bool { return len(e.heard) > 0 })
	for _, n := range e.heard {
		if n.NS != spec.Host {
			t.Errorf("heard %v", n)
		}
	}
}

// When more happens than the socket holds, it is said that something was lost.
func TestAnOverrunIsCounted(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	e := listen(t, lab.World)
	shrink(t)
	e.until("an overrun", func() bool {
		if e.overruns == 0 {
			conform.Must(t, sh("ip link add eth0 type veth peer name eth1; ip link del eth0"))
		}
		return e.overruns > 0
	})
	// And nothing is lost for good.
	lab.IP(t, "link set lo up")
	e.hears(conform.LabName, observe.LinkTopic)
}

// shrink makes the sockets that listen as small as the kernel lets them be.
func shrink(t *testing.T) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	conform.Must(t, err)
	shrunk := 0
	for _, entry := range fds {
		var fd int
		if _, err := fmt.Sscan(entry.Name(), &fd); err != nil {
			t.Fatal(err)
		}
		if groups, err := unix.GetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_LIST_MEMBERSHIPS); err == nil && groups != 0 {
			conform.Must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1))
			shrunk++
		}
	}
	if shrunk == 0 {
		t.Fatal("no socket listens")
	}
}

// Linkd alone keeps no namespace alive: what reached into it goes with its name.
func TestANamespaceEndsWithItsName(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	path := filepath.Join(t.TempDir(), "ns")
	mount(t, path)
	declare(t, lab.World, "lab=name:lab", "x=path:"+path)
	_, err := lab.World.Open("x")
	conform.Must(t, err)
	lab.IP(t, "link add eth0 type veth peer name eth1 netns "+path)
	e := listen(t, lab.World)
	conform.Must(t, unmount(path))
	if _, err := lab.NS.Index("eth0"); err != nil {
		t.Errorf("while the pass lasts: %v", err)
	}
	lab.World.Release()
	lab.NS, err = lab.World.Open(conform.LabName)
	conform.Must(t, err)
	e.until("the end of eth0", func() bool {
		_, err := lab.NS.Index("eth0")
		return errors.Is(err, unix.ENODEV)
	})
	// The end of the namespace is news of its own.
	e.until("the end of x", func() bool {
		return slices.ContainsFunc(e.heard, func(n observe.Notification) bool { return n.NS == "x" && n.Topic == observe.NamespaceTopic })
	})
}

func TestNamesThatComeAndGoAreNews(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	dir := t.TempDir()
	deep := filepath.Join(dir, "not/there/yet")
	declare(t, w, "lab=name:lab", "new=name:new", "near=path:"+filepath.Join(dir, "near"), "far=path:"+filepath.Join(deep, "far"))
	e := &ears{T: t, inbox: observe.NewInbox()}
	rewatch, stop, err := w.WatchPaths(e.inbox)
	conform.Must(t, err)
	t.Cleanup(stop)

	mount(t, observe.NetnsDir+"/new")
	e.hears("new", observe.NamespaceTopic)
	conform.Must(t, unmount(observe.NetnsDir+"/new"))
	e.hears("new", observe.NamespaceTopic)
	mount(t, filepath.Join(dir, "near"))
	e.hears("near", observe.NamespaceTopic)

	declare(t, w, "late=path:"+filepath.Join(dir, "late"))
	rewatch()
	mount(t, filepath.Join(dir, "late"))
	e.hears("late", observe.NamespaceTopic)
	if strings.Contains(fmt.Sprint(e.heard), "lab") {
		t.Errorf("heard of lab: %v", e.heard)
	}
}

// A directory that is not there yet is noticed through the one above it.
func TestADirectoryOfNamespacesThatComesLater(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	dir := filepath.Join(t.TempDir(), "later")
	declare(t, w, "x=path:"+filepath.Join(dir, "x"))
	e := &ears{T: t, inbox: observe.NewInbox()}
	_, stop, err := w.WatchPaths(e.inbox)
	conform.Must(t, err)
	t.Cleanup(stop)
	mount(t, filepath.Join(dir, "x"))
	e.hears("x", observe.NamespaceTopic)
}

// addRuleFrom makes a policy rule by way of a socket with that port.
func addRuleFrom(port uint32) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}); err != nil {
		return err
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWRULE, unix.NLM_F_CREATE)
	// struct fib_rule_hdr is laid out as struct rtmsg is.
	rule := nl.NewRtMsg()
	rule.Family, rule.Table, rule.Type = unix.AF_INET, 7, unix.FR_ACT_TO_TBL
	req.AddData(rule)
	return unix.Sendto(fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// What linkd was told as the answer to its own request is no news, once; and what has gone is named.
func TestEchoesAreNoNews(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	// The kernel makes no routes of its own here that come late, as those of IPv6 at the end of duplicate address detection.
	lab.IP(t, "link add eth0 type bridge\nlink set eth0 addrgenmode none up\naddr add 10.0.0.1/24 dev eth0\n")
	e := listen(t, lab.World)
	route := func(kind, flags int, to byte) *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(kind, flags)
		req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{
			Family: unix.AF_INET, Dst_len: 24, Table: unix.RT_TABLE_MAIN, Protocol: observe.Protocol, Type: unix.RTN_UNICAST,
		}})
		req.AddData(nl.NewRtAttr(unix.RTA_DST, []byte{10, 9, to, 0}))
		req.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, []byte{10, 0, 0, 7}))
		return req
	}
	routes := func() (heard []observe.Notification) {
		t.Helper()
		// What came before this has been heard with it.
		conform.Must(t, lab.NS.Do(func() error { return sh("ip rule add priority 7 table 7; ip rule del priority 7") }))
		e.until("news of rules", func() bool {
			return slices.ContainsFunc(e.heard, func(n observe.Notification) bool { return n.Topic == observe.RuleTopic })
		})
		for _, n := range e.heard {
			if n.Topic == observe.RouteTopic {
				heard = append(heard, n)
			}
		}
		e.heard = nil
		return heard
	}
	const create = unix.NLM_F_CREATE | unix.NLM_F_EXCL
	msg, err := lab.NS.ChangeEchoed(route(unix.RTM_NEWROUTE, create, 1), unix.RTM_NEWROUTE)
	conform.Must(t, err)
	if msg == nil {
		t.Error("the kernel does not say what it has made")
	}
	if heard := routes(); len(heard) > 0 {
		t.Errorf("heard %v of what the answer told", heard)
	}
	conform.Must(t, lab.NS.Change(route(unix.RTM_NEWROUTE, create, 2)))
	if heard := routes(); len(heard) != 1 || heard[0].Removed != nil {
		t.Errorf("heard %v of what no answer told", heard)
	}
	conform.Must(t, lab.NS.Change(route(unix.RTM_DELROUTE, 0, 1)))
	conform.Must(t, lab.NS.Change(route(unix.RTM_DELROUTE, 0, 2)))
	if heard := routes(); len(heard) != 1 || len(heard[0].Removed) != 2 || heard[0].Removed[0].Table != unix.RT_TABLE_MAIN {
		t.Errorf("heard %v of two that have gone", heard)
	}
	if _, err := lab.NS.ChangeEchoed(route(unix.RTM_DELROUTE, 0, 2), unix.RTM_DELROUTE); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a request that fails: %v", err)
	}
}
