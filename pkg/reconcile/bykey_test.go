package reconcile

import (
	"maps"
	"math/rand"
	"strconv"
	"testing"
)

// It is a map, whatever it is made of.
func TestByKey(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for range 50 {
		have, want := &byKey[int]{}, map[string]int{}
		keys := 1 + random.Intn(3*mostFew)
		for i := range 200 {
			key := strconv.Itoa(random.Intn(keys))
			if random.Intn(3) > 0 {
				have.put(key, i+1)
				want[key] = i + 1
			} else {
				have.remove(key)
				delete(want, key)
			}
			if have.len() != len(want) || !maps.Equal(maps.Collect(have.all()), want) || have.get(key) != want[key] {
				t.Fatalf("after %s: %v, want %v", key, maps.Collect(have.all()), want)
			}
		}
	}
	var none *byKey[int]
	none.remove("a")
	for range none.all() {
		t.Error("nothing has a key")
	}
	if none.len() != 0 || none.get("a") != 0 {
		t.Error("nothing has a value")
	}
}
