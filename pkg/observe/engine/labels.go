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

// labelMembers has the running containers with a label.
type labelMembers struct {
	instances  []spec.Instance
	answered   chan struct{}
	unreported bool // Instances returned no list or an outdated one since the last call of populated
	updates    int  // the number of changes by events; the answer to an earlier request is out of date
	// ended has the IDs of containers whose end an event announced. Docker sends that event before it removes the container
	// from its list (handleContainerExit in daemon/monitor.go of moby).
	ended map[string]bool
}

// Instances returns the running containers that match a template. While the finder watches, it knows them already, except for a
// label that it is asked for the first time.
func (f *Finder) Instances(template spec.Selector) ([]spec.Instance, error) {
	label, _ := template.ManyByLabel()
	if f.configErr != nil {
		return nil, f.configErr
	}
	f.mu.Lock()
	c, watching, unreachable := f.labels[label], f.watching, f.unreachable
	if c == nil {
		// Without watching, Instances asks the engine directly. What changes before the watching begins has to be reported then.
		c = &labelMembers{answered: make(chan struct{}), unreported: !watching}
		f.labels[label] = c
		f.wake()
	}
	f.mu.Unlock()
	if !watching {
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		instances, err := f.engine.withLabel(ctx, label)
		if err != nil {
			err = f.noAnswer(err)
		}
		return f.withSelectors(instances), err
	}
	if unreachable == nil {
		select {
		case <-c.answered:
		case <-time.After(firstAnswerTimeout):
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !isClosed(c.answered) {
		// From now on nobody waits for this engine, nor for its other labels.
		c.unreported = true
		f.unreachable = cmp.Or(f.unreachable, errNoAnswerYet)
		return nil, observe.Pendingf("%s has not answered yet which containers have the label %s", f.name, label)
	}
	if f.unreachable != nil {
		c.unreported = true
		return c.instances, &spec.Outdated{Err: f.noAnswer(f.unreachable)}
	}
	return c.instances, nil
}

// SetTemplates sets the templates whose containers the finder watches.
func (f *Finder) SetTemplates(templates []spec.Selector) {
	wanted := map[string]bool{}
	for _, t := range templates {
		if label, many := t.ManyByLabel(); many && t.Scheme == f.scheme {
			wanted[label] = true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.labels, func(label string, _ *labelMembers) bool { return !wanted[label] })
}

// withSelectors sets the selectors by which this finder finds the instances.
func (f *Finder) withSelectors(instances []spec.Instance) []spec.Instance {
	for i := range instances {
		instances[i].Selector = spec.Selector{Scheme: f.scheme, Value: instances[i].ID}
	}
	return instances
}

// applyLabels updates the members of labels by an event, and reports whether they have changed. linkd asks the engine for the list
// as well, but the answer can take seconds while the engine starts many containers.
func (f *Finder) applyLabels(e event) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for label, c := range f.labels {
		if e.action == "start" || e.action == "restart" {
			// Do this for all labels: the events of podman contain no labels.
			delete(c.ended, e.id)
		}
		if !isClosed(c.answered) {
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
			others = append(others, f.withSelectors([]spec.Instance{{Name: e.name, ID: e.id, Labels: e.labels, Unsaid: hiddenLabels}})...)
		default:
			continue
		}
		c.updates++
		changed = changed || !sameInstances(c.instances, others)
		c.instances = others
	}
	return changed
}

// forgetEnded drops the ended containers of an earlier stream of events. They may have started again since.
func (f *Finder) forgetEnded() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.labels {
		c.ended = nil
	}
}

// running returns the containers of a list without those whose end an event announced.
func (c *labelMembers) running(list []spec.Instance) []spec.Instance {
	listed := map[string]bool{}
	for _, i := range list {
		listed[i.ID] = true
	}
	maps.DeleteFunc(c.ended, func(id string, _ bool) bool { return !listed[id] })
	// Containers that are known already come first: if two containers conflict, linkd leaves the newer one out.
	place := map[string]int{}
	for at, i := range c.instances {
		place[i.ID] = at + 1
	}
	slices.SortStableFunc(list, func(a, b spec.Instance) int {
		return cmp.Compare(cmp.Or(place[a.ID], len(c.instances)+1), cmp.Or(place[b.ID], len(c.instances)+1))
	})
	return slices.DeleteFunc(list, func(i spec.Instance) bool { return c.ended[i.ID] })
}

// sameInstances reports whether two lists have the same containers with the same known labels.
func sameInstances(some, others []spec.Instance) bool {
	return slices.EqualFunc(some, others, func(a, b spec.Instance) bool {
		a.Unsaid, b.Unsaid = nil, nil
		return reflect.DeepEqual(a, b)
	})
}

func sortByName(instances []spec.Instance) {
	slices.SortFunc(instances, func(a, b spec.Instance) int { return strings.Compare(a.Name, b.Name) })
}

// refreshLabels asks the engine for the members of all labels, and calls populated if they have changed.
func (f *Finder) refreshLabels(ctx context.Context, populated func()) error {
	f.mu.Lock()
	labels := maps.Clone(f.labels)
	f.mu.Unlock()
	changed := false
	for label, c := range labels {
		f.mu.Lock()
		updates := c.updates
		f.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, answerTimeout)
		instances, err := f.engine.withLabel(limited, label)
		cancel()
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.unreachable = nil
		if f.labels[label] != c || c.updates != updates {
			// The label is no longer declared, or another request follows.
			f.mu.Unlock()
			continue
		}
		before := c.instances
		c.instances = f.withSelectors(c.running(instances))
		if isClosed(c.answered) {
			changed = changed || c.unreported || !sameInstances(before, c.instances)
		} else {
			close(c.answered)
			changed = changed || c.unreported
		}
		c.unreported = false
		f.mu.Unlock()
	}
	if changed {
		populated()
	}
	return nil
}
