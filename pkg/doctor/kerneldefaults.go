package doctor

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/rule"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var kernelDefaults = newCheck("kernel-defaults", "the kernel's own rules and loopback addresses are there",
	"The kernel gives each namespace the policy rules 0 (table local) and 32766 (table main), and a loopback device that is up\n127.0.0.1 and ::1. Somebody can delete them (`ip rule flush`, `ip addr flush dev lo`), and then no route has an effect, or\nprograms do not reach themselves. linkd did not make them, and does not know why they are gone, so it does not restore them.",
	func(_ context.Context, m *Machine) ([]defaults, error) {
		open, err := m.namespaces()
		if err != nil {
			return nil, err
		}
		var all []defaults
		for _, name := range slices.Sorted(maps.Keys(open)) {
			for _, inet6 := range []bool{false, true} {
				there, err := defaultsOf(open[name], inet6)
				if err != nil {
					return nil, err
				}
				all = append(all, there)
			}
		}
		return all, nil
	}, judgeKernelDefaults)

// defaults are the kernel's own rules and what of the loopback device is missing in a namespace, for one version of IP.
type defaults struct {
	ns       string
	inet6    bool
	rules    []*rule.Rule
	loopback string
	// ip is the command of ip(8) for the namespace.
	ip string
}

func defaultsOf(ns *observe.NS, inet6 bool) (d defaults, err error) {
	d = defaults{ns: ns.Name, inet6: inet6, ip: ipCommand(ns)}
	if inet6 {
		// It is "" on a host without IPv6.
		switch off, err := setting(ns, "net/ipv6/conf/lo/disable_ipv6"); {
		case err != nil || off == "":
			return d, err
		case off != "0":
			d.rules, err = rule.Lacking(ns, inet6)
			return d, err
		}
	}
	if d.rules, err = rule.Lacking(ns, inet6); err != nil {
		return d, err
	}
	d.loopback, err = address.LoopbackLacks(ns, inet6)
	return d, err
}

// ipCommand returns the words with which ip(8) acts in a namespace.
func ipCommand(ns *observe.NS) string {
	switch {
	case ns.Name == spec.Host:
		return "ip"
	case filepath.Dir(ns.Path) == observe.NetnsDir:
		return "ip -n " + filepath.Base(ns.Path)
	}
	return "nsenter --net=" + ns.Path + " ip"
}

func judgeKernelDefaults(_ *spec.Desired, saw []defaults) (findings []Finding) {
	for _, d := range saw {
		version, option := "IPv4", ""
		if d.inet6 {
			version, option = "IPv6", " -6"
		}
		for _, r := range d.rules {
			table := map[spec.Table]string{unix.RT_TABLE_LOCAL: "local", unix.RT_TABLE_MAIN: "main"}[r.Table]
			findings = append(findings, Finding{
				Level: Warning, Text: fmt.Sprintf("in %s, no policy rule leads to the table %s, so its %s routes have no effect", d.ns, table, version),
				Advice: fmt.Sprintf("run %s%s rule add priority %d lookup %s, unless somebody deleted the kernel's rule on purpose", d.ip, option, r.Priority, table),
			})
		}
		own := address.LoopbackAddress(d.inet6)
		switch d.loopback {
		case "address":
			findings = append(findings, Finding{
				Level: Warning, Text: fmt.Sprintf("in %s, lo does not have the address %s", d.ns, own.Addr()),
				Advice: fmt.Sprintf("run %s addr add %s dev lo", d.ip, own),
			})
		case "route":
			findings = append(findings, Finding{
				Level: Warning, Text: fmt.Sprintf("in %s, packets to %s do not reach lo", d.ns, own.Addr()),
				Advice: fmt.Sprintf("run %s addr del %s dev lo, and %[1]s addr add %[2]s dev lo, to restore the kernel's routes", d.ip, own),
			})
		}
	}
	return findings
}
