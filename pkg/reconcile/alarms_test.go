package reconcile

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is due, and what comes first, is as in a list of all alarms that are set.
func TestAlarms(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var a alarms[string]
		all, now := map[string]time.Time{}, time.Unix(1e9, 0)
		for range 500 {
			key := string(rune('a' + rng.IntN(20)))
			switch rng.IntN(4) {
			case 0, 1:
				at := now.Add(time.Duration(rng.IntN(50)) * time.Second)
				a.set(key, at)
				all[key] = at
			case 2:
				a.remove(key)
				delete(all, key)
			default:
				now = now.Add(time.Duration(rng.IntN(10)) * time.Second)
				var want []string
				for key, at := range all {
					if !now.Before(at) {
						want = append(want, key)
						delete(all, key)
					}
				}
				slices.Sort(want)
				if got := a.due(now, strings.Compare); !slices.Equal(got, want) {
					t.Fatalf("seed %d: due are %q, want %q", seed, got, want)
				}
			}
			var first time.Time
			for _, at := range all {
				first = earliest(first, at)
			}
			if got := a.next(); !got.Equal(first) {
				t.Fatalf("seed %d: the first is at %s, want %s", seed, got, first)
			}
			if len(a.heap) > 2*len(a.at)+65 {
				t.Fatalf("seed %d: %d alarms are kept for %d keys", seed, len(a.heap), len(a.at))
			}
		}
	}
}
