package conform

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Example is a test case for a kind: resources to create, to change and to delete in the lab.
type Example struct {
	// Setup has lines for Lab.IP. They create what the resources need, and foreign resources that must stay as they are.
	Setup string
	// Traffic has lines for Lab.TC, for the same after Setup.
	Traffic string
	// Want are the resources to create, in this order.
	Want []spec.Resource
	// Changes are made one after the other, each to one of Want.
	Changes []Change
}

// Change is another state of a desired resource. Says are the differences from the state before, as a plan prints them,
// with " (replace)" after those that the kernel cannot change in place.
type Change struct {
	Want spec.Resource
	Says []string
}

// To returns the change to want.
func To(want spec.Resource, says ...string) Change { return Change{Want: want, Says: says} }

// Conform runs an example. It checks that the kind finds what it created as declared and marked, that creating it again
// changes nothing, that changes take effect, that deleted resources are gone, and that foreign resources never change. A
// setting is written and restored instead.
func Conform(t *testing.T, k reconcile.Registered, example Example) {
	t.Helper()
	l := &life{t: t, k: k, lab: Open(t), example: example, putBack: map[spec.ID]func(spec.Resource) spec.Resource{}}
	l.lab.IP(t, example.Setup)
	l.lab.TC(t, example.Traffic)
	l.before = l.look()
	for _, w := range example.Want {
		if putBack, setting := k.Keeper(w, l.before[w.ID()]); setting {
			l.putBack[w.ID()] = putBack
		}
	}
	l.create()
	for _, change := range example.Changes {
		l.change(change)
	}
	l.end()
}

// life is an example that is running.
type life struct {
	t       *testing.T
	k       reconcile.Registered
	lab     *Lab
	example Example
	before  state
	putBack map[spec.ID]func(now spec.Resource) spec.Resource // of those that are settings
}

// create creates everything twice.
func (l *life) create() {
	l.t.Helper()
	now := l.before
	for _, again := range []string{"", " again"} {
		for _, w := range l.example.Want {
			if err := l.write(w, now[w.ID()]); err != nil {
				l.t.Fatalf("create %s%s: %v", w.ID(), again, err)
			}
		}
		after := l.look()
		l.leavesForeign("create"+again, after)
		for _, w := range l.example.Want {
			l.has(after, w)
		}
		l.checkQuery(after)
		if again != "" {
			after.is(l.t, "create again", now)
		}
		now = after
	}
}

// write creates a resource, or overwrites a setting.
func (l *life) write(want, have spec.Resource) error {
	if l.putBack[want.ID()] != nil && have != nil {
		return l.k.Update(l.t.Context(), l.lab.NS, want, have)
	}
	return l.k.Create(l.t.Context(), l.lab.NS, want)
}

func (l *life) change(change Change) {
	l.t.Helper()
	id := change.Want.ID()
	have := l.look()[id]
	if have == nil {
		l.t.Fatalf("%s was not found before its change", id)
	}
	fields := l.k.Diff(change.Want, have)
	if d := cmp.Diff(change.Says, say(fields)); d != "" {
		l.t.Errorf("differences of %s (-want +got):\n%s", id, d)
	}
	var err error
	if slices.ContainsFunc(fields, func(f reconcile.Field) bool { return f.Replace }) {
		if err = l.k.Delete(l.t.Context(), l.lab.NS, have); err == nil {
			err = l.k.Create(l.t.Context(), l.lab.NS, change.Want)
		}
	} else {
		err = l.k.Update(l.t.Context(), l.lab.NS, change.Want, have)
	}
	if err != nil {
		l.t.Fatalf("change %s: %v", id, err)
	}
	now := l.look()
	l.has(now, change.Want)
	l.leavesForeign("change", now)
}

// end deletes everything twice. It restores settings instead.
func (l *life) end() {
	l.t.Helper()
	last := l.look()
	for range 2 {
		for _, w := range slices.Backward(l.example.Want) {
			now, err := last[w.ID()], error(nil)
			if putBack := l.putBack[w.ID()]; putBack != nil {
				err = l.k.Update(l.t.Context(), l.lab.NS, putBack(now), now)
			} else {
				err = l.k.Delete(l.t.Context(), l.lab.NS, now)
			}
			if err != nil {
				l.t.Fatalf("end %s: %v", w.ID(), err)
			}
		}
		l.look().is(l.t, "the end", l.before)
	}
}

func (l *life) look() state {
	l.t.Helper()
	l.lab.NS.Forget()
	found, err := l.k.ObserveAll(l.t.Context(), l.lab.NS, l.example.Want)
	Must(l.t, err)
	s := state{}
	for _, r := range found {
		if other := s[r.ID()]; other != nil {
			l.t.Errorf("%s was found twice: %+v and %+v", r.ID(), other, r)
		}
		s[r.ID()] = r
	}
	return s
}

// checkQuery checks that the query with which the engine compares finds the desired resources in the same state as a look at
// everything does.
func (l *life) checkQuery(s state) {
	l.t.Helper()
	l.lab.NS.Forget()
	found, err := l.k.Observe(l.t.Context(), l.lab.NS, reconcile.Query[spec.Resource]{Wanted: l.example.Want})
	Must(l.t, err)
	queried := state{}
	for _, r := range found {
		queried[r.ID()] = r
	}
	for _, w := range l.example.Want {
		if d := Differences(s[w.ID()], queried[w.ID()]); d != "" {
			l.t.Errorf("%s: a look to compare (-all +compare):\n%s", w.ID(), d)
		}
	}
}

// has checks that a resource exists as declared and with linkd's mark.
func (l *life) has(s state, want spec.Resource) {
	l.t.Helper()
	have := s[want.ID()]
	if have == nil {
		l.t.Fatalf("%s was created, but is not found", want.ID())
	}
	if fields := l.k.Diff(want, have); len(fields) > 0 {
		l.t.Errorf("%s was created, but differs from the declaration: %v", want.ID(), say(fields))
	}
	if l.putBack[want.ID()] == nil && l.k.Marks() && !l.k.Owned(have) {
		l.t.Errorf("%s was created, but has no mark", want.ID())
	}
}

// leavesForeign checks that foreign resources are as before.
func (l *life) leavesForeign(after string, now state) {
	l.t.Helper()
	for id, other := range l.before {
		if l.putBack[id] != nil {
			continue
		}
		if d := Differences(other, now[id]); d != "" {
			l.t.Errorf("the foreign %s after %s (-before +now):\n%s", id, after, d)
		}
	}
}

// say returns differences in the form of Change.Says.
func say(fields []reconcile.Field) (said []string) {
	for _, f := range fields {
		line := f.String()
		if f.Replace {
			line += " (replace)"
		}
		said = append(said, line)
	}
	return said
}

// state has all resources of a kind in the lab.
type state map[spec.ID]spec.Resource

func (s state) is(t *testing.T, after string, want state) {
	t.Helper()
	if d := Differences(want, s); d != "" {
		t.Errorf("after %s (-want +got):\n%s", after, d)
	}
}

// Differences compares resources with their unexported fields, but without the place where they were declared.
func Differences(want, got any) string {
	return cmp.Diff(want, got,
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
		cmpopts.IgnoreTypes(spec.Source{}),
		cmp.FilterPath(isTransient, cmp.Ignore()),
	)
}

// isTransient reports whether a field says what the kernel has still to do for a new address and its device.
func isTransient(path cmp.Path) bool {
	field, is := path.Last().(cmp.StructField)
	return is && slices.Contains([]string{"unrouted", "device", "made"}, field.Name())
}
