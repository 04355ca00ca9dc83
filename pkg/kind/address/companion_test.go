package address

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// FAULTS 44: a new address of any form lacks no companion, and linkd notices when each of its routes is deleted.
func TestWhatAnAddressLacks(t *testing.T) {
	for _, dev := range []string{"eth0", "lo"} {
		for _, entry := range []string{
			"10.0.0.1/24", "10.0.0.1/31", "10.0.0.1/32", "10.0.0.0/31", "{address: 10.0.0.1/24, noprefixroute: true}",
			"{address: 10.0.0.1/24, broadcast: +}", "{address: 10.0.0.1/24, broadcast: 10.0.0.77}", "{address: 10.0.0.1/24, metric: 9}",
			"{address: 10.0.0.1, peer: 10.9.0.2}", "{address: 10.0.0.1, peer: 10.9.0.2/24}", "{address: 10.0.0.1/24, scope: link}",
			"127.9.0.9/16", "127.0.0.9/32", "0.1.2.3/8",
			"{address: 'fd00::1/64', nodad: true}", "{address: 'fd00::1/128', nodad: true}", "{address: 'fd00::1/64', nodad: true, noprefixroute: true}",
			"{address: 'fd00::1/64', nodad: true, metric: 9}", "{address: 'fd00::1', peer: 'fd00::2', nodad: true}", "{address: 'fe80::7/64', nodad: true}",
		} {
			t.Run(dev+" "+entry, func(t *testing.T) {
				lab := conform.Open(t)
				lab.IP(t, cable+"link set lo up\n")
				want := conform.Read(t, language, onEth0("      - "+entry))[0].(*Address)
				want.Dev = dev
				conform.Must(t, (kind{}).Create(context.Background(), lab.NS, want))
				settled(t, lab, want)
				lacks := func() string {
					t.Helper()
					found, err := (kind{}).Observe(context.Background(), lab.NS, reconcile.Query[*Address]{Wanted: []*Address{want}})
					conform.Must(t, err)
					for _, a := range found {
						if a.Dev == dev && a.Prefix == want.Prefix {
							return a.lacks
						}
					}
					t.Fatal("it is not there")
					return ""
				}
				if is := lacks(); is != "" {
					t.Fatalf("a new address lacks %s", is)
				}
				lab.NS.Forget()
				links, err := lab.NS.Links(context.Background())
				conform.Must(t, err)
				index := links.ByName(dev).Index
				a, _, err := lackedBy(lab.NS, want, index)
				conform.Must(t, err)
				for _, c := range a.companions(a, 0) {
					if want.Prefix.Addr().Is6() && c.kind == unix.RTN_LOCAL {
						// The kernel may not have created it yet.
						continue
					}
					req := c.request()
					req.Type, req.Flags = unix.RTM_DELROUTE, unix.NLM_F_REQUEST
					conform.Must(t, lab.NS.Change(req))
					if is := lacks(); is != c.String() {
						t.Errorf("lacks %q after %s was deleted", is, c)
					}
					conform.Must(t, restore(lab.NS, want, index, false))
					if is := lacks(); is != "" {
						t.Errorf("still lacks %s", is)
					}
				}
				conform.Must(t, (kind{}).Delete(context.Background(), lab.NS, a))
				if left := routesWith(t, lab.NS, want.Prefix.Addr()); left != "" {
					t.Errorf("left behind: %s", left)
				}
			})
		}
	}
}

// settled waits until the kernel has created the route to an address.
func settled(t *testing.T, lab *conform.Lab, want *Address) {
	for there := false; !there; {
		there = strings.Contains(routesWith(t, lab.NS, want.Prefix.Addr()), "local ")
	}
}

// routesWith returns the kernel's routes to an address.
func routesWith(t *testing.T, ns *observe.NS, ip netip.Addr) string {
	var all []string
	c := map[companion]bool{}
	for index := range 10 {
		for _, kind := range []uint8{unix.RTN_LOCAL, unix.RTN_UNICAST, unix.RTN_BROADCAST} {
			for _, table := range []uint32{unix.RT_TABLE_LOCAL, unix.RT_TABLE_MAIN} {
				c[companion{index: index, table: table, kind: kind, to: netip.PrefixFrom(ip, ip.BitLen())}] = true
			}
		}
	}
	there, err := routesAt(ns, familyOf(ip), unix.RTPROT_UNSPEC, c)
	conform.Must(t, err)
	for c := range there {
		all = append(all, c.String())
	}
	return strings.Join(all, ", ")
}
