package kind_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"linkd/pkg/kind"
	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// show is what linkd show prints.
func show(t rapid.TB, journal *reconcile.Journal, names ...string) string {
	t.Helper()
	world, err := observe.NewWorld()
	conform.Must(t, err)
	defer world.Close()
	conform.Must(t, world.LookOnly(context.Background()))
	doc := spec.NewDocument(kind.Language())
	conform.Must(t, reconcile.SelectNamespaces(world, doc, nil, names))
	conform.Must(t, reconcile.Show(context.Background(), kind.All(), world, journal, doc))
	text, err := doc.YAML()
	conform.Must(t, err)
	return string(text)
}

// Whatever others have made, the file that show prints is valid, and it changes nothing but marks: what a second look
// shows is linkd's own, and is as it was.
func TestWhatIsShownChangesNothing(t *testing.T) {
	conform.Open(t)
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		// Each is a box of its own on the real kernel. With -short, as on an emulated machine, it is a fifth of them.
		conform.Must(t, checks.Value.Set("15"))
	}
	rapid.Check(t, func(t *rapid.T) {
		for _, name := range []string{"one", "two"} {
			sh(t, "ip netns add "+name)
			defer sh(t, "ip netns del "+name)
		}
		made := ""
		for _, line := range drawCommands(t) {
			program, args := "ip", strings.Fields(line)
			if args[0] == "bridge" || args[0] == "tc" {
				program, args = args[0], args[1:]
			}
			if out, err := exec.Command(program, args...).CombinedOutput(); err == nil {
				made += line + "\n"
			} else {
				t.Logf("%s: %s", line, out)
			}
		}
		before := stateOf(t)
		text := show(t, reconcile.ReadJournal(""), "one", "two")
		t.Logf("%s\n%s", made, text)
		desired, errs := spec.Compile(kind.Language(), []spec.File{{Path: "a.yaml", Text: []byte(text)}})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		world, err := observe.NewWorld()
		conform.Must(t, err)
		defer world.Close()
		memory := reconcile.ReadJournal("")
		engine := reconcile.NewEngine(kind.All(), world, memory, slog.New(slog.NewTextHandler(io.Discard, nil)))
		engine.Want(desired, true)
		for _, op := range engine.Plan(context.Background()) {
			if op.Verb != reconcile.Update || len(op.Why) != 1 || op.Why[0].Path != "mark" {
				t.Errorf("it would change more than marks: %s", op)
			}
		}
		engine.LookAtAll()
		engine.Converge(context.Background())
		for _, r := range engine.Status(nil).Resources {
			if r.State != reconcile.OK {
				t.Errorf("%s %s: %s", r.ID, r.State, r.Reason)
			}
		}
		if d := cmp.Diff(before, stateOf(t)); d != "" {
			t.Errorf("it changed (-before +after):\n%s", d)
		}
		again := show(t, memory, "one", "two")
		if d := cmp.Diff(without(text, "adopt: true"), without(again, "adopt: true")); d != "" {
			t.Errorf("it is shown otherwise when it is linkd's (-before +after):\n%s", d)
		}
	})
}

func sh(t rapid.TB, script string) string {
	t.Helper()
	out, err := exec.Command("sh", "-ec", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

func without(text, word string) string {
	text = strings.ReplaceAll(text, ", "+word, "")
	return strings.Join(slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.Contains(line, word) }), "\n")
}

// notCompared are marks, and what the kernel does in its own time: carrier, link-local addresses, what IPv6 keeps of an
// address in the table local, timers.
var notCompared = regexp.MustCompile(`(?m)^ +alias linkd:.*\n| proto \S+|\w+_lft +\d+sec|expires \d+sec|\w+_timer +[0-9.]+| tentative|` +
	`NO-CARRIER,|,LOWER_UP| state \w+| linkdown|^ +inet6 fe80::\w+:.*\n.*\n|^.*(fe80::\w+:|fe80::/64|ff00::/8).*\n|^(local|anycast) [0-9a-f]*:.*\n|^(33:33|01:00:5e):.*\n`)

// stateOf is all that ip says of the namespaces, but for marks and what changes by itself.
// qdiscHandle is a mark.
var qdiscHandle = regexp.MustCompile(`(?m)^(qdisc \w+) [0-9a-f]+:`)

