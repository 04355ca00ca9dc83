package sysctl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func setting(t *testing.T, name, value string) Sysctl {
	t.Helper()
	s, err := ofNamespace("lab", name)
	if err != nil {
		t.Fatal(err)
	}
	s.Value = value
	return s
}

func look(t *testing.T, lab *conform.Lab, wanted ...Sysctl) string {
	t.Helper()
	found, err := kind{}.observeWanted(context.Background(), lab.NS, wanted)
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(found))
	for i, s := range found {
		lines[i] = s.ID().Key + " = " + s.Value
	}
	return strings.Join(lines, "\n")
}

func TestSysctlConforms(t *testing.T) {
	conform.Conform(t, Kind, conform.Example{
		Want: []spec.Resource{
			setting(t, "net.ipv4.ip_forward", "1"),
			setting(t, "net.ipv4.conf.lo.proxy_arp", "1"),
			setting(t, "net.ipv4.tcp_rmem", "4096 87380 6291456"),
		},
		Changes: []conform.Change{
			conform.To(setting(t, "net.ipv4.ip_forward", "0"), "value: 1 -> 0"),
			conform.To(setting(t, "net.ipv4.tcp_rmem", "4096 87380 7291456"), "value: 4096 87380 6291456 -> 4096 87380 7291456"),
		},
	})
}

// A setting is written in its namespace alone, reads back as it was declared, and is put back.
func TestSetAndPutBack(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add v0.100 type veth peer name v1")
	ctx := context.Background()
	host, err := read("net/ipv4/ip_forward")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"net.ipv4.ip_forward":                 "1",
		"net.ipv4.tcp_rmem":                   "4096 87380 6291456",
		"net.ipv4.conf.v1.proxy_arp":          "1",
		"net/ipv4/conf/v0.100/rp_filter":      "2",
		"net/ipv6/neigh/v0.100/mcast_solicit": "5",
	} {
		want := setting(t, name, value)
		found, err := kind{}.observeWanted(ctx, lab.NS, []Sysctl{want})
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: found %v, %v", name, found, err)
		}
		before, ok := kind{}.Before(want, found[0])
		if !ok {
			t.Fatalf("%s is not a setting", name)
		}
		if err := (kind{}).Update(ctx, lab.NS, want, found[0]); err != nil {
			t.Fatal(err)
		}
		if have := look(t, lab, want); have != want.ID().Key+" = "+value {
			t.Errorf("have %s, want %s", have, value)
		}
		if err := (kind{}).Update(ctx, lab.NS, kind{}.Prior(want, before), want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.ID().Key+" = "+found[0].Value, look(t, lab, want)); diff != "" {
			t.Error(diff)
		}
	}
	if now, _ := read("net/ipv4/ip_forward"); now != host {
		t.Errorf("the host's ip_forward is %s, it was %s", now, host)
	}
}

// What the kernel prints in a form of its own is compared in that form, however a file writes it.
func TestKernelForm(t *testing.T) {
	lab := conform.Open(t)
	for name, value := range map[string]string{
		"net.ipv4.ip_local_reserved_ports": "8081,9000-9010,8080, 443",
		"net.ipv4.tcp_fastopen_key":        "1-2-A-ffffffff",
		"net.ipv4.tcp_rmem":                "0x1000 010000 6291456",
		"net.ipv6.conf.lo.stable_secret":   "2001:DB8::1",
	} {
		want := setting(t, name, "")
		want.Value = inKernelForm(want.Path, value)
		if err := (kind{}).Update(context.Background(), lab.NS, want, Sysctl{}); err != nil {
			t.Fatal(err)
		}
		if have := look(t, lab, want); have != name+" = "+want.Value {
			t.Errorf("have %s, want %s", have, want.Value)
		}
	}
}

