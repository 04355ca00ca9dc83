package reconcile

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var (
	simSeeds = flag.Int("seeds", 2000, "how many seeds TestSimulation runs")
	simFirst = flag.Uint64("first", 1, "the first of them")
	simSeed  = flag.Uint64("seed", 0, "the only seed that TestSimulation runs, and tells the story of")
	simSteps = flag.Int("steps", 30, "how many steps each seed has")
)

// simToldSeeds is how many failing seeds are minimised and told.
const simToldSeeds = 3

// The core in a simulated world, by seed: random files, damage, others who change things, events that are late, lost,
// twice or in another order, looks and ops that fail, hang, or take effect and report a failure, namespaces that are replaced,
// and a crash with a restart from the journal at any step.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		s := runSim(simStepsOf(*simSeed), true)
		t.Log("\n" + strings.Join(s.story, "\n"))
		if s.violation != "" {
			t.Errorf("seed %d: %s", *simSeed, s.violation)
		}
		return
	}
	steps, writes, crashes, failed := 0, 0, 0, 0
	for seed := *simFirst; seed < *simFirst+uint64(*simSeeds); seed++ {
		all := simStepsOf(seed)
		s := runSim(all, false)
		steps, writes, crashes = steps+s.steps, writes+s.writes, crashes+s.crashes
		switch {
		case s.violation == "":
		default:
			t.Errorf("seed %d: %s", seed, s.violation)
			if failed++; failed <= simToldSeeds {
				tellSim(t, seed, all)
			}
		}
	}
	t.Logf("%d seeds, %d steps, %d writes, %d crashes, %d failures", *simSeeds, steps, writes, crashes, failed)
}

// tellSim tells how a seed fails, in as few steps as that takes.
func tellSim(t *testing.T, seed uint64, all []uint64) {
	few := minimise(all)
	s := runSim(few, true)
	t.Logf("in %d of its %d steps: %s\n%s\nreplay all of them: go test ./pkg/reconcile -run 'TestSimulation$' -v -seed %d -steps %d",
		len(few), len(all), s.violation, strings.Join(s.story, "\n"), seed, len(all))
}

func newSimRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// simStepsOf are the seeds of the steps of a seed.
func simStepsOf(seed uint64) []uint64 {
	rng := newSimRand(seed)
	steps := make([]uint64, *simSteps)
	for i := range steps {
		steps[i] = rng.Uint64()
	}
	return steps
}

// runSim runs steps, and checks what there is after them.
func runSim(steps []uint64, listening bool) (s *sim) {
	s = newSim(listening)
	defer func() {
		if err := recover(); err != nil {
			s.violate("panic: %v", err)
			if listening {
				panic(err)
			}
		}
	}()
	s.rng = newSimRand(0)
	s.files()
	s.begin()
	for _, step := range steps {
		if s.step(step); s.violation != "" {
			return s
		}
	}
	s.rng = newSimRand(0)
	s.finish()
	return s
}

// minimise leaves out the steps without which it fails all the same.
func minimise(steps []uint64) []uint64 {
	for size := len(steps) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(steps); {
			fewer := slices.Concat(steps[:at], steps[at+size:])
			if runSim(fewer, false).violation != "" {
				steps = fewer
			} else {
				at += size
			}
		}
	}
	return steps
}

// A seed replays exactly: otherwise nobody could find out what one found.
func TestASimulationReplays(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		steps := simStepsOf(seed)
		one, two := runSim(steps, true).story, runSim(steps, true).story
		if !slices.Equal(one, two) {
			for i := range min(len(one), len(two)) {
				if one[i] != two[i] {
					t.Fatalf("seed %d, line %d:\n%s\n%s", seed, i, one[i], two[i])
				}
			}
			t.Fatalf("seed %d: %d and %d lines", seed, len(one), len(two))
		}
	}
}
