package sysctl

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

// A setting of one interface comes after those whose writing sets it as well.
func TestOverwrittenComesAfter(t *testing.T) {
	resources, errs := conform.Compile(language, `
namespaces:
  host:
    sysctls: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.disable_ipv6: 1, net.ipv6.conf.default.disable_ipv6: 1, net.ipv6.conf.default.stable_secret: "::1", net.ipv4.conf.all.rp_filter: 1}
  lab: {sysctls: {net.ipv6.conf.all.disable_ipv6: 1}}
links:
  a: {netns: host, name: eth0, sysctls: {ipv4.forwarding: 0, ipv6.disable_ipv6: 0, ipv6.addr_gen_mode: 1, ipv4.rp_filter: 2}}
`)
	if errs != "" {
		t.Fatal(errs)
	}
	have := map[string][]spec.ID{}
	for _, r := range resources {
		if after := r.Relations().After; r.ID().Kind == kindName && len(after) > 0 {
			have[r.ID().Key] = after
		}
	}
	id := func(key string) spec.ID { return spec.ID{NS: spec.Host, Kind: kindName, Key: key} }
	want := map[string][]spec.ID{
		"net.ipv4.conf.eth0.forwarding":    {id("net.ipv4.ip_forward")},
		"net.ipv6.conf.eth0.disable_ipv6":  {id("net.ipv6.conf.all.disable_ipv6")},
		"net.ipv6.conf.eth0.addr_gen_mode": {id("net.ipv6.conf.default.stable_secret")},
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}

// No other setting of all interfaces sets that of one on this kernel.
func TestOverwriters(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add eth0 type veth peer name eth1\nlink set eth0 up\nlink set eth1 up")
	value := func(path string) string {
		text, err := read(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return ""
		}
		return text
	}
	conform.Must(t, lab.NS.Do(func() error {
		files, err := filepath.Glob(filepath.Join(root, "ipv[46]/conf/all/*"))
		for _, file := range files {
			path := "net/" + strings.TrimPrefix(file, root+"/")
			own := strings.Replace(path, "/all/", "/eth0/", 1)
			before, all := value(own), value(path)
			overwrites, written := false, false
			for _, other := range []string{"0", "1", "2"} {
				if other != before && other != all && write(path, other) == nil {
					overwrites, written = overwrites || value(own) != before, true
				}
			}
			// Linux 6.1 refuses each value of ipv6/conf/all/ignore_routes_with_linkdown (EIO).
			if known := slices.Contains(overwriters(own), path); written && known != overwrites {
				t.Errorf("%s sets that of an interface: %v, and linkd takes it for so: %v", path, overwrites, known)
			}
		}
		return err
	}))
}
