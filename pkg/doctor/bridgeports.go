package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/port"
	"linkd/pkg/spec"
)

var bridgePorts = newCheck("bridge-ports", "no bridge is full",
	"A bridge takes 1,023 ports, whoever puts them there, and refuses the next (`exchange full`). `docker0` is one, too.",
	func(ctx context.Context, m *Machine) (map[spec.ID][]string, error) {
		there := map[spec.ID][]string{}
		open, err := m.namespaces()
		if err != nil {
			return nil, err
		}
		for name, ns := range open {
			bridges := bridgesIn(m.Desired, name)
			if len(bridges) == 0 {
				continue
			}
			links, err := ns.Links(ctx)
			if err != nil {
				return nil, err
			}
			for _, bridge := range bridges {
				at := links.ByName(bridge)
				if at != nil && at.Kind != "bridge" {
					continue
				}
				ports := []string{}
				for _, l := range links.All {
					if at != nil && l.Master == at.Index {
						ports = append(ports, l.Name)
					}
				}
				there[spec.LinkID(name, bridge)] = ports
			}
		}
		if len(there) == 0 {
			return nil, needless("the files put no interface into a bridge")
		}
		return there, nil
	}, judgeBridgePorts)

const (
	// mostPorts is how many ports a bridge takes: BR_MAX_PORTS in net/bridge/br_private.h, less the number 0.
	mostPorts = 1023
	// manyPorts is when to look for another bridge.
	manyPorts = 1000
)

func judgeBridgePorts(files *spec.Desired, there map[spec.ID][]string) (findings []Finding) {
	seen := map[spec.ID]bool{}
	for _, r := range files.Resources.All() {
		p, is := r.(*port.Port)
		if !is {
			continue
		}
		bridge := p.MasterID()
		ports, is := there[bridge]
		if !is || seen[bridge] {
			continue
		}
		seen[bridge] = true
		all := map[string]bool{}
		for _, name := range ports {
			all[name] = true
		}
		for _, other := range files.Resources.In(p.NS, "port") {
			if other := other.(*port.Port); other.MasterID() == bridge {
				all[other.Dev] = true
			}
		}
		f := Finding{Level: Warning, Advice: "wire what is new to a second bridge, and route between the two"}.of(r)
		switch n := len(all); {
		case n > mostPorts:
			f.Level = Error
			f.Text = fmt.Sprintf("the bridge %s in %s is to have %d ports, and takes %d: the last ones fail with `exchange full`", bridge.Key, p.NS, n, mostPorts)
		case n == mostPorts:
			f.Text = fmt.Sprintf("the bridge %s in %s is full: with the files' own it has %d ports, and takes no other", bridge.Key, p.NS, n)
		case n >= manyPorts:
			f.Text = fmt.Sprintf("the bridge %s in %s is nearly full: with the files' own it has %d ports of %d", bridge.Key, p.NS, n, mostPorts)
		default:
			continue
		}
		findings = append(findings, f)
	}
	return findings
}
