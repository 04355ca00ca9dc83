package trial

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Keeper is where the daemon takes its files from, and keeps the trial that runs. All methods are safe for concurrent use.
// Set the exported fields before the first use.
type Keeper struct {
	// Config are the paths of the configuration, and StateDir the directory of the record of an installation.
	Config   []string
	StateDir string
	// Further are files beside those of the configuration, which no trial changes; nil if there are none.
	Further Source
	Loader  *spec.Loader
	// Reload has the loop call Load, and returns when the result has been applied.
	Reload func(context.Context) (*reconcile.Reloaded, error)
	// Past returns the files of an earlier state by its number.
	Past func(number int) ([]spec.File, error)
	// Loaded gets the files that are in force after a load, and the cause: "files", or "trial", "confirmed" or "reverted".
	Loaded func(files []spec.File, cause string)
	// Probe sends a probe of the files that are in force, and returns why it does not arrive; "" if it does.
	Probe func(ctx context.Context, name string) (why string)

	// deciding is held while a trial begins or ends, and so for as long as writing the files takes.
	deciding sync.Mutex
	stopped  bool

	mu      sync.Mutex // of the loader, and of what follows
	current *trial
	events  []reconcile.Event
	// cause is that of the next load, and apart says that a trial has begun or ended since the last one.
	cause string
	apart bool
	// last says how the last trial ended; "" before that.
	last string

	// info describes the current trial; nil if none runs.
	info atomic.Pointer[reconcile.Trial]
}

// Source has files that are in the desired state beside those of the configuration.
type Source interface {
	// Files returns the files, or one with the path of Dir and an error.
	Files() ([]spec.File, error)
	// Dir is the directory that all of them are in.
	Dir() string
	// Stamp returns a value that changes when Files may return something else. It reads no file.
	Stamp() string
}

// read reads all files.
func (k *Keeper) read() ([]spec.File, error) {
	files, err := spec.ReadTrusted(k.Config)
	if err != nil || k.Further == nil {
		return files, err
	}
	further, err := k.Further.Files()
	return append(files, further...), err
}

// isFurther reports whether a file is one of Further.
func (k *Keeper) isFurther(path string) bool {
	return k.Further != nil && filepath.Dir(path) == k.Further.Dir()
}

// trial is a trial that runs.
type trial struct {
	info    reconcile.Trial
	stamp   string
	loader  *spec.Loader
	changes []Change
	// before are the files of the directory at the start, and with those with the changes in their places.
	before, with []spec.File
	// ended gets the last step, and done is closed once that has been applied.
	ended chan Step
	done  chan struct{}
}

// ErrNone says that no trial runs.
var ErrNone = errors.New("no trial runs")

// none returns ErrNone with what became of the last trial.
func (k *Keeper) none() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last == "" {
		return ErrNone
	}
	return fmt.Errorf("%w; the last one was %s", ErrNone, k.last)
}

// Current returns the trial that runs, or nil. Its deadline is the time of a clock that is set at the call: a trial lasts as long
// as it was asked for, however the clock is set meanwhile.
func (k *Keeper) Current() *reconcile.Trial {
	info := k.info.Load()
	if info == nil {
		return nil
	}
	now := *info
	now.Deadline = wallClock().Add(time.Until(info.Deadline))
	return &now
}

// wallClock returns the time of the clock that people set, without that of the one that nobody sets. Tests set it.
var wallClock = func() time.Time { return time.Now().Round(0) }

// Stamp returns a value that changes when Load may return something else.
func (k *Keeper) Stamp() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil {
		return k.current.stamp
	}
	if k.Further != nil {
		return spec.Stamp(k.Config) + k.Further.Stamp()
	}
	return spec.Stamp(k.Config)
}

