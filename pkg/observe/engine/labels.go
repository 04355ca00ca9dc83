package engine

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// labelCount is who has a label.
type labelCount struct {
	instances []spec.Instance
	answered  chan struct{}
	missed    bool // somebody has gone on without the answer, or with an outdated one
	updates   int  // how often an event changed who has the label; a list asked for before that is too old
	// ended are the IDs of those that an event has told the end of. Docker tells that before its lists show it
	// (handleContainerExit in daemon/monitor.go of moby).
	ended map[string]bool
}

// Instances implements observe.InstanceFinder. Who watches knows it already, but for a label that nobody has asked for before.
func (f *Finder) Instances(template spec.Selector) ([]spec.Instance, error) {
	label, _ := template.ManyByLabel()
	if f.misused != nil {
		return nil, f.misused
	}
	f.mu.Lock()
	c, watching, down := f.counts[label], f.watching, f.down
	if c == nil {
		// Who asks before anybody watches is told directly, and has to be told of what changed until that began.
		c = &labelCount{answered: make(chan struct{}), missed: !watching}
		f.counts[label] = c
		f.wake()
	}
	f.mu.Unlock()
	if !watching {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		instances, err := f.engine.labelled(ctx, label)
		if err != nil {
			err = f.silent(err)
		}
		return f.named(instances), err
	}
	if down == nil {
		select {
		case <-c.answered:
		case <-time.After(newcomerPatience):
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !closed(c.answered) {
		// Nobody else waits for it, neither for another label.
		c.missed = true
		f.down = cmp.Or(f.down, errSilent)
		return nil, observe.Pendingf("%s has not told yet who has the label %s", f.name, label)
	}
	if f.down != nil {
		c.missed = true
		return c.instances, &spec.Outdated{Err: f.silent(f.down)}
	}
	return c.instances, nil
}

// SetTemplates implements observe.InstanceFinder.
func (f *Finder) SetTemplates(templates []spec.Selector) {
	wanted := map[string]bool{}
	for _, t := range templates {
		if label, many := t.ManyByLabel(); many && t.Scheme == f.scheme {
			wanted[label] = true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.counts, func(label string, _ *labelCount) bool { return !wanted[label] })
}

// named gives instances the selectors by which this finder finds them.
func (f *Finder) named(instances []spec.Instance) []spec.Instance {
	for i := range instances {
		instances[i].Selector = spec.Selector{Scheme: f.scheme, Value: instances[i].ID}
	}
	return instances
}

// applyLabels takes from an event who has come to have a label, or has gone, and reports whether somebody has. The list that is
// asked for in any case can take an engine long while it starts many containers.
func (f *Finder) applyLabels(e event) (news bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for label, c := range f.counts {
		if e.action == "start" || e.action == "restart" {
			// podman's events do not tell the labels.
			delete(c.ended, e.id)
		}
		if !closed(c.answered) {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(c.instances), func(i spec.Instance) bool { return i.ID == e.id })
		switch key, value, exact := strings.Cut(label, "="); {
		case e.action == "die" || e.action == "died":
			if len(others) == len(c.instances) {
				continue
			}
			if c.ended == nil {
				c.ended = map[string]bool{}
			}
			c.ended[e.id] = true
		case e.action == "start":
			if has, labelled := e.labels[key]; !labelled || exact && has != value {
				continue
			}
			others = append(others, f.named([]spec.Instance{{Name: e.name, ID: e.id, Labels: e.labels, Unsaid: hiddenLabels}})...)
		default:
			continue
		}
		c.updates++
		news = news || !same(c.instances, others)
		c.instances = others
	}
	return news
}

// forgetEnded forgets what an earlier stream of events told of the end of containers: they may have started since.
func (f *Finder) forgetEnded() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.counts {
		c.ended = nil
	}
}

// running are those of a list that have not ended, as far as the events tell.
func (c *labelCount) running(list []spec.Instance) []spec.Instance {
	listed := map[string]bool{}
	for _, i := range list {
		listed[i.ID] = true
	}
	maps.DeleteFunc(c.ended, func(id string, _ bool) bool { return !listed[id] })
	// Those that were there first come first: of two that cannot be there both, a newcomer is left out.
	place := map[string]int{}
	for at, i := range c.instances {
		place[i.ID] = at + 1
	}
	slices.SortStableFunc(list, func(a, b spec.Instance) int {
		return cmp.Compare(cmp.Or(place[a.ID], len(c.instances)+1), cmp.Or(place[b.ID], len(c.instances)+1))
	})
	return slices.DeleteFunc(list, func(i spec.Instance) bool { return c.ended[i.ID] })
}

// same tells whether two counts are of the same containers with the same labels, as far as both were told.
func same(some, others []spec.Instance) bool {
	return slices.EqualFunc(some, others, func(a, b spec.Instance) bool {
		a.Unsaid, b.Unsaid = nil, nil
		return reflect.DeepEqual(a, b)
	})
}

func sortByName(instances []spec.Instance) {
	slices.SortFunc(instances, func(a, b spec.Instance) int { return strings.Compare(a.Name, b.Name) })
}

// refreshLabels asks who has the labels, and calls populated if those are others than before.
func (f *Finder) refreshLabels(ctx context.Context, populated func()) error {
	f.mu.Lock()
	counts := maps.Clone(f.counts)
	f.mu.Unlock()
	news := false
	for label, c := range counts {
		f.mu.Lock()
		updates := c.updates
		f.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, patience)
		instances, err := f.engine.labelled(asking, label)
		cancel()
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.down = nil
		if f.counts[label] != c || c.updates != updates {
			// It is not wanted any more, or there is another count after this one.
			f.mu.Unlock()
			continue
		}
		before := c.instances
		c.instances = f.named(c.running(instances))
		if closed(c.answered) {
			news = news || c.missed || !same(before, c.instances)
		} else {
			close(c.answered)
			news = news || c.missed
		}
		c.missed = false
		f.mu.Unlock()
	}
	if news {
		populated()
	}
	return nil
}
