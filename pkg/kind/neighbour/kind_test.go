package neighbour

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

const cable = `link add eth0 type veth peer name eth1
link set eth1 up
link set eth0 up
`

func TestConform(t *testing.T) {
	for name, example := range map[string]conform.Example{
		"beside what others made": {
			Setup: cable + `neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev eth0
neigh add proxy 10.0.0.1 dev eth0
neigh add proxy fd00::1 dev eth0
neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev eth1
neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud noarp protocol 3
`,
			Want: []spec.Resource{
				read(t, "{to: 10.0.0.9, mac: '02:00:00:00:00:09'}"), read(t, "{to: 'fd00::9', mac: '02:00:00:00:00:09'}"),
				read(t, "{to: 10.0.0.9, proxy: true}"), read(t, "{to: 'fd00::9', proxy: true}"),
			},
			Changes: []conform.Change{
				conform.To(read(t, "{to: 10.0.0.9, mac: '02:00:00:00:00:0a'}"), "mac: 02:00:00:00:00:09 -> 02:00:00:00:00:0a"),
				conform.To(read(t, "{to: 'fd00::9', mac: '03:bf:00:00:00:0a'}"), "mac: 02:00:00:00:00:09 -> 03:bf:00:00:00:0a"),
			},
		},
		"on more devices than are asked for one by one": {
			Setup: cable + "link add eth2 type veth peer name eth3\nlink add eth4 type bridge\nneigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev lo\n",
			Want: func() (all []spec.Resource) {
				for i := range fewDevices + 1 {
					plain, proxy := read(t, "{to: 10.0.0.9, mac: '02:00:00:00:00:09'}"), read(t, "{to: 'fd00::9', proxy: true}")
					plain.Dev, proxy.Dev = fmt.Sprint("eth", i), fmt.Sprint("eth", i)
					all = append(all, plain, proxy)
				}
				return all
			}(),
		},
	} {
		t.Run(name, func(t *testing.T) { conform.Conform(t, Kind, example) })
	}
}

// What stood on a device that was taken over is marked in its place.
func TestAdopted(t *testing.T) {
	of := func(n *Neighbour) *Neighbour {
		n.Adopt = true
		return n
	}
	plain, proxy := of(read(t, "{to: 10.0.0.9, mac: '02:00:00:00:00:09'}")), of(read(t, "{to: 'fd00::9', proxy: true}"))
	lab := conform.Open(t)
	lab.IP(t, cable+"neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0\nneigh add proxy fd00::9 dev eth0")
	found, err := kind{}.observeWanted(t.Context(), lab.NS, []*Neighbour{plain, proxy})
	conform.Must(t, err)
	for _, have := range found {
		for _, want := range []*Neighbour{plain, proxy} {
			if want.ID() == have.ID() {
				conform.Must(t, (kind{}).Update(t.Context(), lab.NS, want, have))
			}
		}
	}
	if d := conform.Differences("eth0/10.0.0.9 02:00:00:00:00:09 permanent proto 108\neth0/proxy fd00::9 proto 108", look(t, lab)); d != "" {
		t.Errorf("now (-want +got):\n%s", d)
	}
}

// look is what somebody made on eth0, each with who did.
func look(t *testing.T, lab *conform.Lab) string {
	t.Helper()
	lab.NS.Forget()
	found, err := (kind{}).observeMade(context.Background(), lab.NS)
	conform.Must(t, err)
	var lines []string
	for _, n := range found {
		if n.Dev == "eth0" {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", n.ID().Key, n.MAC, n.State))+fmt.Sprint(" proto ", n.Proto))
		}
	}
	return strings.Join(lines, "\n")
}

func TestCreateWhereSomethingStands(t *testing.T) {
	want := read(t, "{to: 10.0.0.9, mac: '02:00:00:00:00:09'}")
	const made = "eth0/10.0.0.9 02:00:00:00:00:09 permanent proto 108"
	for name, test := range map[string]struct {
		theirs, after string
		refused       bool
	}{
		"what the kernel has learnt makes room": {"neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev eth0 nud reachable", made, false},
		"one's own stays":                       {"neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0 protocol 108", made, false},
		"one's own of before changes":           {"neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev eth0 nud stale protocol 108", made, false},
		"another's stays": {"neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev eth0",
			"eth0/10.0.0.9 02:00:00:00:00:01 permanent proto 0", true},
		"another's stays though it ages": {"neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev eth0 nud stale protocol 3",
			"eth0/10.0.0.9 02:00:00:00:00:01 not permanent proto 3", true},
		"a routing daemon's stays": {"neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev eth0 nud noarp extern_learn",
			"eth0/10.0.0.9 02:00:00:00:00:01 not permanent proto 0", true},
	} {
		t.Run(name, func(t *testing.T) {
			lab := conform.Open(t)
			lab.IP(t, cable+test.theirs)
			if err := (kind{}).Create(t.Context(), lab.NS, want); errors.Is(err, unix.EEXIST) != test.refused || (err != nil) != test.refused {
				t.Errorf("create: %v", err)
			}
			if d := conform.Differences(test.after, look(t, lab)); d != "" {
				t.Errorf("now (-want +got):\n%s", d)
			}
		})
	}
}

