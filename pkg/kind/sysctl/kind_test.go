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
