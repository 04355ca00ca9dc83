package reconcile

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"

	"linkd/pkg/spec"
)

// A set of IDs has what was added and not removed, and goes through little once it has little.
func TestIDSet(t *testing.T) {
	random, set, want := rand.New(rand.NewSource(1)), newIDSet(), map[spec.ID]bool{}
	for round := range 20 {
		for range random.Intn(3000) {
			id := spec.ID{NS: fmt.Sprint("n", random.Intn(1000)), Kind: fmt.Sprint("k", random.Intn(3)), Key: fmt.Sprint(random.Intn(3))}
			set.add(id)
			want[id] = true
		}
		left := random.Intn(5)
		for _, id := range slices.SortedFunc(maps.Keys(want), spec.ID.Compare) {
			if len(want) > left {
				set.remove(id)
				delete(want, id)
			}
		}
		have := slices.SortedFunc(set.all(), spec.ID.Compare)
		if !slices.Equal(have, slices.SortedFunc(maps.Keys(want), spec.ID.Compare)) || set.n != len(want) {
			t.Fatalf("round %d: the set has %v (%d), want %v", round, have, set.n, want)
		}
		if set.most > 2*fewKept {
			t.Errorf("round %d: the set has %d IDs, and room for %d scopes", round, set.n, set.most)
		}
	}
}
