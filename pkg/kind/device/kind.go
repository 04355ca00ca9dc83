package device

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the kind of switches. The kernel announces a change of either sort with the link (netdev_features_change and
// __dev_notify_flags in net/core/dev.c).
var Kind = reconcile.Register[*Switch](kindName, kind{}, reconcile.Capabilities[*Switch]{
	Topics:    []observe.Topic{observe.LinkTopic},
	FromID:    kind{}.FromID,
	Settings:  kind{},
	Ownership: reconcile.Ownership[*Switch]{Adopts: func(want, _ *Switch) bool { return want.Adopt }},
	Show:      kind{}.Show,
	Contents:  contents,
})

type kind struct{}

// Observe reads the desired switches, or those to show. An interface has seventy offloads, and none has a mark.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Switch]) ([]*Switch, error) {
	switch query.Purpose {
	case reconcile.ToSearch:
		return nil, nil
	case reconcile.ToShow:
		return survey(ctx, ns, query.Wanted)
	}
	return observeWanted(ns, query.Wanted)
}

func observeWanted(ns *observe.NS, wanted []*Switch) (found []*Switch, err error) {
	names := map[string]bool{}
	for _, w := range wanted {
		names[w.Dev] = true
	}
	links, err := ns.Some(nil, names)
	if err != nil || len(links.All) == 0 {
		return nil, err
	}
	read := reader(ns)
	for _, w := range wanted {
		l := links.ByName(w.Dev)
		if l == nil {
			continue
		}
		s, err := w.of(l, read)
		if err != nil {
			return nil, err
		}
		if len(s.parts) > 0 {
			found = append(found, s)
		}
	}
	return found, nil
}

// reader returns a function that reads the offloads of a link, once.
func reader(ns *observe.NS) func(*observe.Link) (map[string]observe.Offload, error) {
	known := map[int]map[string]observe.Offload{}
	return func(l *observe.Link) (offloads map[string]observe.Offload, err error) {
		if known[l.Index] == nil {
			known[l.Index], err = ns.Offloads(l.Name)
		}
		return known[l.Index], err
	}
}

// of returns the observed switch of a link. If the driver can change only some parts of an offload, these are the offload.
func (s *Switch) of(l *observe.Link, read func(*observe.Link) (map[string]observe.Offload, error)) (*Switch, error) {
	have := &Switch{NS: s.NS, Dev: s.Dev, Name: s.Name, linkType: l.Kind, parts: map[string]observe.Offload{}}
	if s.isFlag() {
		on := l.Flags&flagBits[s.Name] != 0
		have.parts[s.Name] = observe.Offload{Wanted: on, Active: on}
		return have, nil
	}
	all, err := read(l)
	if err != nil {
		return nil, err
	}
	for _, name := range partsOf(s.Name) {
		if p, has := all[name]; has {
			have.parts[name] = p
		}
	}
	changeable := maps.Clone(have.parts)
	maps.DeleteFunc(changeable, func(_ string, p observe.Offload) bool { return p.Fixed })
	if len(changeable) > 0 {
		have.parts = changeable
	}
	return have, nil
}

// FromID returns the switch that an ID stands for, without its state.
func (kind) FromID(id spec.ID) (*Switch, bool) {
	dev, name, two := strings.Cut(id.Key, "/")
	return &Switch{NS: id.NS, Dev: dev, Name: name}, two && id.Kind == kindName
}

// Owned returns false, because switches are the kernel's own.
func (kind) Owned(*Switch) bool { return false }

func (kind) Diff(want, have *Switch) []reconcile.Field {
	var fs reconcile.Fields
	now := have.states(!want.restores)
	if target := want.target(have); !maps.Equal(now, target) && len(target) > 0 {
		maps.DeleteFunc(now, func(name string, _ bool) bool { _, is := target[name]; return !is })
		if h, w := text(now), text(target); h != w {
			fs.Differ("value", h, w)
		}
	}
	return fs
}

// Before returns the states of the parts of an observed switch, the state of a desired one, and "" if the plan makes the interface.
func (kind) Before(_, have *Switch) (string, bool) {
	switch {
	case have == nil || have.Name == "":
		return "", true
	case have.parts == nil:
		return strconv.FormatBool(have.On), true
	}
	var words []string
	for name, p := range have.parts {
		words = append(words, name+"="+strconv.FormatBool(p.Wanted))
	}
	slices.Sort(words)
	return strings.Join(words, " "), true
}

// Prior returns the switch to restore.
func (kind) Prior(have *Switch, before string) *Switch {
	prior := &Switch{NS: have.NS, Dev: have.Dev, Name: have.Name}
	on, err := strconv.ParseBool(before)
	if err == nil {
		prior.On = on
		return prior
	}
	prior.restores = true
	for _, word := range strings.Fields(before) {
		if name, state, pair := strings.Cut(word, "="); pair {
			if prior.earlier == nil {
				prior.earlier = map[string]bool{}
			}
			prior.earlier[name] = state == "true"
		}
	}
	return prior
}

// Create sets a switch of an interface that the plan made. For another one it returns why there is no such switch.
func (k kind) Create(ctx context.Context, ns *observe.NS, want *Switch) error {
	ns.Forget()
	found, err := observeWanted(ns, []*Switch{want})
	switch {
	case err != nil:
		return err
	case len(found) > 0:
		return k.Update(ctx, ns, want, found[0])
	}
	if _, err := ns.LinkByName(want.Dev); err != nil {
		return err
	}
	return fmt.Errorf("this kernel has no offload %s", want.Name)
}

func (kind) Update(_ context.Context, ns *observe.NS, want, have *Switch) error {
	target := want.target(have)
	if want.isFlag() {
		return address.OnDevice(ns, want.Dev, func(index int) error {
			req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0)
			msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
			msg.Index, msg.Change = int32(index), flagBits[want.Name]
			if target[want.Name] {
				msg.Flags = flagBits[want.Name]
			}
			req.AddData(msg)
			return ns.Change(req)
		})
	}
	for name, p := range have.parts {
		if p.Fixed && p.Active != target[name] {
			return fmt.Errorf("the driver of %s cannot change %s", want.Dev, name)
		}
	}
	if err := ns.SetOffloads(want.Dev, target); err != nil || want.restores {
		return err
	}
	now, err := ns.Offloads(want.Dev)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(target)) {
		if p, is := now[name]; is && p.Active != target[name] {
			return fmt.Errorf("the kernel leaves %s of %s %s: it depends on another offload, or on the interface below", name, want.Dev, onOff(p.Active))
		}
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Delete does nothing: the kernel deletes a switch with its interface, and Update restores the others.
func (kind) Delete(context.Context, *observe.NS, *Switch) error { return nil }
