package sysctl

import (
	"path/filepath"
	"strings"
	"testing"

	"linkd/pkg/spec"
)

// hostile are names that would lead out of /proc/sys/net, or to another device, if they were taken.
var hostile = []string{
	"", ".", "..", "/", "net", "net.", "net..", "net/", "net//ipv4/ip_forward", "/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward",
	"net/../kernel/core_pattern", "net/./ipv4/ip_forward", "net/ipv4/../../kernel/core_pattern", "a/../../b", "../net/ipv4/ip_forward",
	"kernel.core_pattern", "kernel/core_pattern", "net.ipv4.conf.../rp_filter", "net.ipv4.conf.//.rp_filter", "net.//.//.kernel.core_pattern",
	"net/ipv4/conf/../../../kernel/core_pattern", "net/ipv4/conf/eth0:1/rp_filter", "net/ipv4/conf/%d/rp_filter",
	"net/ipv4/ip_forward\x00", "net/ipv4/ip forward", "net/ipv4/\x1b[31m", "net/ipv4/ip_forward\n", "net/ipv4/\xff", "netx/ipv4/ip_forward",
}

func TestNamesStayBelowNet(t *testing.T) {
	for _, name := range hostile {
		if s, err := ofNamespace("host", name); err == nil {
			t.Errorf("%q of a namespace is taken for %s", name, s.Path)
		}
		if s, err := ofDevice("host", "eth0", name); err == nil {
			t.Errorf("%q of a device is taken for %s", name, s.Path)
		}
	}
	for _, name := range []string{"ipv4...", "ipv4./", "ipv4/..", "../ipv4/x", "ipv4.conf.eth1.x", "ipv4/conf/eth1/x", "core.x", "ipv4./.x"} {
		if s, err := ofDevice("host", "eth0", name); err == nil {
			t.Errorf("%q of a device is taken for %s", name, s.Path)
		}
	}
}

// FuzzName: whatever a setting and its device are called, what is written is below /proc/sys/net, at that very name, and
// a device's setting is that device's.
func FuzzName(f *testing.F) {
	for _, name := range append(hostile, "net.ipv4.ip_forward", "net/ipv4/conf/eth0.100/rp_filter", "net.ipv4.conf.eth0/100.rp_filter", "ipv4.proxy_arp") {
		for _, dev := range []string{"eth0", "eth0.100", "..", ".", "a/b", "all"} {
			f.Add(name, dev)
		}
	}
	f.Fuzz(func(t *testing.T, name, dev string) {
		if s, err := ofNamespace("host", name); err == nil {
			stays(t, s)
		}
		if spec.CheckIfName(dev) != nil {
			return
		}
		if s, err := ofDevice("host", dev, name); err == nil {
			stays(t, s)
			if parts := strings.Split(s.Path, "/"); len(parts) != 5 || parts[3] != dev {
				t.Errorf("%q of the device %q is %s", name, dev, s.Path)
			}
		}
	})
}

func stays(t *testing.T, s Sysctl) {
	t.Helper()
	file, err := locate(s.Path)
	if err != nil || file != "/proc/sys/"+s.Path || filepath.Clean(file) != file || !strings.HasPrefix(file, root+"/") {
		t.Errorf("%q is %q, %v", s.Path, file, err)
	}
}