// Two names are one value where a write to one changes the other.
func TestAliases(t *testing.T) {
	lab := conform.Open(t)
	for _, pair := range aliases {
		for i := range pair {
			path := strings.Replace(pair[i], "*", "lo", 1)
			if alias := aliasOf(path); alias != strings.Replace(pair[1-i], "*", "lo", 1) {
				t.Errorf("%s is the same as %q", path, alias)
			}
		}
	}
	for _, path := range []string{"net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding", "net/ipv4/neigh/lo/retrans_time_ms", "net/ipv6/neigh/lo/base_reachable_time"} {
		one, other := Sysctl{NS: "lab", Path: path}, Sysctl{NS: "lab", Path: aliasOf(path)}
		before := look(t, lab, other)
		value := "1"
		if strings.Contains(path, "neigh") {
			value = "4000"
		}
		for _, one.Value = range []string{value, "0"} {
			if err := (kind{}).Update(context.Background(), lab.NS, one, Sysctl{}); err != nil {
				t.Fatal(err)
			}
			if after := look(t, lab, other); after == before {
				t.Errorf("%s = %s leaves %s", path, one.Value, after)
			} else {
				before = after
			}
			if strings.Contains(path, "neigh") {
				break
			}
		}
	}
}

// A device that is made together with its setting had no value before: what it goes back to is a new device's.
func TestPutBackOfNewDevice(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add v0 type veth peer name v1")
	ctx := context.Background()
	if err := (kind{}).Update(ctx, lab.NS, setting(t, "net.ipv4.conf.default.rp_filter", "1"), Sysctl{}); err != nil {
		t.Fatal(err)
	}
	want := setting(t, "net.ipv4.conf.v0.rp_filter", "2")
	if err := (kind{}).Create(ctx, lab.NS, want); err != nil {
		t.Fatal(err)
	}
	before, _ := kind{}.Before(want, Sysctl{})
	prior := kind{}.Prior(want, before)
	if have := fmt.Sprint(kind{}.Diff(prior, want)); have != "[value: 2 -> the default]" {
		t.Errorf("have %s", have)
	}
	if err := (kind{}).Update(ctx, lab.NS, prior, want); err != nil {
		t.Fatal(err)
	}
	if have := look(t, lab, want); have != "net.ipv4.conf.v0.rp_filter = 1" {
		t.Errorf("have %s", have)
	}
}

func TestErrors(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add v0 type veth peer name v1")
	for _, test := range []struct {
		name, value, want string
		pending           bool
	}{
		{name: "net.ipv4.conf.v7.rp_filter", value: "1", want: "there is no device v7 in lab", pending: true},
		{name: "net.ipv4.conf.v0.no_such", value: "1", want: "there is no net.ipv4.conf.v0.no_such in lab: this kernel does not know it, or has it in the host's namespace only"},
		{name: "net.bridge.no-such", value: "1", want: "there is no net.bridge.no-such: is the module br_netfilter loaded?"},
		{name: "net.ipv4.route.flush", value: "1", want: "open /proc/sys/net/ipv4/route/flush: permission denied: it cannot be read, so nothing can be said of its value: it is a trigger, or shut to linkd"},
		{name: "net.ipv4.ip_forward", value: "often", want: `write /proc/sys/net/ipv4/ip_forward: invalid argument: the kernel refused the value "often"`},
		{name: "net.ipv4.tcp_ecn", value: "77", want: `write /proc/sys/net/ipv4/tcp_ecn: invalid argument: the kernel refused the value "77"`},
	} {
		err := kind{}.Create(context.Background(), lab.NS, setting(t, test.name, test.value))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: have %v, want %s", test.name, err, test.want)
		}
		if errors.Is(err, observe.ErrPending) != test.pending {
			t.Errorf("%s: pending is not %v", test.name, test.pending)
		}
	}
	// stable_secret reads as an error until it has a value.
	secret := setting(t, "net.ipv6.conf.v0.stable_secret", "2001:0db8:0000:0000:0000:0000:0000:0001")
	if have := look(t, lab, secret, setting(t, "net.ipv4.conf.v7.rp_filter", ""), setting(t, "net.ipv4.route.flush", "")); have != "" {
		t.Errorf("have %s, want nothing", have)
	}
	if err := (kind{}).Create(context.Background(), lab.NS, secret); err != nil {
		t.Fatal(err)
	}
	if have := look(t, lab, secret); have != secret.ID().Key+" = "+secret.Value {
		t.Errorf("have %s", have)
	}
}
