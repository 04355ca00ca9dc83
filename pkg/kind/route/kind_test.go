package route

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

// cable has no link-local addresses: the kernel would add them, and routes to them, later.
const cable = `link add eth0 type veth peer name eth1
link set eth0 addrgenmode none
link set eth1 addrgenmode none
link set lo up
link set eth1 up
link set eth0 up
addr add 10.0.0.1/24 dev eth0
addr add 10.1.0.1/24 dev eth1
addr add fd00::1/64 dev eth0 nodad
addr add fd01::1/64 dev eth1 nodad
`

func read(t *testing.T, entry string) *Route {
	t.Helper()
	return conform.Read(t, language, inNamespace("    - "+entry))[0].(*Route)
}

func TestConform(t *testing.T) {
	read := func(entry string) spec.Resource { return read(t, entry) }
	for name, example := range map[string]conform.Example{
		"IPv4 beside what others made": {
			Setup: cable + `route add default via 10.0.0.9 metric 50
route add 10.9.0.0/16 via 10.0.0.9 table 100
route add 10.9.0.0/16 via 10.0.0.9 tos 8
route add 10.7.0.0/16 nexthop via 10.0.0.7 nexthop via 10.1.0.7
`,
			Want: []spec.Resource{
				read("{to: default, via: 10.0.0.2}"),
				read("{to: default, via: 10.0.0.2, metric: 100}"),
				read("{to: 10.9.0.0/16, via: 10.0.0.2, dev: eth0, src: 10.0.0.1, mtu: 1400}"),
				read("{to: 10.8.0.0/16, dev: eth1, table: 70000}"),
				read("{to: 10.6.0.0/16, via: 192.0.2.1, dev: eth1, onlink: true}"),
				read("{to: 10.5.0.5, dev: lo, type: local}"),
				read("{to: 10.4.0.0/16, type: unreachable}"),
				read("{to: 10.9.0.0/16, via: 10.0.0.3, dev: eth0, tos: 0x10, advmss: 1000, initcwnd: 20, initrwnd: 30, hoplimit: 7, cwnd: 40, quickack: true}"),
				read("{to: 10.3.0.0/16, nexthops: [{via: 192.0.2.1, dev: eth0, onlink: true}, {via: 10.1.0.7, dev: eth1}]}"),
			},
			Changes: []conform.Change{
				conform.To(read("{to: default, via: 10.1.0.2, dev: eth1}"), "via: 10.0.0.2 -> 10.1.0.2", "dev: eth0 -> eth1"),
				conform.To(read("{to: 10.9.0.0/16, dev: eth0, mtu: 1300, scope: link}"), "via: 10.0.0.2 -> (none)", "scope: global -> link", "mtu: 1400 -> 1300"),
				conform.To(read("{to: 10.4.0.0/16, type: blackhole}"), "type: unreachable -> blackhole"),
				conform.To(read("{to: 10.4.0.0/16, via: 10.0.0.3}"), "type: blackhole -> unicast", "via: (none) -> 10.0.0.3"),
				conform.To(read("{to: 10.9.0.0/16, via: 10.0.0.3, dev: eth0, tos: 0x10, mtu: 1300, advmss: 900, initcwnd: 21, initrwnd: 31, hoplimit: 8, cwnd: 41, quickack: false}"),
					"mtu: 0 -> 1300", "advmss: 1000 -> 900", "initcwnd: 20 -> 21", "initrwnd: 30 -> 31", "hoplimit: 7 -> 8", "cwnd: 40 -> 41", "quickack: 1 -> 0"),
				conform.To(read("{to: 10.3.0.0/16, nexthops: [{via: 192.0.2.1, dev: eth0, onlink: true}, {via: 10.1.0.7, dev: eth1, onlink: true}]}"),
					"nexthops: via 192.0.2.1 dev eth0 weight 1 onlink, via 10.1.0.7 dev eth1 weight 1 -> via 192.0.2.1 dev eth0 weight 1 onlink, via 10.1.0.7 dev eth1 weight 1 onlink"),
			},
		},
		"encapsulated": {
			Setup: cable + `link add vx0 type vxlan external dstport 4789
link set vx0 up
route add 10.9.0.0/16 encap seg6 mode encap segs fd00::9 dev eth0 table 100
route add fd09::/64 encap seg6 mode inline segs fd00::9 dev eth0 metric 50
`,
			Want: []spec.Resource{
				read("{to: 10.9.0.0/16, dev: eth0, encap: {seg6: {segs: ['fd00::2', 'fd00::3']}}}"),
				read("{to: 'fd09::/64', dev: eth0, encap: {seg6: {segs: ['fd00::2']}}}"),
				read("{to: 10.8.0.0/16, dev: vx0, encap: {ip: {id: 7, dst: 192.0.2.1, ttl: 9}}}"),
				read("{to: 'fd08::/64', dev: vx0, encap: {ip6: {id: 70000, dst: 'fd00::2', src: 'fd00::1', tos: 4}}}"),
			},
			Changes: []conform.Change{
				conform.To(read("{to: 10.9.0.0/16, dev: eth0, encap: {seg6: {segs: ['fd00::3']}}}"), "encap: seg6 mode encap segs fd00::2,fd00::3 -> seg6 mode encap segs fd00::3"),
				conform.To(read("{to: 'fd09::/64', dev: eth0}"), "encap: seg6 mode encap segs fd00::2 -> (none)"),
				conform.To(read("{to: 'fd09::/64', dev: eth0, encap: {seg6: {segs: ['fd00::3']}}}"), "encap: (none) -> seg6 mode encap segs fd00::3"),
				conform.To(read("{to: 10.8.0.0/16, dev: vx0, encap: {ip: {id: 8, dst: 192.0.2.1}}}"), "encap: ip id 7 dst 192.0.2.1 ttl 9 -> ip id 8 dst 192.0.2.1"),
				conform.To(read("{to: 'fd08::/64', dev: vx0, encap: {ip6: {dst: 'fd00::3'}}}"), "encap: ip6 id 70000 dst fd00::2 src fd00::1 tc 4 -> ip6 id 0 dst fd00::3"),
			},
		},
		"IPv6 beside what others made": {
			Setup: cable + `route add default via fd00::9 metric 50
route add fd09::/64 via fd00::9 table 100
route add fd07::/64 nexthop via fd00::7 nexthop via fd01::7
`,
			Want: []spec.Resource{
				read("{to: default, via: fd00::2}"),
				read("{to: default, via: fd00::2, metric: 100}"),
				read("{to: fd09::/64, via: fe80::2, dev: eth0, src: fd00::1, mtu: 1400}"),
				read("{to: fd08::/64, dev: eth1, table: 70000}"),
				read("{to: fd06::/64, via: fd77::1, dev: eth1, onlink: true}"),
				read("{to: fd05::5, dev: lo, type: local}"),
				read("{to: fd04::/64, type: unreachable}"),
				read("{to: fd03::/64, pref: high, nexthops: [{via: fd77::1, dev: eth0, onlink: true}, {via: fd01::7, dev: eth1}]}"),
				read("{to: fd02::/64, via: fd00::2, pref: high, hoplimit: 7, advmss: 1000}"),
			},
			Changes: []conform.Change{
				conform.To(read("{to: default, via: fd01::2, dev: eth1}"), "via: fd00::2 -> fd01::2", "dev: eth0 -> eth1"),
				conform.To(read("{to: fd09::/64, dev: eth0, mtu: 1300}"), "via: fe80::2 -> (none)", "mtu: 1400 -> 1300"),
				conform.To(read("{to: fd04::/64, type: blackhole}"), "type: unreachable -> blackhole"),
				conform.To(read("{to: fd04::/64, via: fd00::3}"), "type: blackhole -> unicast", "via: (none) -> fd00::3"),
				conform.To(read("{to: fd02::/64, via: fd00::2, pref: low, hoplimit: 9}"), "pref: high -> low", "hoplimit: 7 -> 9"),
			},
		},
		"IPv4 by several ways": {
			Setup: cable + "route add 10.7.0.0/16 nexthop via 10.0.0.7 nexthop via 10.1.0.7\n",
			Want: []spec.Resource{
				read("{to: default, nexthops: [{via: 10.0.0.2}, {via: 10.1.0.2, dev: eth1, weight: 256}]}"),
				read("{to: 10.9.0.0/16, src: 10.0.0.1, mtu: 1400, nexthops: [{dev: eth0}, {via: 'fe80::1', dev: eth1, weight: 2}]}"),
				read("{to: 10.8.0.0/16, onlink: true, table: 100, metric: 5, nexthops: [{via: 192.0.2.1, dev: eth0}, {via: 192.0.2.1, dev: eth1}]}"),
				read("{to: 10.6.0.0/16, via: 'fe80::1', dev: eth0}"),
				read("{to: 10.5.0.0/16, nexthops: [{via: 10.0.0.2, weight: 9}]}"),
			},
			Changes: []conform.Change{
				conform.To(read("{to: default, nexthops: [{via: 10.1.0.2, weight: 255}, {via: 10.0.0.2}]}"),
					"nexthops: via 10.0.0.2 dev eth0 weight 1, via 10.1.0.2 dev eth1 weight 256 -> via 10.1.0.2 weight 255, via 10.0.0.2 weight 1"),
				conform.To(read("{to: default, via: 10.0.0.2, dev: eth0}"),
					"nexthops: via 10.1.0.2 dev eth1 weight 255, via 10.0.0.2 dev eth0 weight 1 -> via 10.0.0.2 dev eth0"),
				conform.To(read("{to: 10.9.0.0/16, type: prohibit}"), "type: unicast -> prohibit",
					"nexthops: dev eth0 weight 1, via fe80::1 dev eth1 weight 2 -> (none)"),
				conform.To(read("{to: 10.6.0.0/16, via: 10.0.0.3}"), "via: fe80::1 -> 10.0.0.3"),
			},
		},
		"IPv6 by several ways": {
			Setup: cable + "route add fd07::/64 nexthop via fd00::7 nexthop via fd01::7\n",
			Want: []spec.Resource{
				read("{to: 'fd09::/64', nexthops: [{via: 'fd00::2'}, {via: 'fd01::2', dev: eth1, weight: 256}]}"),
				read("{to: default, src: 'fd00::1', mtu: 1400, nexthops: [{via: 'fe80::1', dev: eth0}, {via: 'fe80::1', dev: eth1, weight: 2}]}"),
				read("{to: 'fd08::/64', onlink: true, table: 100, metric: 5, nexthops: [{via: 'fd77::1', dev: eth0}, {via: 'fd77::1', dev: eth1}]}"),
				read("{to: 'fd06::/64', dev: eth0}"),
				read("{to: 'fd05::/64', type: throw}"),
			},
			Changes: []conform.Change{
				conform.To(read("{to: 'fd09::/64', nexthops: [{via: 'fd01::2', weight: 255}, {via: 'fd00::2'}, {via: 'fd00::3'}]}"),
					"nexthops: via fd00::2 dev eth0 weight 1, via fd01::2 dev eth1 weight 256 -> via fd01::2 weight 255, via fd00::2 weight 1, via fd00::3 weight 1"),
				conform.To(read("{to: 'fd09::/64', nexthops: [{via: 'fd01::5', weight: 7}, {via: 'fd00::5', weight: 8}], mtu: 1300}"),
					"nexthops: via fd01::2 dev eth1 weight 255, via fd00::2 dev eth0 weight 1, via fd00::3 dev eth0 weight 1 -> via fd01::5 weight 7, via fd00::5 weight 8",
					"mtu: 0 -> 1300"),
				conform.To(read("{to: 'fd09::/64', dev: eth0}"), "nexthops: via fd01::5 dev eth1 weight 7, via fd00::5 dev eth0 weight 8 -> dev eth0"),
				conform.To(read("{to: default, family: inet6, type: unreachable}"), "type: unicast -> unreachable",
					"nexthops: via fe80::1 dev eth0 weight 1, via fe80::1 dev eth1 weight 2 -> (none)"),
				conform.To(read("{to: default, nexthops: [{via: 'fd00::2'}, {via: 'fd01::2'}]}"), "type: unreachable -> unicast",
					"nexthops: (none) -> via fd00::2 weight 1, via fd01::2 weight 1"),
				conform.To(read("{to: 'fd06::/64', nexthops: [{via: 'fd00::2'}, {via: 'fd01::2'}]}"),
					"nexthops: dev eth0 -> via fd00::2 weight 1, via fd01::2 weight 1"),
			},
		},
		"of every type": {
			Setup: cable,
			Want: []spec.Resource{
				read("{to: 10.5.0.1, dev: eth0, type: local}"), read("{to: 'fd05::1', dev: eth0, type: local}"),
				read("{to: 10.5.0.2, dev: eth0, type: broadcast}"),
				read("{to: 10.5.0.3, dev: eth0, type: anycast}"), read("{to: 'fd05::3', dev: eth0, type: anycast}"),
				read("{to: 239.0.0.0/8, dev: eth0, type: multicast}"), read("{to: 'ff77::/16', dev: eth0, type: multicast}"),
				read("{to: 10.5.1.0/24, type: blackhole}"), read("{to: 'fd05:1::/64', type: blackhole, table: 7}"),
				read("{to: 10.5.2.0/24, type: unreachable}"), read("{to: 'fd05:2::/64', type: unreachable, metric: 7}"),
				read("{to: 10.5.3.0/24, type: prohibit, src: 10.0.0.1}"), read("{to: 'fd05:3::/64', type: prohibit}"),
				read("{to: 10.5.4.0/24, type: throw, mtu: 1400}"), read("{to: 'fd05:4::/64', type: throw}"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) { conform.Conform(t, Kind, example) })
	}
}

// linkd does not remove or replace foreign routes in the place of its own route, and changes and deletes only its own.
func TestForeignSiblings(t *testing.T) {
	for _, test := range []struct{ ours, theirs, changed, wrong string }{
		{"{to: 10.9.0.0/16, via: 10.0.0.2}", "10.9.0.0/16 via 10.0.0.3 dev eth0",
			"{to: 10.9.0.0/16, via: 10.1.0.2, mtu: 1400}", "{to: 10.9.0.0/16, via: 10.7.0.1, dev: eth0}"},
		{"{to: 10.9.0.0/16, nexthops: [{via: 10.0.0.2}, {via: 10.1.0.2}]}", "10.9.0.0/16 via 10.0.0.3 dev eth0",
			"{to: 10.9.0.0/16, nexthops: [{via: 10.0.0.2}, {via: 10.1.0.2, weight: 2}]}", "{to: 10.9.0.0/16, via: 10.7.0.1, dev: eth0}"},
		{"{to: 'fd09::/64', dev: eth0}", "fd09::/64 dev eth1 metric 1024",
			"{to: 'fd09::/64', via: 'fd00::2'}", "{to: 'fd09::/64', via: 'fd77::1', dev: eth0}"},
	} {
		t.Run(test.ours, func(t *testing.T) {
			lab := conform.Open(t)
			ctx, want := context.Background(), read(t, test.ours)
			lab.IP(t, cable)
			conform.Must(t, Kind.Create(ctx, lab.NS, want))
			lab.IP(t, "route append "+test.theirs+"\n")
			is := func(entry string) *Route {
				t.Helper()
				want, have := read(t, entry), find(t, lab, want.ID())
				if have == nil || !Kind.Owned(have) || !have.Shared || len(Kind.Diff(want, have)) > 0 {
					t.Fatalf("beside %s there is %+v", test.theirs, have)
				}
				return have
			}
			if err := Kind.Update(ctx, lab.NS, read(t, test.wrong), is(test.ours)); err == nil {
				t.Errorf("it was changed to %s", test.wrong)
			}
			conform.Must(t, Kind.Update(ctx, lab.NS, read(t, test.changed), is(test.ours)))
			conform.Must(t, Kind.Delete(ctx, lab.NS, is(test.changed)))
			if have := find(t, lab, want.ID()); have == nil || Kind.Owned(have) || have.Shared {
				t.Errorf("in place of %s there is now %+v", test.theirs, have)
			}
			if err := Kind.Create(ctx, lab.NS, want); !errors.Is(err, unix.EEXIST) {
				t.Errorf("create in its place: %v", err)
			}
			lab.IP(t, "route del "+test.theirs+"\n")
		})
	}
}

// If a device is down or has no carrier, the kernel sets flags on the nexthops through it. These are no difference.
func TestADeadWayIsTheSame(t *testing.T) {
	lab := conform.Open(t)
	ctx := context.Background()
	lab.IP(t, cable)
	want4 := read(t, "{to: 10.9.0.0/16, nexthops: [{via: 10.0.0.2}, {via: 10.1.0.2, weight: 2}]}")
	want6 := read(t, "{to: 'fd09::/64', nexthops: [{via: 'fd00::2'}, {via: 'fd01::2', weight: 2}]}")
	conform.Must(t, Kind.Create(ctx, lab.NS, want4))
	conform.Must(t, Kind.Create(ctx, lab.NS, want6))
	lab.IP(t, "link set eth1 down\n")
	for _, want := range []*Route{want4, want6} {
		have := find(t, lab, want.ID())
		if have == nil {
			t.Fatalf("%s is gone", want.ID())
		}
		if fields := Kind.Diff(want, have); len(fields) > 0 {
			t.Errorf("%s: %v", want.ID(), fields)
		}
	}
}

// linkd repairs an IPv6 route that lost a nexthop because its device was replaced.
func TestAWayIsMadeAgain(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, cable)
	want := read(t, "{to: 'fd09::/64', nexthops: [{via: 'fd00::2'}, {via: 'fd01::2'}]}")
	conform.Must(t, Kind.Create(context.Background(), lab.NS, want.withHops(want.Hops[0])))
	conform.Must(t, Kind.Create(context.Background(), lab.NS, want))
	if fields := Kind.Diff(want, find(t, lab, want.ID())); len(fields) > 0 {
		t.Errorf("it is not whole: %v", fields)
	}
}

