package engine

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	firstReturn = 50 * time.Millisecond
	lastReturn  = time.Second
)

// Watch implements observe.Finder: it follows the engine's events, and asks for everything again whenever the stream of
// them is a new one.
func (f *Finder) Watch(changed func(name string), populated func()) (stop func()) {
	if f.misused != nil {
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
	pause := firstReturn
	for {
		if !f.wanted(ctx) {
			return
		}
		began := time.Now()
		err := f.stream(ctx, changed, populated)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > lastReturn {
			pause = firstReturn
		}
		f.fall(err, changed, populated)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lastReturn)
	}
}

// wanted waits until there is a container to ask for: an engine that nobody needs is left alone.
func (f *Finder) wanted(ctx context.Context) bool {
	for {
		f.mu.Lock()
		n := len(f.targets) + len(f.counts)
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

// fall notes that the engine does not answer. What runs goes on, so what is known stays known: an engine can be
// restarted without its containers.
func (f *Finder) fall(why error, changed func(name string), populated func()) {
	f.mu.Lock()
	news := f.down == nil || f.down.Error() != why.Error()
	f.down = why
	var names []string
	for name, t := range f.targets {
		if t.state == (state{}) {
			t.err = f.silent(why)
		}
		names = append(names, name)
	}
	templates := len(f.counts) > 0
	f.mu.Unlock()
	if news && templates {
		populated()
	}
	if news {
		for _, name := range names {
			changed(name)
		}
	}
}

// stream follows the events until they break off.
func (f *Finder) stream(ctx context.Context, changed func(name string), populated func()) error {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer func() {
		cancel()
		asking.Wait()
	}()
	gate, unanswered := make(chan struct{}, inquiries), make(chan error, 1)
	failed := func(err error) {
		select {
		case unanswered <- err:
		default:
		}
	}
	inquire := func(targets map[string]*target) {
		for name, t := range targets {
			asking.Go(func() {
				gate <- struct{}{}
				defer func() { <-gate }()
				news, err := f.inquire(ctx, t)
				if news {
					changed(name)
				}
				if err != nil {
					failed(err)
				}
			})
		}
	}

	heard, broken := f.engine.follow(ctx)
	select {
	case err := <-broken:
		return err
	default:
	}
	f.forgetEnded()
	inquire(f.matching(func(t *target) bool {
		t.asked = true
		return true
	}))
	// However much happens meanwhile, one more count after it is enough.
	due := make(chan struct{}, 1)
	refresh := func() { nudge(due) }
	asking.Go(func() {
		for {
			if err := f.refreshLabels(ctx, populated); err != nil {
				failed(err)
			}
			select {
			case <-due:
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
		case err := <-unanswered:
			// It hangs, and will say nothing of what it was not asked for any more.
			return err
		case e := <-heard:
			if !matters(e.action) {
				continue
			}
			meant := f.matching(func(t *target) bool { return t.means(e) })
			for _, name := range f.startedTargets(meant, e) {
				changed(name)
			}
			if f.applyLabels(e) {
				populated()
			}
			inquire(meant)
			refresh()
		case <-f.added:
			refresh()
			inquire(f.newcomers())
		}
	}
}

func (t *target) known() bool { return closed(t.answered) }

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

// newcomers are the targets that nobody has asked for since they were declared, with those that only an event has shown to run.
func (f *Finder) newcomers() map[string]*target {
	return f.matching(func(t *target) bool {
		is := !t.asked
		t.asked = true
		return is
	})
}

// means tells whether an event is about a target's container: the one that it is, was, or may become.
func (t *target) means(e event) bool {
	return e.id == t.id || strings.HasPrefix(e.id, t.value) || e.name == t.value || e.oldName == t.value
}

// matters tells whether a namespace can come or go with what happened.
func matters(action string) bool {
	switch action {
	case "start", "die", "died", "destroy", "remove", "rename", "restart", "stop":
		return true
	}
	return false
}
