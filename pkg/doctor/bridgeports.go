package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/port"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var bridgePorts = newCheck("bridge-ports", "no bridge is full",
	"A bridge, such as `docker0`, has at most 1,023 ports, of linkd and of other programs. It refuses further ports with\n`exchange full`.",
	func(ctx context.Context, m *Machine) (map[spec.ID]int, error) {
		there := map[spec.ID]int{}
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
				if at := links.ByName(bridge); at == nil || at.Kind == "bridge" {
					there[spec.LinkID(name, bridge)] = portsOf(m.Desired, name, links, bridge)
				}
			}
		}
		if len(there) == 0 {
			return nil, needless("the files declare no port of a bridge")
		}
		return there, nil
	}, judgeBridgePorts)

const (
	// mostPorts is how many ports a bridge can have: BR_MAX_PORTS in net/bridge/br_private.h, without the number 0.
	mostPorts = 1023
	// manyPorts is the number of ports from which doctor warns.
	manyPorts = 1000
)

// portsOf returns how many ports a bridge has, including declared ones that linkd has not added yet.
func portsOf(files *spec.Desired, ns string, links *observe.Links, bridge string) int {
	ports := map[string]bool{}
	if at := links.ByName(bridge); at != nil {
		for _, l := range links.All {
			if l.Master == at.Index {
				ports[l.Name] = true
			}
		}
	}
	for _, r := range files.Resources.In(ns, "port") {
		if p := r.(*port.Port); p.MasterID().Key == bridge {
			ports[p.Dev] = true
		}
	}
	return len(ports)
}

func judgeBridgePorts(files *spec.Desired, there map[spec.ID]int) (findings []Finding) {
	seen := map[spec.ID]bool{}
	for _, r := range files.Resources.All() {
		p, is := r.(*port.Port)
		if !is {
			continue
		}
		bridge := p.MasterID()
		n, is := there[bridge]
		if !is || seen[bridge] {
			continue
		}
		seen[bridge] = true
		f := Finding{Level: Warning, Advice: "put new interfaces into a second bridge, and route between the two"}.of(r)
		switch {
		case n > mostPorts:
			f.Level = Error
			f.Text = fmt.Sprintf("the bridge %s in %s would have %d ports, but a bridge can have %d: the last ones fail with `exchange full`", bridge.Key, p.NS, n, mostPorts)
		case n == mostPorts:
			f.Text = fmt.Sprintf("the bridge %s in %s is full: together with the declared ones it has %d ports", bridge.Key, p.NS, n)
		case n >= manyPorts:
			f.Text = fmt.Sprintf("the bridge %s in %s is nearly full: together with the declared ones it has %d of %d ports", bridge.Key, p.NS, n, mostPorts)
		default:
			continue
		}
		findings = append(findings, f)
	}
	return findings
}
