package reconcile

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A queue of lanes does what a list does from which those are taken, from the first on, that can be looked at, while there are
// slots for them.
func TestLookQueueIsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q lookQueue
		var list []*lane
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				if len(list) > 0 {
					l := rapid.SampledFrom(list).Draw(t, "removed")
					q.remove(l)
					list = slices.DeleteFunc(list, func(other *lane) bool { return other == l })
				}
			case 1:
				programs, late := rapid.IntRange(0, 1).Draw(t, "programs"), rapid.IntRange(0, 1).Draw(t, "late")
				slots := rapid.IntRange(0, 3).Draw(t, "slots")
				var taken, want []*lane
				free := slots
				list = slices.DeleteFunc(list, func(l *lane) bool {
					if boolRank(l.programs) != programs || boolRank(l.late) != late || slots == 0 || l.request != nil {
						return false
					}
					slots--
					want = append(want, l)
					return true
				})
				q.take(programs, late, &free, func(l *lane) choice {
					if l.request != nil {
						return stays
					}
					free--
					taken = append(taken, l)
					return isTaken
				})
				if !slices.Equal(taken, want) || free != slots {
					t.Fatalf("took %v with %d slots left, want %v with %d", taken, free, want, slots)
				}
			default:
				l := &lane{programs: rapid.Bool().Draw(t, "programs"), late: rapid.Bool().Draw(t, "late")}
				if rapid.IntRange(0, 3).Draw(t, "busy") == 0 {
					l.request = &Request{}
				}
				q.add(l)
				list = append(list, l)
			}
			for _, programs := range []bool{false, true} {
				for _, late := range []bool{false, true} {
					same := func(l *lane) bool { return l.programs == programs && l.late == late }
					if have, want := some(slices.Collect(q.all()), same), some(list, same); !slices.Equal(have, want) || q.n != len(list) {
						t.Fatalf("has %d: %v, want %v", q.n, have, want)
					}
				}
			}
		}
	})
}

func some(lanes []*lane, which func(*lane) bool) (out []*lane) {
	for _, l := range lanes {
		if which(l) {
			out = append(out, l)
		}
	}
	return out
}
