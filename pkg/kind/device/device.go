// Package device implements the switches of an interface: promiscuous mode and the reception of all multicast (ip-link(8)), and
// offloads (ethtool(8), --offload). They always exist, so linkd does not create and delete them, but sets and restores them.
package device

import (
	"maps"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

const kindName = "device"

// Switch is a flag or an offload of one interface.
type Switch struct {
	NS, Dev string
	// Name is promisc, allmulticast, or the name of an offload: the long one of ethtool(8), or the kernel's.
	Name string
	// On is the desired state.
	On bool
	// Adopt: the interface was taken over, and its switches with it.
	Adopt  bool
	Source spec.Source

	// parts are the observed parts, by the kernel's names. A flag has one.
	parts map[string]observe.Offload
	// linkType is the type of the observed interface.
	linkType string
	// restores: instead of On, the parts have to have the states in earlier or, if that is nil, those of a new interface.
	restores bool
	earlier  map[string]bool
}

func (s *Switch) ID() spec.ID { return spec.ID{NS: s.NS, Kind: kindName, Key: s.Dev + "/" + s.Name} }

func (s *Switch) Needs() []spec.ID { return []spec.ID{spec.LinkID(s.NS, s.Dev)} }

func (s *Switch) Origin() spec.Source { return s.Source }

func (s *Switch) Relations() spec.Relations { return spec.Relations{} }

func (s *Switch) isFlag() bool { return flagBits[s.Name] != 0 }

// target returns the state that each of the observed parts has to have.
func (s *Switch) target(have *Switch) map[string]bool {
	target := map[string]bool{}
	for name, p := range have.parts {
		state, known := s.earlier[name]
		switch {
		case !s.restores:
			target[name] = s.On
		case known:
			target[name] = state
		case s.earlier == nil && !p.Fixed:
			target[name] = isUsual(have.linkType, name)
		}
	}
	return target
}

// states returns the observed parts as programs set them or, if active, as they are in force.
func (s *Switch) states(active bool) map[string]bool {
	states := map[string]bool{}
	for name, p := range s.parts {
		states[name] = p.Wanted
		if active {
			states[name] = p.Active
		}
	}
	return states
}

// text returns states for people: true, false or, if they differ, the names of those that are on.
func text(states map[string]bool) string {
	on := slices.Sorted(maps.Keys(states))
	on = slices.DeleteFunc(on, func(name string) bool { return !states[name] })
	switch len(on) {
	case 0:
		return "false"
	case len(states):
		return "true"
	}
	return "only " + strings.Join(on, ", ")
}