// A foreign nexthop in linkd's IPv6 route stays when linkd changes its own nexthops, and status shows it.
func TestForeignNextHops(t *testing.T) {
	lab := conform.Open(t)
	ctx, want := context.Background(), read(t, "{to: 'fd09::/64', nexthops: [{via: 'fd00::2'}, {via: 'fd01::2'}]}")
	lab.IP(t, cable)
	conform.Must(t, Kind.Create(ctx, lab.NS, want))
	lab.IP(t, "route append fd09::/64 via fd00::7 proto bird\n")
	shows := func(hops string) {
		t.Helper()
		if have := find(t, lab, want.ID()); have == nil || have.nextHops() != hops {
			t.Errorf("got %+v, want %s", have, hops)
		}
	}
	shows("via fd00::2 dev eth0 weight 1, via fd01::2 dev eth1 weight 1, via fd00::7 dev eth0 weight 1")
	for range 2 {
		err := Kind.Update(ctx, lab.NS, read(t, "{to: 'fd09::/64', nexthops: [{via: 'fd01::2'}, {via: 'fd00::3'}]}"), find(t, lab, want.ID()))
		if err == nil || err.Error() != "one of its nexthops is not linkd's, and is left alone: via fd00::7 dev eth0 weight 1" {
			t.Errorf("update: %v", err)
		}
		shows("via fd01::2 dev eth1 weight 1, via fd00::7 dev eth0 weight 1, via fd00::3 dev eth0 weight 1")
	}
	conform.Must(t, Kind.Delete(ctx, lab.NS, find(t, lab, want.ID())))
	shows("via fd00::7 dev eth0")
}

