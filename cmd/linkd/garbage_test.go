package main

import "testing"

func TestGarbageFor(t *testing.T) {
	const goal = uint64(heapGoal)
	for _, test := range []struct {
		live uint64
		want int
	}{{0, mostGarbage}, {1, mostGarbage}, {goal / 2, mostGarbage}, {goal * 4 / 5, 25}, {goal, leastGarbage}, {goal * 2, leastGarbage}} {
		if got := garbageFor(test.live); got < test.want-1 || got > test.want {
			t.Errorf("%d bytes in use: %d %%, want %d %%", test.live, got, test.want)
		}
	}
}