func stateOf(t rapid.TB) (text string) {
	for _, ns := range []string{"one", "two"} {
		for _, what := range []string{"-d address", "-4 route show table all", "-6 route show table all", "rule", "neighbour show nud permanent", "neighbour show proxy"} {
			text += fmt.Sprintf("%s %s:\n%s", ns, what, sh(t, "ip -n "+ns+" "+what))
		}
		text += qdiscHandle.ReplaceAllString(sh(t, "tc -n "+ns+" qdisc"), "$1")
		text += sh(t, "bridge -n "+ns+" -d link; bridge -n "+ns+" fdb; bridge -n "+ns+" vlan")
		text += sh(t, "ip netns exec "+ns+" sh -c 'cd /proc/sys/net; grep -H . ipv4/ip_forward ipv4/conf/*/* ipv6/conf/*/* 2>/dev/null || :'")
	}
	return notCompared.ReplaceAllString(text, "")
}

// drawCommands draws what somebody types for two namespaces. Some lines the kernel will not take.
func drawCommands(t *rapid.T) (lines []string) {
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "word") }
	maybe := func(of ...string) string { return pick(append(of, "", "", "")...) }
	ns := func() string { return pick("one", "two") }
	names := []string{"eth0", "eth1", "br0", "br.1", pick("a-long-name-15b", "1000", "true", "x=y", "it's", "~", "null", "[x]", "#1", "- y", "eth%", "ünter")}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for range rapid.IntRange(0, 6).Draw(t, "links") {
		switch pick("veth", "veth", "bridge", "macvlan", "vxlan", "vlan", "dummy", "tun", "ipvlan", "vrf") {
		case "veth":
			add("link add %s netns %s type veth peer name %s netns %s", pick(names...), ns(), pick(names...), ns())
		case "bridge":
			add("-n %s link add %s %s type bridge %s %s", ns(), pick(names...), maybe("address 02:00:00:00:00:07"),
				maybe("stp_state 1", "priority 4096", "ageing_time 1000", "mcast_snooping 0", "forward_delay 3000"), maybe("group_fwd_mask 8"))
		case "macvlan":
			at := ns()
			add("-n %s link add %s link %s netns %s type macvlan %s", at, pick(names...), pick(names...), ns(), maybe("mode bridge", "mode private", "mode passthru"))
		case "vxlan":
			add("-n %s link add %s type vxlan id %s %s %s", ns(), pick(names...), pick("7", "8"), pick("dstport 4789", "dstport 4790"),
				maybe("remote 10.0.0.99", "nolearning", "ttl 5", "local 10.0.0.1", "local fd00::1", "external", "dev eth0 group 239.1.1.1"))
		case "vlan":
			add("-n %s link add %s link %s type vlan id %s", ns(), pick(names...), pick(names...), pick("7", "8"))
		case "ipvlan":
			add("-n %s link add %s link %s type ipvlan mode %s", ns(), pick(names...), pick(names...), pick("l2", "l3"))
		case "dummy":
			add("-n %s link add %s type dummy", ns(), pick(names...))
		case "vrf":
			add("-n %s link add %s type vrf table 77", ns(), pick(names...))
		case "tun":
			add("-n %s tuntap add %s mode tap", ns(), pick(names...))
		}
	}
	names = append(names, "lo")
	for range rapid.IntRange(0, 16).Draw(t, "settings") {
		dev := pick(names...)
		switch pick("up", "up", "up", "set", "set", "master", "master", "sysctl", "port", "neighbour", "entry", "rule", "qdisc", "qdisc") {
		case "up":
			add("-n %s link set %s up", ns(), dev)
		case "set":
			add("-n %s link set %s %s", ns(), dev, pick("mtu 1400", "mtu 9000", "txqueuelen 5", "address 02:00:00:00:00:01", "alias somebody's", "addrgenmode none"))
		case "master":
			add("-n %s link set %s master %s", ns(), dev, pick(names...))
		case "port":
			add("bridge -n %s link set dev %s %s", ns(), dev, pick("hairpin on", "isolated on", "learning off", "cost 33", "priority 5", "flood off"))
		case "neighbour":
			add("-n %s neighbour add %s dev %s %s", ns(), pick("10.0.0.9", "fd00::9", "proxy 10.0.0.8", "proxy fd00::8"), dev,
				maybe("lladdr 02:00:00:00:00:09", "lladdr 02:00:00:00:00:09", "lladdr 02:00:00:00:00:09 proto 77"))
		case "entry":
			add("bridge -n %s fdb %s dev %s %s", ns(), pick("add 02:00:00:00:00:0a", "append 00:00:00:00:00:00", "add 02:00:00:00:00:0b"), dev,
				pick("master static", "self dst 10.0.0.9", "dst 10.0.0.8", "dst fd00::8", "self dst 10.0.0.9 port 7", "self permanent"))
		case "rule":
			add("-n %s %s rule add %s %s %s %s", ns(), pick("-4", "-6"), pick("pref 5", "pref 6", "not pref 7"), pick("from all", "from 10.0.0.0/8", "to fd00::/64", "iif "+dev),
				pick("table 100", "table 70000", "blackhole", "goto 9", "table 5 suppress_prefixlength 0"), maybe("fwmark 7", "fwmark 0x10/0xf0", "proto bird", "oif lo"))
		case "qdisc":
			add("tc -n %s qdisc add dev %s root %s %s", ns(), dev, maybe("handle 7:"), pick(
				"tbf rate 1mbit burst 10kb latency 50ms", "tbf rate 1234567bit burst 3333 limit 4444", "tbf rate 40gbit burst 5mb latency 3ms",
				"tbf rate 1mbit burst 10kb latency 50ms peakrate 2mbit mtu 1600", "htb", "pfifo limit 7", "netem delay 10ms",
				"netem rate 1mbit loss 0.3% 25% limit 9", "netem delay 10ms 1ms 30%", "netem delay 3us 1us reorder 25% gap 5", "netem", "clsact"))
		case "sysctl":
			add("netns exec %s sysctl -qw net/%s", ns(), pick("ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1", "ipv4/conf/all/rp_filter=2",
				"ipv4/conf/"+dev+"/proxy_arp=1", "ipv4/conf/"+dev+"/forwarding=1", "ipv6/conf/"+dev+"/disable_ipv6=1",
				"ipv4/conf/default/rp_filter=1", "ipv6/conf/"+dev+"/accept_ra=2", "ipv6/conf/default/disable_ipv6=1"))
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "addresses") {
		if rapid.Bool().Draw(t, "IPv6") {
			add("-n %s address add %s dev %s nodad %s %s", ns(), pick("fd00::1/64", "fd00::2/64", "fd01::1/128", "fe80::1/64", "fd02::1/64"), pick(names...),
				maybe("noprefixroute", "peer fd05::1/64"), maybe("metric 77", "valid_lft 1000 preferred_lft 500", "preferred_lft 0"))
		} else {
			dev := pick(names...)
			add("-n %s address add %s dev %s %s %s %s", ns(), pick("10.0.0.1/24", "10.0.0.2/24", "10.1.0.1/16", "10.2.0.1/32", "127.0.0.2/8", "169.254.1.1/16"), dev,
				maybe("brd +", "brd 10.0.0.77", "scope link", "scope host"), maybe("label "+dev+":x", "noprefixroute", "metric 55"), maybe("valid_lft 1000 preferred_lft 500"))
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "routes") {
		proto, metric := maybe("proto static", "proto bird", "proto 77"), maybe("metric 50", "metric 1024")
		switch pick("4", "4", "6", "6", "nowhere", "ways", "odd") {
		case "4":
			add("-n %s route add %s %s %s %s %s %s", ns(), pick("default", "10.9.0.0/16", "10.9.9.9"), pick("via 10.0.0.9", "via 10.1.0.9", "dev "+pick(names...)),
				proto, metric, maybe("table 100", "table 70000"), maybe("mtu 1300", "src 10.0.0.1", "scope host", "window 1000"))
		case "6":
			add("-n %s -6 route add %s %s %s %s %s %s", ns(), pick("default", "fd09::/64", "fd09::9"), pick("via fd00::9", "via fe80::9 dev "+pick(names...), "dev "+pick(names...)),
				proto, metric, maybe("table 100", "table 70000"), maybe("mtu 1300", "src fd00::1", "expires 1000", "pref high"))
		case "nowhere":
			add("-n %s route add %s %s %s %s", ns(), pick("blackhole", "unreachable", "prohibit", "throw"), pick("10.9.0.0/16", "fd09::/64"), proto, metric)
		case "ways":
			add("-n %s route add %s %s %s", ns(), pick("10.8.0.0/16 nexthop via 10.0.0.8 weight 3 nexthop via 10.1.0.8", "fd08::/64 nexthop via fd00::8 nexthop via fd02::8"), proto, metric)
		case "odd":
			add("-n %s route %s %s", ns(), pick("add 10.7.0.0/16 via inet6 fd00::9", "append 10.9.0.0/16 via 10.0.0.7", "add local 10.6.0.6 dev lo", "add 10.5.0.0/16 via 192.0.2.9 dev eth0 onlink", "add broadcast 10.4.0.255 dev eth0", "add 10.3.0.0/16 via 10.0.0.9 tos 8"), proto)
		}
	}
	return lines
}