// linkd reads only its own routes and those in their places, however many foreign ones there are.
func TestRoutesAmongOthers(t *testing.T) {
	lab := conform.Open(t)
	ctx := context.Background()
	lab.IP(t, cable+"route add 10.5.0.0/16 via 10.0.0.9 proto bird\nroute add 10.5.0.0/16 via 10.0.0.9 proto bird table 7\nroute add throw 10.3.0.0/16\n")
	own, blocked, missing := read(t, "{to: 10.9.0.0/16, via: 10.0.0.2}"), read(t, "{to: 10.5.0.0/16, via: 10.0.0.2}"), read(t, "{to: 10.4.0.0/16, via: 10.0.0.2}")
	left := read(t, "{to: default, via: 'fd00::2'}")
	conform.Must(t, Kind.Create(ctx, lab.NS, own))
	conform.Must(t, Kind.Create(ctx, lab.NS, left))
	lab.IP(t, "route append 10.9.0.0/16 via 10.0.0.3 proto bird\n")
	const ours, theirs = "10.9.0.0/16 default inet6", "10.5.0.0/16 10.9.0.0/16 10.9.0.0/16 unicast via 10.0.0.3 dev eth0 proto 12 default inet6"
	for _, test := range []struct {
		wanted []*Route
		found  string
	}{
		{nil, ours},
		{[]*Route{own}, ours},
		{[]*Route{own, blocked}, theirs},
		{[]*Route{own, missing}, theirs[len("10.5.0.0/16 "):]},
		// The kernel finds no route there, although there is one.
		{[]*Route{read(t, "{to: 10.3.0.0/16, type: throw}")}, "10.3.0.0/16 " + ours},
		{[]*Route{read(t, "{to: 10.9.0.0/16, via: 10.0.0.4}")}, theirs[len("10.5.0.0/16 "):]},
	} {
		lab.NS.Forget()
		found, err := kind{}.observeAmong(ctx, lab.NS, test.wanted)
		conform.Must(t, err)
		var keys []string
		for _, r := range found {
			keys = append(keys, r.ID().Key)
		}
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != test.found {
			t.Errorf("among %v: got %q, want %q", test.wanted, got, test.found)
		}
	}
}

