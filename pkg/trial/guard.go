package trial

import (
	"context"
	"fmt"
	"slices"
	"time"

	"linkd/pkg/pause"
	"linkd/pkg/spec"
)

const (
	// guardPause is the time between two rounds of a trial's probes, and repeatPause the one after a probe that failed.
	guardPause  = 5 * time.Second
	repeatPause = time.Second
	// failureTime is how long a probe may fail before the trial is reverted: a neighbour or an IPv6 address may need a moment.
	failureTime = 10 * time.Second
)

// knows checks that the files of a trial declare probes with these names.
func knows(t *trial, names []string) error {
	if len(names) == 0 {
		return nil
	}
	desired, _, _, _ := t.loader.Clone().Load(t.with)
	for _, name := range names {
		if !slices.ContainsFunc(desired.Probes, func(p spec.Probe) bool { return p.Name == name }) {
			return invalid("the files of the trial declare no probe %q", name)
		}
	}
	return nil
}

// guard sends probes until ctx ends, and says on failed which one does not arrive, and why.
func (k *Keeper) guard(ctx context.Context, names []string, failed chan<- string) {
	for len(names) > 0 {
		for _, name := range names {
			if why := k.insist(ctx, name); why != "" {
				failed <- fmt.Sprintf("the probe %s fails: %s", name, why)
				return
			}
		}
		if !pause.For(ctx, guardPause) {
			return
		}
	}
}

// insist sends a probe until it arrives, for failureTime at most, and returns why it does not; "" if it does, or ctx ends.
func (k *Keeper) insist(ctx context.Context, name string) (why string) {
	for began := time.Now(); ; {
		why := k.Probe(ctx, name)
		switch {
		case why == "" || ctx.Err() != nil:
			return ""
		case time.Since(began) >= failureTime:
			return why
		case !pause.For(ctx, repeatPause):
			return ""
		}
	}
}
