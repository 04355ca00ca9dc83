package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// What an event tells of a label stands until the engine is asked: who has come is there, in the order of names, who has
// gone is not, and what is no news is not told as such.
func TestEventsTellWhoHasALabel(t *testing.T) {
	f := newFinder(dockerDescription, nil, nil)
	known := &labelMembers{answered: make(chan struct{}), instances: f.withSelectors([]spec.Instance{{Name: "db", ID: "1", Labels: map[string]string{"tier": "back"}}})}
	close(known.answered)
	f.labels["tier"] = known
	exact := &labelMembers{answered: make(chan struct{})}
	close(exact.answered)
	f.labels["tier=front"] = exact
	f.labels["never-answered"] = &labelMembers{answered: make(chan struct{})}

	var told strings.Builder
	for _, e := range []event{
		{action: "start", id: "2", name: "ape", labels: map[string]string{"tier": "front"}},
		{action: "start", id: "2", name: "ape", labels: map[string]string{"tier": "front"}},
		{action: "start", id: "3", name: "plain"},
		{action: "start", id: "4", name: "late", labels: map[string]string{"never-answered": ""}},
		{action: "die", id: "1", name: "db"},
		{action: "die", id: "3", name: "plain"},
		{action: "rename", id: "2", name: "bee"},
	} {
		news := f.applyLabels(e)
		fmt.Fprintf(&told, "%s %s: news %t, tier %s, front %s\n", e.action, e.name, news, names(known), names(exact))
	}
	const want = `start ape: news true, tier [db docker:1 ape docker:2], front [ape docker:2]
start ape: news false, tier [db docker:1 ape docker:2], front [ape docker:2]
start plain: news false, tier [db docker:1 ape docker:2], front [ape docker:2]
start late: news false, tier [db docker:1 ape docker:2], front [ape docker:2]
die db: news true, tier [ape docker:2], front [ape docker:2]
die plain: news false, tier [ape docker:2], front [ape docker:2]
rename bee: news false, tier [ape docker:2], front [ape docker:2]
`
	if told.String() != want {
		t.Errorf("told:\n%swant:\n%s", &told, want)
	}
}

// Of an engine that says nothing, the labels are not waited for one after the other.
func TestAllLabelsWaitTogether(t *testing.T) {
	f := newFinder(dockerDescription, newSlow(), nil)
	defer f.Watch(func(string) {}, func() {})()
	began := time.Now()
	const labels = 40
	for label := range labels {
		if _, err := f.Instances(spec.Selector{Scheme: "docker", Value: fmt.Sprint("label=", label)}); !errors.Is(err, observe.ErrPending) {
			t.Errorf("%d: %v", label, err)
		}
	}
	// Together takes a fortieth of one after the other.
	if took := time.Since(began); took >= labels*firstAnswerTimeout/2 {
		t.Errorf("%d labels took %v", labels, took)
	}
}

func names(c *labelMembers) []string {
	var all []string
	for _, i := range c.instances {
		all = append(all, i.Name+" "+i.Selector.String())
	}
	return all
}