func find(t *testing.T, lab *conform.Lab, id spec.ID) *Route {
	t.Helper()
	lab.NS.Forget()
	found, err := (kind{}).observeAll(context.Background(), lab.NS)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		if r.ID() == id {
			return r
		}
	}
	return nil
}

func TestASourceIsWaitedFor(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, cable+"addr add fd00::5/64 dev eth0\n")
	ctx := context.Background()
	err := Kind.Create(ctx, lab.NS, read(t, "{to: 'fd09::/64', via: 'fd00::2', src: 'fd00::5'}"))
	if !errors.Is(err, observe.ErrPending) || err.Error() != "the source address fd00::5 is still tentative" {
		t.Errorf("from a tentative address: %v", err)
	}
	for src, entry := range map[string]string{
		"fd00::6":  "{to: 'fd09::/64', via: 'fd00::2', src: 'fd00::6'}",
		"10.0.0.6": "{to: 10.9.0.0/16, via: 10.0.0.2, src: 10.0.0.6}",
	} {
		err = Kind.Create(ctx, lab.NS, read(t, entry))
		if !errors.Is(err, observe.ErrPending) || err.Error() != "no interface has the source address "+src+" yet" {
			t.Errorf("from an address that is not there: %v", err)
		}
	}
}

func TestErrorsAreTheKernels(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, cable)
	for entry, want := range map[string]string{
		"{to: default, via: 192.0.2.1}":               "network is unreachable: Nexthop has invalid gateway",
		"{to: default, via: 'fd77::1'}":               "no route to host",
		"{to: 10.9.0.0/16, dev: eth0, via: 10.1.0.5}": "network is unreachable: Nexthop has invalid gateway",
		"{to: 10.9.0.0/16, dev: eth7}":                "lab: look up eth7: no such device",
	} {
		r := read(t, entry)
		if err := Kind.Create(context.Background(), lab.NS, r); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", entry, err, want)
		}
		if err := Kind.Delete(context.Background(), lab.NS, r); err != nil {
			t.Errorf("delete of what is not there: %v", err)
		}
	}
}
