package route

import (
	"context"
	"testing"

	"linkd/pkg/kind/conform"
)

// Find returns the same as a list of all routes, or reports that only a list can tell. It takes a route that a policy rule hides
// for missing; creating it shows that it exists.
func TestFind(t *testing.T) {
	const own = "{to: 10.9.0.0/16, via: 10.0.0.2}"
	for name, test := range map[string]struct {
		ours, also, want string
		found, ok        bool
	}{
		"as wanted":                  {own, "", own, true, true},
		"IPv6":                       {"{to: 'fd09::/64', via: 'fd00::2'}", "", "{to: 'fd09::/64', via: 'fd00::2'}", true, true},
		"by several ways":            {"{to: 10.9.0.0/16, nexthops: [{via: 10.0.0.2}, {via: 10.1.0.2}]}", "", "{to: 10.9.0.0/16, nexthops: [{via: 10.1.0.2}, {via: 10.0.0.2}]}", true, true},
		"gone":                       {"{to: 10.8.0.0/16, dev: eth0}", "", own, false, true},
		"gone, with a wider one":     {"{to: 10.0.0.0/8, via: 10.0.0.2}", "", own, false, true},
		"in another table":           {"{to: 10.9.0.0/16, via: 10.0.0.2, table: 7}", "", own, false, true},
		"with another metric":        {"{to: 10.9.0.0/16, via: 10.0.0.2, metric: 7}", "", own, false, true},
		"beside one that hides it":   {own, "route add 10.9.0.0/32 via 10.0.0.3\n", own, false, true},
		"otherwise than wanted":      {"{to: 10.9.0.0/16, via: 10.0.0.3}", "", own, false, false},
		"another's":                  {"{to: 10.8.0.0/16, dev: eth0}", "route add 10.9.0.0/16 via 10.0.0.2\n", own, false, false},
		"another's before it":        {own, "route prepend 10.9.0.0/16 via 10.0.0.3\n", own, false, false},
		"a default route":            {"{to: default, via: 10.0.0.2}", "", "{to: default, via: 10.0.0.2}", false, false},
		"one that ends here":         {"{to: 10.9.0.0/16, type: unreachable}", "", "{to: 10.9.0.0/16, type: unreachable}", false, false},
		"where a rule leads to it":   {"{to: 10.9.0.0/16, via: 10.0.0.2, table: 7}", "rule add to 10.9.0.0/16 table 7\n", "{to: 10.9.0.0/16, via: 10.0.0.2, table: 7}", true, true},
		"where one leads nowhere":    {own, "rule add to 10.9.0.0/16 priority 7 prohibit\n", own, false, false},
		"of which another is served": {own, "route add 10.9.0.0/16 via 10.0.0.3 tos 8\n", own, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			lab := conform.Open(t)
			lab.IP(t, cable)
			conform.Must(t, Kind.Create(context.Background(), lab.NS, read(t, test.ours)))
			lab.IP(t, test.also)
			want := read(t, test.want)
			found, ok, err := (kind{}).Find(lab.NS, []*Route{want})
			if ok != test.ok || len(found) > 0 != test.found {
				t.Fatalf("found %+v, %t, %v", found, ok, err)
			}
			if test.found {
				if d := conform.Differences(find(t, lab, want.ID()), found[0]); d != "" {
					t.Errorf("it is another than in a list (-list +found):\n%s", d)
				}
			}
		})
	}
}

// The kernel's answer to a request to create a route says the same as a list.
func TestMakeReturnsWhatIsMade(t *testing.T) {
	for _, entry := range []string{
		"{to: 10.9.0.0/16, via: 10.0.0.2}", "{to: default, via: 10.0.0.2, dev: eth0, metric: 7, mtu: 1400}",
		"{to: 10.9.0.0/16, nexthops: [{via: 10.0.0.2}, {via: 10.1.0.2, weight: 3}]}", "{to: 10.9.0.0/16, type: blackhole, table: 700}",
		"{to: 'fd09::/64', via: 'fd00::2'}", "{to: 'fd08::/64', dev: eth1, src: 'fd01::1'}",
	} {
		t.Run(entry, func(t *testing.T) {
			lab := conform.Open(t)
			lab.IP(t, cable)
			want := read(t, entry)
			made, err := (kind{}).Make(context.Background(), lab.NS, want)
			conform.Must(t, err)
			if d := conform.Differences(find(t, lab, want.ID()), made); d != "" {
				t.Errorf("it is another than in a list (-list +made):\n%s", d)
			}
		})
	}
}
