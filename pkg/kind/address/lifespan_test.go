package address

import (
	"strings"
	"testing"
	"time"
)

// The lifetimes of a lease are compared by their ends, which do not move while they run.
func TestLifespanOfALease(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	seconds := func(l Lifetime) time.Duration { return time.Duration(l) * time.Second }
	for _, test := range []struct {
		name             string
		want             lifespan
		valid, preferred Lifetime
		after            time.Duration
		differs          string
	}{
		{"no lease", lifespan{}, 7, 7, 0, ""},
		{"as created", lifespan{ends: in(120 * time.Second)}, 120, 120, 0, ""},
		{"the kernel's seconds", lifespan{ends: in(120*time.Second - time.Millisecond)}, 120, 120, 0, ""},
		{"a minute later", lifespan{ends: in(120 * time.Second)}, 60, 60, time.Minute, ""},
		{"renewed", lifespan{ends: in(180 * time.Second)}, 60, 60, time.Minute, "valid until"},
		{"made to last", lifespan{ends: in(120 * time.Second)}, Forever, Forever, 0, "valid until"},
		{"shortened", lifespan{ends: in(120 * time.Second)}, 100, 100, 0, "valid until"},
		{"deprecated by others", lifespan{ends: in(120 * time.Second)}, 120, 0, 0, "preferred until"},
		{"preferred for a shorter time", lifespan{ends: in(120 * time.Second), deprecated: in(60 * time.Second)}, 110, 50, 10 * time.Second, ""},
		{"not deprecated", lifespan{ends: in(120 * time.Second), deprecated: in(60 * time.Second)}, 120, 120, 0, "preferred until"},
		{"deprecated in time", lifespan{ends: in(120 * time.Second), deprecated: in(60 * time.Second)}, 20, 0, 100 * time.Second, ""},
		{"deprecated too early", lifespan{ends: in(120 * time.Second), deprecated: in(60 * time.Second)}, 100, 0, 20 * time.Second, "preferred until"},
	} {
		have := lifespanOf(now.Add(test.after), test.valid, test.preferred)
		a, b := &Address{Prefix: subnet("10.0.0.1/24"), leased: !test.want.ends.IsZero(), lifespan: test.want}, &Address{Prefix: subnet("10.0.0.1/24"), lifespan: have}
		var paths []string
		for _, f := range (kind{}).Diff(a, b) {
			paths = append(paths, f.Path)
		}
		if got := strings.Join(paths, ", "); got != test.differs {
			t.Errorf("%s: %q differs, want %q", test.name, got, test.differs)
		}
		if !a.leased {
			continue
		}
		// What linkd sets is what it wants.
		valid, preferred := test.want.lifetimes(now.Add(test.after))
		if again := lifespanOf(now.Add(test.after), valid, preferred); !sameMoment(again.ends, test.want.ends) || seconds(valid) < test.want.ends.Sub(in(test.after)) {
			t.Errorf("%s: linkd sets %s and %s, which ends at %s", test.name, valid, preferred, again.ends)
		}
	}
	if valid, preferred := (lifespan{ends: now}).lifetimes(in(time.Minute)); valid != 1 || preferred != 1 {
		t.Errorf("after the end linkd sets %s and %s", valid, preferred)
	}
}
