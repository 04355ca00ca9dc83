package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"linkd/pkg/spec"
)

// Try makes files take effect for a trial, and returns when it has ended. It calls tell with each step, from its own
// goroutine. The trial is reverted when ctx ends, which is the one who asked.
func (k *Keeper) Try(ctx context.Context, r Request, tell func(Step)) {
	t, err := k.begin(r)
	if err != nil {
		tell(refusal(err))
		return
	}
	tell(Step{Step: "begun", Deadline: t.info.Deadline})
	deadline := time.NewTimer(time.Until(t.info.Deadline))
	defer deadline.Stop()
	applied := make(chan Step, 1)
	go func() { applied <- k.apply("applied") }()
	guarded, unguard := context.WithCancel(context.WithoutCancel(ctx))
	defer unguard()
	failed := make(chan string, 1)
	for {
		select {
		case step := <-applied:
			if step.Step != "" {
				tell(step)
			}
			go k.guard(guarded, r.Probes, failed)
		case reason := <-failed:
			k.revert(t, reason)
		case last := <-t.ended:
			done := k.apply(last.Step)
			done.Step, done.Reason, done.Files = last.Step, last.Reason, last.Files
			close(t.done)
			tell(done)
			return
		case <-deadline.C:
			k.revert(t, "the time is over, and nobody has confirmed it")
		case <-ctx.Done():
			k.revert(t, "linkd try has ended: its terminal is gone, or somebody stopped it")
			ctx = context.Background()
		}
	}
}

// refusal returns the step for a trial that cannot begin.
func refusal(err error) Step {
	if errors.As(err, new(*Invalid)) {
		return Step{Step: "invalid", Reason: err.Error()}
	}
	return Step{Step: "refused", Reason: err.Error()}
}

// reloadTime ends a reload of a loop that hangs. A loop that runs answers within 15 seconds.
const reloadTime = time.Minute

// apply has the loop load, and returns what it did; a step without a name if the daemon stops.
func (k *Keeper) apply(name string) Step {
	ctx, cancel := context.WithTimeout(context.Background(), reloadTime)
	defer cancel()
	reloaded, err := k.Reload(ctx)
	if err != nil {
		return Step{}
	}
	step := Step{Step: name, Changes: reloaded.Changes, More: reloaded.More, Status: reloaded.Status}
	if reloaded.Err != nil {
		step.Reason = reloaded.Err.Error()
	}
	return step
}

// revert ends a trial with everything as before. This is the one place for what fails a trial.
func (k *Keeper) revert(t *trial, reason string) bool {
	k.deciding.Lock()
	defer k.deciding.Unlock()
	return k.end(t, Step{Step: "reverted", Reason: reason})
}

// Revert ends the trial that runs with everything as before, and returns when that is so. The reason is for who began it.
func (k *Keeper) Revert(reason string) error {
	t := k.running()
	if t == nil || !k.revert(t, reason) {
		return k.none()
	}
	<-t.done
	return nil
}

// Confirm installs the files of the trial that runs, and returns their paths. After an error the trial goes on.
func (k *Keeper) Confirm(by string) (paths []string, err error) {
	t := k.running()
	if t == nil {
		return nil, k.none()
	}
	if paths, err = k.confirm(t, by); err == nil {
		<-t.done
	}
	return paths, err
}

func (k *Keeper) confirm(t *trial, by string) (paths []string, err error) {
	k.deciding.Lock()
	defer k.deciding.Unlock()
	if k.running() != t {
		return nil, k.none()
	}
	now, err := k.read()
	if err == nil {
		err = changed(t.changes, t.before, now)
	}
	if err == nil {
		err = k.fits(t, now)
	}
	if err != nil {
		return nil, err
	}
	if err := install(k.StateDir, t.changes); err != nil {
		return nil, fmt.Errorf("install the files: %w", err)
	}
	for _, c := range t.changes {
		paths = append(paths, c.Path)
	}
	k.end(t, Step{Step: "confirmed", Reason: "by " + by, Files: paths})
	return paths, nil
}

// fits returns why the files of a trial would not come into force beside the present ones, of which others may have been
// changed since it began.
func (k *Keeper) fits(t *trial, now []spec.File) error {
	if slices.EqualFunc(now, t.before, func(a, b spec.File) bool { return a.Path == b.Path && string(a.Text) == string(b.Text) }) {
		return nil
	}
	with, _, err := overlay(k.Config, now, t.changes)
	if err != nil {
		return err
	}
	k.mu.Lock()
	loader := k.Loader.Clone()
	k.mu.Unlock()
	if _, err := check(loader, now, with, t.changes); err != nil {
		return fmt.Errorf("other files have changed since the trial began, and the trial's do not fit them:\n%w", err)
	}
	return nil
}

func (k *Keeper) running() *trial {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

// Stop reverts the trial that runs, if any, and lets no other begin. It returns when everything is as before.
func (k *Keeper) Stop() {
	k.deciding.Lock()
	k.stopped = true
	k.deciding.Unlock()
	_ = k.Revert(errStops.Error())
}
