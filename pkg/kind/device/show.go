package device

import (
	"context"

	"linkd/pkg/graph"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// survey finds the switches to show: those in kept, flags that are on, and offloads that are not as on a new interface. Which these
// are is not known of network cards.
func survey(ctx context.Context, ns *observe.NS, kept []*Switch) (found []*Switch, err error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	asked := map[spec.ID]bool{}
	for _, k := range kept {
		asked[k.ID()] = true
	}
	read := reader(ns)
	for _, l := range links.All {
		for _, name := range surveyed() {
			s, err := (&Switch{NS: ns.Name, Dev: l.Name, Name: name}).of(l, read)
			if err != nil {
				return nil, err
			}
			if len(s.parts) > 0 && (asked[s.ID()] || s.isUnusual()) {
				found = append(found, s)
			}
		}
	}
	return found, ctx.Err()
}

// surveyed returns the flags, and the offloads that have a name in ethtool(8).
func surveyed() []string {
	names := []string{promisc, allMulticast}
	for _, o := range offloads {
		names = append(names, o.long)
	}
	return names
}

// isUnusual reports whether a flag is on, or all parts of an offload have one state that a new interface of the type has not.
func (s *Switch) isUnusual() bool {
	if s.isFlag() {
		return s.parts[s.Name].Wanted
	}
	usual, now := true, text(s.states(true))
	for name, p := range s.parts {
		if p.Fixed || p.Wanted != p.Active {
			return false
		}
		usual = usual && p.Wanted == isUsual(s.linkType, name)
	}
	return s.linkType != "" && !usual && (now == "true" || now == "false")
}

// Show writes the switches as YAML.
func (kind) Show(doc *spec.Document, found []*Switch, _ reconcile.JournalLookup) {
	offloads := map[spec.End]map[string]bool{}
	for _, s := range found {
		end, on := spec.End{NS: s.NS, Dev: s.Dev}, text(s.states(true)) == "true"
		if s.isFlag() {
			doc.End(s.NS, s.Dev).Set(s.Name, on)
			continue
		}
		if offloads[end] == nil {
			offloads[end] = map[string]bool{}
		}
		offloads[end][s.Name] = on
	}
	for end, states := range offloads {
		doc.End(end.NS, end.Dev).Set(offloadsKey, states)
	}
}

// contents returns the state.
func contents(s *Switch) (string, []string) {
	switch {
	case s.parts != nil:
		return "= " + text(s.states(true)), nil
	case s.restores && s.earlier != nil:
		return "= " + text(s.earlier), nil
	case s.restores:
		return "default", nil
	}
	return "= " + text(map[string]bool{s.Name: s.On}), nil
}

var _ graph.Drawn = &Switch{}

// Draw writes the switch on the interface.
func (s *Switch) Draw(p *graph.Pen) {
	on := s.On
	if s.parts != nil {
		on = text(s.states(true)) == "true"
	}
	if s.isFlag() {
		if on {
			p.Note(s.Dev, s.Name)
		}
		return
	}
	p.Note(s.Dev, s.Name+" "+onOff(on))
}
