package spec

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A set answers as a sorted list of everything would, whatever was asked before.
func TestASetIsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set Set
		var all []Resource
		in := func(ns, kind string) (found []Resource) {
			for _, r := range all {
				if id := r.ID(); id.NS == ns && id.Kind == kind {
					found = append(found, r)
				}
			}
			return found
		}
		few := rapid.SampledFrom([]string{"a", "b", "c"})
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			id := ID{few.Draw(t, "ns"), few.Draw(t, "kind"), fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "key"))}
			at := slices.IndexFunc(all, func(r Resource) bool { return r.ID() == id })
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			default:
				r := &toy{id: id}
				holder := set.Add(r)
				if (holder != nil) != (at >= 0) || holder != nil && holder != all[at] {
					t.Fatalf("add %s: holder %v", id, holder)
				}
				if holder == nil {
					all = append(all, r)
					slices.SortFunc(all, func(a, b Resource) int { return a.ID().Compare(b.ID()) })
				}
			case 0:
				same(t, "all", set.All(), all)
			case 1:
				same(t, "in", set.In(id.NS, id.Kind), in(id.NS, id.Kind))
			case 2:
				same(t, "index", IndexOf(&set, id.NS, id.Kind, func(rs []Resource) []Resource { return rs }), in(id.NS, id.Kind))
			case 3:
				if got := set.Get(id); (got != nil) != (at >= 0) || got != nil && got != all[at] {
					t.Fatalf("get %s: %v", id, got)
				}
			}
			if set.Len() != len(all) {
				t.Fatalf("%d resources, want %d", set.Len(), len(all))
			}
		}
	})
}

func same(t *rapid.T, what string, got, want []Resource) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// An index is made once, also while resources come in other places.
func TestAnIndexIsMadeOnce(t *testing.T) {
	var set Set
	made := map[string]int{}
	ask := func(ns string) {
		IndexOf(&set, ns, "room", func([]Resource) int { made[ns]++; return 0 })
	}
	set.Add(&toy{id: ID{"a", "room", "1"}})
	set.Add(&toy{id: ID{"b", "room", "1"}})
	for i := range 100 {
		set.Add(&toy{id: ID{"a", "colour", fmt.Sprint(i)}})
		ask("a")
		ask("b")
	}
	set.Add(&toy{id: ID{"b", "room", "2"}})
	ask("b")
	if d := cmp.Diff(map[string]int{"a": 1, "b": 2}, made); d != "" {
		t.Errorf("indexes made (-want +got):\n%s", d)
	}
}

// The distance between words is that of the whole table, as far as it is asked for.
func TestEditDistance(t *testing.T) {
	word := rapid.StringOfN(rapid.SampledFrom([]rune("abc")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, most := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(0, 6).Draw(t, "most")
		want := plainDistance(a, b)
		if got := editDistance(a, b, most); min(got, most+1) != min(want, most+1) {
			t.Fatalf("%q and %q: %d, want %d (at most %d)", a, b, got, want, most)
		}
	})
}

// plainDistance is the definition: the last letters are the same, or one is put in, left out, changed or swapped.
func plainDistance(a, b string) int {
	if len(a) == 0 || len(b) == 0 {
		return max(len(a), len(b))
	}
	x, y := a[:len(a)-1], b[:len(b)-1]
	least := min(plainDistance(x, b), plainDistance(a, y)) + 1
	changed := plainDistance(x, y)
	if a[len(a)-1] != b[len(b)-1] {
		changed++
	}
	least = min(least, changed)
	if len(x) > 0 && len(y) > 0 && a[len(a)-1] == y[len(y)-1] && x[len(x)-1] == b[len(b)-1] {
		least = min(least, plainDistance(x[:len(x)-1], y[:len(y)-1])+1)
	}
	return least
}

// Thousands of unknown words among thousands of known ones are told, and only so many of them with a suggestion.
func TestSuggestionsEnd(t *testing.T) {
	s := &suggestions{left: 10}
	known := slices.Values([]string{"eth0", "eth1", "wlan0"})
	var got []string
	for range 4 {
		got = append(got, s.didYouMean("eht1", known))
	}
	said := `; did you mean "eth1"?`
	if d := cmp.Diff([]string{said, said, said, ""}, got); d != "" {
		t.Errorf("suggestions (-want +got):\n%s", d)
	}
}