// A proxy entry of somebody else's does as well, and stays theirs.
func TestCreateWhereAProxyStands(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, cable+"neigh add proxy 10.0.0.9 dev eth0")
	conform.Must(t, (kind{}).Create(t.Context(), lab.NS, read(t, "{to: 10.0.0.9, proxy: true}")))
	if d := conform.Differences("eth0/proxy 10.0.0.9 proto 0", look(t, lab)); d != "" {
		t.Errorf("now (-want +got):\n%s", d)
	}
}

func TestWithoutDevice(t *testing.T) {
	lab := conform.Open(t)
	for _, n := range []*Neighbour{read(t, "{to: 10.0.0.9, mac: '02:00:00:00:00:09'}"), read(t, "{to: 10.0.0.9, proxy: true}")} {
		if err := Kind.Create(t.Context(), lab.NS, n); !errors.Is(err, unix.ENODEV) {
			t.Errorf("create: %v", err)
		}
		if err := Kind.Delete(t.Context(), lab.NS, n); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
}

// There the kernel would make something else of it, that cannot be deleted.
func TestOnALoopback(t *testing.T) {
	lab := conform.Open(t)
	want := read(t, "{to: 10.0.0.9, mac: '02:00:00:00:00:09'}")
	want.Dev = "lo"
	if err := (kind{}).Create(t.Context(), lab.NS, want); err == nil || err.Error() != "lo cannot have IPv4 neighbours: it is a loopback or point-to-point device" {
		t.Errorf("create: %v", err)
	}
	found, err := kind{}.observeMade(t.Context(), lab.NS)
	if len(found) > 0 || err != nil {
		t.Errorf("there is %v, %v", found, err)
	}
}

// Between the look and the delete the name may have come to be another's.
func TestDeleteSparesWhatCameLater(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, cable)
	want := read(t, "{to: 10.0.0.9, mac: '02:00:00:00:00:09'}")
	conform.Must(t, (kind{}).Create(t.Context(), lab.NS, want))
	found, err := kind{}.observeWanted(t.Context(), lab.NS, []*Neighbour{want})
	conform.Must(t, err)
	lab.IP(t, "link del eth0\n"+cable+"neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev eth0")
	for _, have := range found {
		conform.Must(t, (kind{}).Delete(t.Context(), lab.NS, have))
	}
	if d := conform.Differences("eth0/10.0.0.9 02:00:00:00:00:01 permanent proto 0", look(t, lab)); d != "" {
		t.Errorf("now (-want +got):\n%s", d)
	}
}

// The entries stay when the device loses its carrier. The kernel notices that at a time of its own; by then it has dropped what
// others made that is not permanent.
func TestWithoutCarrier(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, cable+`addr add 10.0.0.1/24 dev eth0
neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev eth0 nud noarp protocol 3
neigh add fd00::8 lladdr 02:00:00:00:00:08 dev eth0 nud noarp protocol 3
`)
	for _, entry := range []string{
		"{to: 10.0.0.9, mac: '02:00:00:00:00:09'}", "{to: 'fd00::9', mac: '02:00:00:00:00:09'}",
		"{to: 10.0.0.9, proxy: true}", "{to: 'fd00::9', proxy: true}",
	} {
		conform.Must(t, (kind{}).Create(t.Context(), lab.NS, read(t, entry)))
	}
	lab.IP(t, "link set eth1 down")
	for strings.Contains(look(t, lab), "::8 ") || strings.Contains(look(t, lab), ".8 ") {
		if t.Context().Err() != nil {
			t.Fatal("the kernel does not notice that the carrier is gone")
		}
	}
	if d := conform.Differences("eth0/10.0.0.9 02:00:00:00:00:09 permanent proto 108\neth0/fd00::9 02:00:00:00:00:09 permanent proto 108\neth0/proxy 10.0.0.9 proto 108\neth0/proxy fd00::9 proto 108", look(t, lab)); d != "" {
		t.Errorf("now (-want +got):\n%s", d)
	}
}