// Load reads the files, or returns those of the trial. For an invalid file it uses the last valid content. save is called
// after the files of the directory were loaded.
func (k *Keeper) Load(save func(*spec.Loader)) (l reconcile.Loaded) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer func() { l.Events, k.events, l.Apart, k.apart = k.events, nil, k.apart, false }()
	if t := k.current; t != nil {
		l.Desired, l.Files, l.Complete, l.Errors = t.loader.Load(t.with)
		k.Loaded(t.loader.InForce(), "trial")
		return l
	}
	files, err := k.read()
	if err != nil {
		return reconcile.Loaded{Err: err}
	}
	for _, f := range files {
		l.Again = l.Again || f.Err == spec.ErrBeingWritten
	}
	l.Desired, l.Files, l.Complete, l.Errors = k.Loader.Load(files)
	save(k.Loader)
	k.Loaded(k.Loader.InForce(), cmp.Or(k.cause, "files"))
	k.cause = ""
	return l
}

// begin checks a request and makes it the current trial.
func (k *Keeper) begin(r Request) (*trial, error) {
	if r.For < shortest || r.For > longest {
		return nil, invalid("a trial lasts from %s to %s, not %s", shortest, longest, r.For)
	}
	k.deciding.Lock()
	defer k.deciding.Unlock()
	if other := k.Current(); other != nil {
		return nil, fmt.Errorf("%s tries files since %s, until %s: run `linkd confirm` or `linkd revert` first",
			other.By, clock(other.Since), clock(other.Deadline))
	}
	if k.stopped {
		return nil, errStops
	}
	t := &trial{changes: r.Changes, ended: make(chan Step, 1), done: make(chan struct{})}
	var err error
	if t.before, err = k.read(); err != nil {
		return nil, invalid("%v", err)
	}
	if r.State > 0 {
		if t.changes, err = k.changesTo(r.State, t.before); err != nil {
			return nil, err
		}
	}
	if t.with, t.changes, err = overlay(k.Config, t.before, t.changes); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if t.loader, err = check(k.Loader, t.before, t.with, t.changes); err != nil {
		return nil, err
	}
	if err := knows(t, r.Probes); err != nil {
		return nil, err
	}
	now := time.Now()
	t.info = reconcile.Trial{By: plain.Text(r.By), Since: now, Deadline: now.Add(r.For)}
	for _, c := range t.changes {
		t.info.Files = append(t.info.Files, plain.Text(c.Path))
	}
	t.stamp = fmt.Sprintf("a trial since %d", now.UnixNano())
	k.current, k.apart = t, true
	k.info.Store(&t.info)
	k.note("begun", fmt.Sprintf("by %s, until %s", t.info.By, clock(t.info.Deadline)))
	return t, nil
}

var errStops = errors.New("the daemon stops")

// changesTo returns the changes that lead from files to an earlier state.
func (k *Keeper) changesTo(number int, files []spec.File) (changes []Change, err error) {
	past, err := k.Past(number)
	if err != nil {
		return nil, invalid("%v", err)
	}
	there := map[string]bool{}
	for _, f := range past {
		if k.isFurther(f.Path) {
			continue
		}
		there[f.Path] = true
		same := slices.ContainsFunc(files, func(now spec.File) bool { return now.Path == f.Path && now.Err == nil && bytes.Equal(now.Text, f.Text) })
		if !same {
			changes = append(changes, Change{Path: f.Path, Text: f.Text, Mode: 0o600})
		}
	}
	for _, f := range files {
		if !there[f.Path] && !k.isFurther(f.Path) {
			changes = append(changes, Change{Path: f.Path, Remove: true})
		}
	}
	return changes, nil
}

func clock(t time.Time) string { return t.Format("15:04:05") }

// note notes an event about the trial, which the next load reports. k.mu is held.
func (k *Keeper) note(state, reason string) {
	k.events = append(k.events, reconcile.Event{Event: reconcile.TrialEvent, State: state, Reason: reason})
}

// end ends a trial, unless it has ended already.
func (k *Keeper) end(t *trial, step Step) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != t {
		return false
	}
	k.current, k.apart = nil, true
	k.info.Store(nil)
	k.cause = step.Step
	k.last = fmt.Sprintf("%s at %s: %s", step.Step, clock(wallClock()), step.Reason)
	k.note(step.Step, step.Reason)
	t.ended <- step
	return true
}

func isDir(path string) bool {
	info, err := os.Stat(filepath.Clean(path))
	return err == nil && info.IsDir()
}
