package engine

import (
	"context"
	"strings"
	"sync"
	"time"
)

// The pause before linkd connects to an engine again doubles from minReconnectPause to maxReconnectPause.
const (
	minReconnectPause = 50 * time.Millisecond
	maxReconnectPause = time.Second
)

// Watch follows the engine's events until stop is called. It calls changed with the name of a namespace whose state has changed,
// and populated when a template has other containers. After each new connection it asks for everything.
func (f *Finder) Watch(changed func(name string), populated func()) (stop func()) {
	if f.configErr != nil {
		return func() {}
	}
	f.mu.Lock()
	f.watching = true
	f.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.follow(ctx, changed, populated)
	}()
	return func() {
		cancel()
		<-done
		f.mu.Lock()
		f.watching = false
		f.mu.Unlock()
	}
}

func (f *Finder) follow(ctx context.Context, changed func(name string), populated func()) {
	pause := minReconnectPause
	for {
		if !f.waitForTargets(ctx) {
			return
		}
		began := time.Now()
		err := f.followEvents(ctx, changed, populated)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxReconnectPause {
			pause = minReconnectPause
		}
		f.setUnreachable(err, changed, populated)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxReconnectPause)
	}
}

// waitForTargets waits until there is something to ask for: linkd does not connect to an engine that no file needs. It returns
// false when ctx ends.
func (f *Finder) waitForTargets(ctx context.Context) bool {
	for {
		f.mu.Lock()
		n := len(f.targets) + len(f.labels)
		f.mu.Unlock()
		if n > 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-f.added:
		}
	}
}

// setUnreachable records that the engine does not answer. Known states stay, because containers can run on while their engine
// restarts.
func (f *Finder) setUnreachable(reason error, changed func(name string), populated func()) {
	f.mu.Lock()
	changedReason := f.unreachable == nil || f.unreachable.Error() != reason.Error()
	f.unreachable = reason
	var names []string
	for name, t := range f.targets {
		if t.state == (state{}) {
			t.err = f.noAnswer(reason)
		}
		names = append(names, name)
	}
	templates := len(f.labels) > 0
	f.mu.Unlock()
	if changedReason && templates {
		populated()
	}
	if changedReason {
		for _, name := range names {
			changed(name)
		}
	}
}

// followEvents asks for all targets and labels, and follows the events until ctx ends or the engine fails.
func (f *Finder) followEvents(ctx context.Context, changed func(name string), populated func()) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer func() {
		cancel()
		workers.Wait()
	}()
	slots, failures := make(chan struct{}, maxInquiries), make(chan error, 1)
	reportFailure := func(err error) {
		select {
		case failures <- err:
		default:
		}
	}
	refreshAll := func(targets map[string]*target) {
		for name, t := range targets {
			workers.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				changedTarget, err := f.refresh(ctx, t)
				if changedTarget {
					changed(name)
				}
				if err != nil {
					reportFailure(err)
				}
			})
		}
	}

	events, broken := f.engine.events(ctx)
	select {
	case err := <-broken:
		return err
	default:
	}
	f.forgetEnded()
	refreshAll(f.matching(func(t *target) bool {
		t.requested = true
		return true
	}))
	// One more refresh covers all events during the present one.
	labelsDue := make(chan struct{}, 1)
	refreshLabelsSoon := func() { signalOnce(labelsDue) }
	workers.Go(func() {
		for {
			if err := f.refreshLabels(ctx, populated); err != nil {
				reportFailure(err)
			}
			select {
			case <-labelsDue:
			case <-ctx.Done():
				return
			}
		}
	})
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-broken:
			return err
		case err := <-failures:
			// An engine that does not answer sends no events, either.
			return err
		case e := <-events:
			if !isRelevant(e.action) {
				continue
			}
			targets := f.matching(func(t *target) bool { return t.concerns(e) })
			for _, name := range f.startedTargets(targets, e) {
				changed(name)
			}
			if f.applyLabels(e) {
				populated()
			}
			refreshAll(targets)
			refreshLabelsSoon()
		case <-f.added:
			refreshLabelsSoon()
			refreshAll(f.newTargets())
		}
	}
}

func (t *target) isKnown() bool { return isClosed(t.answered) }

// matching returns the targets for which which returns true, by name.
func (f *Finder) matching(which func(*target) bool) map[string]*target {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[string]*target{}
	for name, t := range f.targets {
		if which(t) {
			found[name] = t
		}
	}
	return found
}

// newTargets returns the targets for which the engine was not asked yet, including those that only an event has shown to run.
func (f *Finder) newTargets() map[string]*target {
	return f.matching(func(t *target) bool {
		is := !t.requested
		t.requested = true
		return is
	})
}

// concerns reports whether an event is about a target's present, earlier or possible next container.
func (t *target) concerns(e event) bool {
	return e.everything || e.id == t.id || strings.HasPrefix(e.id, t.value) || e.name == t.value || e.oldName == t.value
}

// isRelevant reports whether a namespace can appear or disappear with an event.
func isRelevant(action string) bool {
	switch action {
	case "start", "die", "died", "destroy", "remove", "rename", "restart", "stop":
		return true
	}
	return false
}
