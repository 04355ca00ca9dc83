package link

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// carry moves an interface out of the lab, as a foreign program might.
func (j *journey) carry(to *observe.NS, name, newName string) {
	j.t.Helper()
	l, err := j.lab.NS.LinkByName(name)
	conform.Must(j.t, err)
	conform.Must(j.t, set(j.lab.NS, l.Index, nil, into(to), named(newName)))
}

// Root in a namespace can give an interface every attribute of another one, except the device number.
func TestADeviceIsItselfWhereverItIs(t *testing.T) {
	j := setOut(t, "link del eth0\nlink add eth0 index 77 type veth peer name eth9\n")
	device := func(ns *observe.NS, name string) string {
		t.Helper()
		device, err := deviceNamed(ns, name)
		conform.Must(t, err)
		return device
	}
	host := j.lab.World.Host()
	before := device(j.lab.NS, "eth0")
	j.carry(host, "eth0", "wan0")
	if now := device(host, "wan0"); now != before {
		t.Errorf("device %s is %s after a move", before, now)
	}
	if name, err := nameOfDevice(host, before); name != "wan0" || err != nil {
		t.Errorf("device %s is called %q: %v", before, name, err)
	}
	// The interface arrived and has another name now, and another interface has the old name. That one stays.
	conform.IP(t, "link set wan0 name wan1")
	conform.IP(t, "link add wan0 type bridge")
	if other, err := verifyMoved(j.lab.NS, "eth0", before, host, "wan0"); other || err == nil {
		t.Errorf("another came: %v, %v", other, err)
	}
	conform.IP(t, "link del wan0")
	conform.IP(t, "link set wan1 name wan0")
	conform.IP(t, "link del wan0")
	conform.IP(t, "-n lab link add eth0 index 77 type veth peer name eth9")
	if now := device(j.lab.NS, "eth0"); now == before {
		t.Errorf("another has device %s", now)
	}
	if _, err := deviceNamed(j.lab.NS, "eth7"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("of one that is not there: %v", err)
	}
}

// Between the observation and the move, another interface can take the place of the observed one, with its name and index.
func TestAnImpostorIsSentBack(t *testing.T) {
	j := setOut(t, "link del eth0\nlink add eth0 index 77 type veth peer name eth9\n")
	have := j.find(j.lab.NS, "eth0")
	var err error
	j.before, _, err = kind{}.Record(t.Context(), j.lab.NS, j.want, have)
	conform.Must(t, err)
	j.lab.IP(t, "link del eth0\nlink add eth0 index 77 address 02:00:00:00:00:66 type veth peer name eth9\n")
	host := j.lab.World.Host()
	if err := (kind{}).Update(t.Context(), host, j.want, have); !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), "another interface was put in the place of eth0") {
		t.Errorf("fetch: %v", err)
	}
	if j.find(host, "wan0") != nil {
		t.Error("it is in the host")
	}
	if back := j.find(j.lab.NS, "eth0"); back == nil || back.found.link.MAC != "02:00:00:00:00:66" {
		t.Error("it is not where it was")
	}

	// It moves back even if another interface has its old name by then.
	j.carry(host, "eth0", "wan0")
	j.lab.IP(t, "link add eth0 type bridge\n")
	if came, err := verifyMoved(j.lab.NS, "eth0", have.found.device, host, "wan0"); !came || err == nil {
		t.Errorf("it came: %v, %v", came, err)
	}
	if j.find(host, "wan0") != nil {
		t.Error("it is in the host")
	}
	if j.find(j.lab.NS, "eth9") == nil {
		// The other end is deleted with it, and setOut wants to delete that.
		j.lab.IP(t, "link add eth9 type bridge\n")
	}
}

// After a move that failed half-way, linkd moves back the device that left, not another interface with its name.
func TestNothingElseComesBack(t *testing.T) {
	j := setOut(t, "")
	host := j.lab.World.Host()
	conform.IP(t, "link add wan0 type veth peer name wan9")
	t.Cleanup(func() { conform.IP(t, "link del wan0") })
	device, err := deviceNamed(j.lab.NS, "eth0")
	conform.Must(t, err)
	conform.Must(t, comeBack(j.lab.NS, "wan0", device, host))
	if _, err := host.LinkByName("wan0"); err != nil || j.find(j.lab.NS, "wan0") != nil {
		t.Error("the host has lost an interface")
	}
}

func TestWhatCanHaveBeenFetched(t *testing.T) {
	mark := fetchMark{"x", spec.Selector{Scheme: spec.Host}, "wg0"}.String()
	for _, test := range []struct {
		l  Link
		ok bool
	}{
		{Link{Name: "eth0", Type: "veth", found: &found{mark: mark}}, true},
		{Link{Name: "eth0", found: &found{mark: mark}}, true},
		{Link{Name: "eth0", Type: "veth", found: &found{}}, false},
		{Link{Name: "lo", found: &found{mark: mark}}, false},
		{Link{Name: "br0", Type: "bridge", found: &found{mark: mark}}, false},
		{Link{Name: "eth0", Type: "existing"}, false},
	} {
		if _, _, ok := test.l.claim(); ok != test.ok {
			t.Errorf("%+v: %v", test.l, ok)
		}
	}
}

func TestWhatMarksWhatLinkdMade(t *testing.T) {
	for _, test := range []struct {
		l    observe.Link
		want bool
	}{
		{observe.Link{Kind: "veth", Alias: "linkd:x"}, true},
		{observe.Link{Kind: "bridge", Alias: "linkd:x"}, true},
		{observe.Link{Kind: "veth", Alias: "theirs"}, false},
		{observe.Link{Alias: "linkd:x"}, false},
		{observe.Link{Kind: "no-such-kind", Alias: "linkd:x"}, false},
		{observe.Link{Kind: existing, Alias: "linkd:x"}, false},
	} {
		if got := Marked(&test.l); got != test.want {
			t.Errorf("%+v is marked: %v", test.l, got)
		}
	}
}

// Tenants choose words of a command that an administrator may run as root.
func TestCommandsAreQuoted(t *testing.T) {
	l := &Link{NS: "evil", Name: "a;reboot'", found: &found{
		path: "/proc/7/ns/net", claim: spec.LinkID("host", "$(x)"), mark: "linkd:$(reboot)@host:$(x)",
	}}
	want := "To put it back: nsenter --net=/proc/7/ns/net ip link set dev 'a;reboot'\\''' netns 1 name '$(x)'. " +
		"To keep it there: nsenter --net=/proc/7/ns/net ip link property del dev 'a;reboot'\\''' altname 'linkd:$(reboot)@host:$(x)'"
	if got := (kind{}).Advice(l); !strings.Contains(got, want) {
		t.Errorf("%s\nwithout %s", got, want)
	}
}
