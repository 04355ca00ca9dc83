package address

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
)

// Find knows without a list of all that an address does not exist, if the kernel has no route to it although it should.
func TestFind(t *testing.T) {
	const list = "only a list tells"
	for name, test := range map[string]struct{ also, want, says string }{
		"gone":                     {"addr add 10.0.0.2/24 dev eth0\n", "10.0.0.1/24", "gone"},
		"gone, the only one":       {"", "10.0.0.1/24", "gone"},
		"there":                    {"addr add 10.0.0.1/24 dev eth0\n", "10.0.0.1/24", list},
		"there with a length":      {"addr add 10.0.0.1/16 dev eth0\n", "10.0.0.1/24", list},
		"there beyond the subnet":  {"addr add 10.0.0.1/24 dev eth0 noprefixroute\n", "10.0.0.1/24", list},
		"elsewhere":                {"addr add 10.0.0.1/24 dev eth1\n", "10.0.0.1/24", list},
		"on a device that is down": {"link set eth0 down\n", "10.0.0.1/24", list},
		"IPv6":                     {"", "fd00::1/64", list},
	} {
		t.Run(name, func(t *testing.T) {
			lab := conform.Open(t)
			lab.IP(t, cable+test.also)
			found, ok, err := (kind{}).Find(lab.NS, []*Address{{NS: conform.LabName, Dev: "eth0", Prefix: subnet(test.want)}})
			if ok != (test.says == "gone") || len(found) > 0 || err != nil {
				t.Errorf("found %+v, %t, %v", found, ok, err)
			}
		})
	}
	lab := conform.Open(t)
	if _, ok, err := (kind{}).Find(lab.NS, []*Address{{NS: conform.LabName, Dev: "eth7", Prefix: subnet("10.0.0.1/24")}}); ok || err == nil {
		t.Errorf("without a device: %t, %v", ok, err)
	}
}

// The kernel's answer to a request to add an address says the same as a list. The kernel does not answer for IPv6.
func TestMakeReturnsWhatIsMade(t *testing.T) {
	for _, entry := range []string{
		"10.0.0.1/24", "{address: 10.0.0.1/24, broadcast: +, label: 'eth0:a', metric: 9, valid_lft: 3600}",
		"{address: 192.0.2.1, peer: 192.0.2.2}", "'fd00::1/64'",
	} {
		t.Run(entry, func(t *testing.T) {
			lab := conform.Open(t)
			lab.IP(t, cable)
			// The kernel sets it shortly after the carrier appears, and Make returns nothing before.
			for flags := uint16(0); flags&unix.IFF_RUNNING == 0; {
				var err error
				flags, err = lab.NS.Flags("eth0")
				conform.Must(t, err)
			}
			want := conform.Read(t, language, onEth0("      - "+entry))[0].(*Address)
			made, err := (kind{}).Make(context.Background(), lab.NS, want)
			conform.Must(t, err)
			if want.Prefix.Addr().Is6() {
				if made != nil {
					t.Errorf("says it has made %+v", made)
				}
				return
			}
			found, err := (kind{}).Observe(context.Background(), lab.NS, reconcile.Query[*Address]{})
			conform.Must(t, err)
			for _, have := range found {
				if have.ID() != want.ID() {
					continue
				}
				if !same(have, made) {
					t.Errorf("made %+v, and in a list it is %+v", made, have)
				}
				return
			}
			t.Errorf("it is not there")
		})
	}
}
