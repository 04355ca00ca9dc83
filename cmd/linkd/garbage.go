package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// mostGarbage and leastGarbage are the garbage, in percent of the memory in use, at which the daemon collects it
	// (debug.SetGCPercent). The daemon uses little memory rather than little time: passes over everything are rare.
	mostGarbage  = 50
	leastGarbage = 15
	// heapGoal is the size in bytes up to which the heap grows with mostGarbage. A larger one gets less garbage, so that
	// 10,000 namespaces take at most 400 MB. At leastGarbage the collector takes three times as long as at mostGarbage.
	heapGoal = 310 << 20
)

// limitGarbage sets how much garbage comes together, now and after each collection. There is no memory limit
// (debug.SetMemoryLimit), because near a limit the collector takes half of the time.
func limitGarbage() {
	debug.SetGCPercent(mostGarbage)
	afterCollection(mostGarbage)
}

// afterCollection has the percentage adjusted once the collector finds that nothing refers to a mark.
func afterCollection(percent int) {
	type mark struct{ _ [16]byte }
	runtime.SetFinalizer(&mark{}, func(*mark) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		now := garbageFor(live[0].Value.Uint64())
		if now != percent {
			debug.SetGCPercent(now)
		}
		afterCollection(now)
	})
}

// garbageFor returns the percentage of garbage for a number of bytes in use.
func garbageFor(live uint64) int {
	switch {
	case live == 0:
		return mostGarbage
	case live > heapGoal:
		return leastGarbage
	}
	return int(max(leastGarbage, min(mostGarbage, (heapGoal-live)*100/live)))
}
