package conform

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Example is a life that resources of a kind can have in the lab.
type Example struct {
	// Setup makes what the resources need, and what others made and keep: lines for Lab.IP.
	Setup string
	// Want are the resources to make, in this order.
	Want []spec.Resource
	// Changes are made one after the other, each to one of Want.
	Changes []Change
}

// Change is another state of a wanted resource. Says are the differences from the state before, as a plan prints them,
// with " (replace)" after those that the kernel cannot change in place.
type Change struct {
	Want spec.Resource
	Says []string
}

// To is the change to want.
func To(want spec.Resource, says ...string) Change { return Change{Want: want, Says: says} }

// Conform leads an example through its life: what is made is found as wanted and marked, what is there is left alone,
// changes land, what is deleted is gone, and what others made is as it was all the time.
func Conform(t *testing.T, k reconcile.Registered, example Example) {
	t.Helper()
	lab := Open(t)
	ctx := context.Background()
	lab.IP(t, example.Setup)
	foreign := look(t, lab, k)

	for _, w := range example.Want {
		if err := k.Create(ctx, lab.NS, w); err != nil {
			t.Fatalf("create %s: %v", w.ID(), err)
		}
	}
	made := look(t, lab, k)
	made.keeps(t, "create", foreign)
	for _, w := range example.Want {
		made.has(t, k, w)
	}
	for _, w := range example.Want {
		if err := k.Create(ctx, lab.NS, w); err != nil {
			t.Fatalf("create %s again: %v", w.ID(), err)
		}
	}
	look(t, lab, k).is(t, "create again", made)

	for _, change := range example.Changes {
		id := change.Want.ID()
		have := look(t, lab, k)[id]
		if have == nil {
			t.Fatalf("%s was not found before its change", id)
		}
		fields := k.Diff(change.Want, have)
		if d := cmp.Diff(change.Says, say(fields)); d != "" {
			t.Errorf("differences of %s (-want +got):\n%s", id, d)
		}
		var err error
		if slices.ContainsFunc(fields, func(f reconcile.Field) bool { return f.Replace }) {
			if err = k.Delete(ctx, lab.NS, have); err == nil {
				err = k.Create(ctx, lab.NS, change.Want)
			}
		} else {
			err = k.Update(ctx, lab.NS, change.Want, have)
		}
		if err != nil {
			t.Fatalf("change %s: %v", id, err)
		}
		now := look(t, lab, k)
		now.has(t, k, change.Want)
		now.keeps(t, "change", foreign)
	}

	last := look(t, lab, k)
	for range 2 {
		for _, w := range slices.Backward(example.Want) {
			if err := k.Delete(ctx, lab.NS, last[w.ID()]); err != nil {
				t.Fatalf("delete %s: %v", w.ID(), err)
			}
		}
		look(t, lab, k).is(t, "delete", foreign)
	}
}

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

// state is all of a kind in the lab.
type state map[spec.ID]spec.Resource

func look(t *testing.T, lab *Lab, k reconcile.Registered) state {
	t.Helper()
	lab.NS.Forget()
	found, err := k.Observe(context.Background(), lab.NS)
	Must(t, err)
	s := state{}
	for _, r := range found {
		if other := s[r.ID()]; other != nil {
			t.Errorf("%s was found twice: %+v and %+v", r.ID(), other, r)
		}
		s[r.ID()] = r
	}
	return s
}

func (s state) has(t *testing.T, k reconcile.Registered, want spec.Resource) {
	t.Helper()
	have := s[want.ID()]
	if have == nil {
		t.Fatalf("%s was made and not found", want.ID())
	}
	if fields := k.Diff(want, have); len(fields) > 0 {
		t.Errorf("%s was made and is not as wanted: %v", want.ID(), say(fields))
	}
	if !k.Owned(have) {
		t.Errorf("%s was made and has no mark", want.ID())
	}
}

func (s state) is(t *testing.T, after string, want state) {
	t.Helper()
	if d := Differences(want, s); d != "" {
		t.Errorf("after %s (-want +got):\n%s", after, d)
	}
}

func (s state) keeps(t *testing.T, after string, others state) {
	t.Helper()
	for id, other := range others {
		if d := Differences(other, s[id]); d != "" {
			t.Errorf("what others made, %s, after %s (-before +now):\n%s", id, after, d)
		}
	}
}

// Differences compares resources whole, their unexported fields too, but for where they were declared.
func Differences(want, got any) string {
	return cmp.Diff(want, got,
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
		cmpopts.IgnoreTypes(spec.Source{}),
	)
}
