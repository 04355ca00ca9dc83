package address

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

// cable has no link-local addresses, because the kernel would add them later.
const cable = `link add eth0 type veth peer name eth1
link set eth0 addrgenmode none
link set eth1 addrgenmode none
link set eth1 up
link set eth0 up
`

func TestConform(t *testing.T) {
	read := func(entry string) spec.Resource { return conform.Read(t, language, onEth0("      - "+entry))[0] }
	for name, example := range map[string]conform.Example{
		"IPv4 beside what others made": {
			Setup: cable + "addr add 10.0.0.9/24 dev eth0\naddr add 10.1.0.1/24 dev eth1\naddr add fd00::9/64 dev eth0 nodad\n",
			Want:  []spec.Resource{read("10.0.0.1/24"), read("10.0.0.1/16"), read("{address: 192.0.2.1, peer: 192.0.2.2}")},
			Changes: []conform.Change{
				conform.To(read("{address: 10.0.0.1/24, metric: 9, valid_lft: 3600}"), "metric: 0 -> 9", "valid_lft: forever -> 3600"),
				conform.To(read("{address: 10.0.0.1/24, metric: 0, valid_lft: forever}"), "metric: 9 -> 0", "valid_lft: 3600 -> forever"),
				conform.To(read("{address: 10.0.0.1/24, preferred_lft: 0}"), "preferred_lft: forever -> 0"),
				conform.To(read("{address: 10.0.0.1/24, preferred_lft: forever}"), "preferred_lft: 0 -> forever"),
				conform.To(read("{address: 10.0.0.1/24, label: 'eth0:a', broadcast: +}"), "label: eth0 -> eth0:a (replace)", "broadcast: (none) -> 10.0.0.255 (replace)"),
				conform.To(read("{address: 10.0.0.1/16, noprefixroute: true, scope: link}"), "scope: global -> link (replace)", "noprefixroute: false -> true (replace)"),
				conform.To(read("{address: 192.0.2.1, peer: 192.0.2.3}"), "peer: 192.0.2.2 -> 192.0.2.3 (replace)"),
			},
		},
		"IPv6": {
			Setup: cable + "addr add fd00::9/64 dev eth0 nodad\naddr add fd00::1/64 dev eth1 nodad\n",
			Want:  []spec.Resource{read("{address: 'fd00::1/64', nodad: true}"), read("'fe80::1/64'"), read("{address: 'fd01::1', peer: 'fd01::2'}")},
			Changes: []conform.Change{
				conform.To(read("{address: 'fd00::1/64', metric: 9, noprefixroute: true}"), "noprefixroute: false -> true", "metric: 0 -> 9"),
				conform.To(read("{address: 'fd00::1/64', nodad: false, preferred_lft: 0}"), "nodad: true -> false", "preferred_lft: forever -> 0"),
				conform.To(read("{address: 'fd00::1/64', metric: 0}"), "metric: 9 -> 0 (replace)"),
				conform.To(read("{address: 'fd01::1', peer: 'fd01::3'}"), "peer: fd01::2 -> fd01::3 (replace)"),
			},
		},
		"loopback": {
			Setup: "link add eth0 type bridge\nlink set lo up\n",
			Want:  []spec.Resource{read("127.0.0.9/32")},
			Changes: []conform.Change{
				conform.To(read("{address: 127.0.0.9/32, scope: host}")),
			},
		},
	} {
		t.Run(name, func(t *testing.T) { conform.Conform(t, Kind, example) })
	}
}

// When the first address of a subnet is deleted, the kernel deletes the others with it, unless the device promotes them.
func TestDeleteSparesSecondaries(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, cable)
	ctx, ours := context.Background(), &Address{NS: conform.LabName, Dev: "eth0", Prefix: subnet("10.0.0.1/24"), Proto: Mark}
	if err := (kind{}).Create(ctx, lab.NS, ours); err != nil {
		t.Fatal(err)
	}
	lab.IP(t, "addr add 10.0.0.2/24 dev eth0\nroute add 10.9.0.0/16 via 10.0.0.7\n")
	if err := (kind{}).Delete(ctx, lab.NS, ours); err != nil {
		t.Fatal(err)
	}
	if d := conform.Differences(map[string]uint8{"10.0.0.2/24": 0}, marks(t, lab)); d != "" {
		t.Errorf("addresses and their marks (-want +got):\n%s", d)
	}
	lab.IP(t, "route del 10.9.0.0/16 via 10.0.0.7\n")
}

// A device can have an IPv6 address only once, so another length in the files conflicts with linkd's own address.
func TestLengthOfIPv6Changes(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, cable+"addr add fd00::9/64 dev eth0\n")
	ctx := context.Background()
	of := func(prefix string) *Address {
		return &Address{NS: conform.LabName, Dev: "eth0", Prefix: subnet(prefix)}
	}
	for _, prefix := range []string{"fd00::1/64", "fd00::1/48"} {
		if err := (kind{}).Create(ctx, lab.NS, of(prefix)); err != nil {
			t.Fatal(err)
		}
	}
	if err := (kind{}).Delete(ctx, lab.NS, of("fd00::1/64")); err != nil {
		t.Fatal(err)
	}
	if err := (kind{}).Create(ctx, lab.NS, of("fd00::9/48")); !errors.Is(err, unix.EEXIST) {
		t.Errorf("another's address was taken: %v", err)
	}
	if d := conform.Differences(map[string]uint8{"fd00::1/48": Mark, "fd00::9/64": 0}, marks(t, lab)); d != "" {
		t.Errorf("addresses and their marks (-want +got):\n%s", d)
	}
}

// marks returns the addresses of eth0 and their protocols.
func marks(t *testing.T, lab *conform.Lab) map[string]uint8 {
	t.Helper()
	lab.NS.Forget()
	found, err := (kind{}).Observe(context.Background(), lab.NS, reconcile.Query[*Address]{})
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]uint8{}
	for _, a := range found {
		if a.Dev == "eth0" {
			made[a.Prefix.String()] = a.Proto
		}
	}
	return made
}

func TestCreateWithoutDevice(t *testing.T) {
	lab := conform.Open(t)
	a := &Address{NS: conform.LabName, Dev: "eth7", Prefix: subnet("10.0.0.1/24")}
	if err := Kind.Create(context.Background(), lab.NS, a); !errors.Is(err, unix.ENODEV) {
		t.Errorf("create: %v", err)
	}
	if err := Kind.Delete(context.Background(), lab.NS, a); err != nil {
		t.Errorf("delete: %v", err)
	}
}
