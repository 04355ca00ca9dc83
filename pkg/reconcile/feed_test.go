package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hear is what a listener has to take, an event a line: its kind, and the ID or the number in it.
func hear(t *testing.T, l *Listener) (lines []string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events, err := l.Next(ctx)
	for _, ev := range events {
		line := string(ev.Event) + " " + ev.ID
		if ev.Count != 0 {
			line = fmt.Sprintf("%s %d", ev.Event, ev.Count)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines, err
}

func TestWhoListensHearsWhatItAskedFor(t *testing.T) {
	var f Feed
	f.publish([]Event{{Event: OpDone, ID: "before"}})
	all, err := f.Listen(nil, false)
	must(t, err)
	one, err := f.Listen([]string{"host/box/a"}, false)
	must(t, err)
	f.publish([]Event{{Event: OpDone, ID: "host/box/a"}, {Event: Reload}})
	f.publish([]Event{{Event: OpDone, ID: "host/box/b"}})
	f.end()
	for _, test := range []struct {
		*Listener
		want []string
	}{
		{all, []string{"op host/box/a", "reload", "op host/box/b", "stopping"}},
		{one, []string{"op host/box/a", "stopping"}},
	} {
		got, err := hear(t, test.Listener)
		must(t, err)
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("heard (-want +got):\n%s", d)
		}
		if _, err := hear(t, test.Listener); !errors.Is(err, ErrEnded) {
			t.Errorf("after the end: %v", err)
		}
	}
	if _, err := f.Listen(nil, false); !errors.Is(err, ErrEnded) {
		t.Errorf("who comes too late hears %v", err)
	}
}

// A reader that does not read is told how much it has missed, and costs no more than its buffer.
func TestASlowReaderHoldsNobodyUp(t *testing.T) {
	var f Feed
	slow, err := f.Listen(nil, false)
	must(t, err)
	for i := range mostEvents + 1000 {
		f.publish([]Event{{Event: OpDone, ID: fmt.Sprint(i)}})
	}
	got, err := hear(t, slow)
	must(t, err)
	if len(got) != mostEvents+1 || got[0] != "op 0" || got[mostEvents-1] != fmt.Sprint("op ", mostEvents-1) || got[mostEvents] != "missed 1000" {
		t.Errorf("heard %d events, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	f.publish([]Event{{Event: OpDone, ID: "after"}})
	if got, err := hear(t, slow); err != nil || !slices.Equal(got, []string{"op after"}) {
		t.Errorf("after that: %v, %v", got, err)
	}
}

func TestOnlySoManyListen(t *testing.T) {
	var f Feed
	var first *Listener
	for range mostListeners {
		l, err := f.Listen(nil, false)
		must(t, err)
		if first == nil {
			first = l
		}
	}
	if _, err := f.Listen(nil, false); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	first.Close()
	l, err := f.Listen(nil, false)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not wait any more: %v", err)
	}
}

// What is promised of the JSON stands on a page, and nothing else does.
func TestThePageTellsOfEveryEvent(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/events-and-metrics.md")
	must(t, err)
	_, doc, _ := strings.Cut(string(text), "| event | meaning | fields |")
	doc, _, _ = strings.Cut(doc, "\n## ")
	var shown []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(doc, -1) {
		shown = append(shown, row[1])
	}
	var there []string
	for _, w := range []EventKind{Listening, Transition, OpDone, Drift, Namespace, File, Reload, TrialEvent, ProbeChanged, Overrun, Missed, Stopping} {
		there = append(there, string(w))
	}
	if d := cmp.Diff(there, shown); d != "" {
		t.Errorf("events (-there +told):\n%s", d)
	}
	for i := range reflect.TypeFor[Event]().NumField() {
		tag, _, _ := strings.Cut(reflect.TypeFor[Event]().Field(i).Tag.Get("json"), ",")
		if tag != "" && !strings.Contains(string(text), "`"+tag+"`") {
			t.Errorf("the page does not tell of the field %s", tag)
		}
	}
}

// Who begins to listen later can have the last events that deserve attention, once, and then those that follow.
func TestRecentEvents(t *testing.T) {
	var f Feed
	for i := range 3 * mostRecent {
		f.publish([]Event{
			{Event: Transition, ID: fmt.Sprint("fine", i), State: string(OK)},
			{Event: Transition, ID: fmt.Sprint("still", i), State: string(Failed), Was: string(Failed)},
			{Event: OpDone, ID: fmt.Sprint("done", i)},
			{Event: Drift, ID: fmt.Sprint("drift", i)},
		})
	}
	for _, ev := range []Event{
		{Event: OpDone, ID: "refused", Error: "no"}, {Event: Transition, ID: "a", State: string(Pending)},
		{Event: Transition, ID: "a", State: string(OK), Was: string(Pending)}, {Event: Reload, State: "ok"}, {Event: ProbeChanged, Probe: "p"},
	} {
		f.publish([]Event{ev})
	}
	ids := func(l *Listener) (all []string) {
		events, err := l.Next(t.Context())
		must(t, err)
		for _, ev := range events {
			all = append(all, string(ev.Event)+" "+ev.ID)
		}
		return all
	}
	listen := func(ids []string, recent bool) *Listener {
		l, err := f.Listen(ids, recent)
		must(t, err)
		return l
	}
	all, one, later := listen(nil, true), listen([]string{"drift599"}, true), listen(nil, false)
	last := ids(all)
	if d := cmp.Diff([]string{"drift drift599", "op refused", "state a", "state a", "reload ", "probe "}, last[len(last)-6:]); d != "" || len(last) != mostRecent {
		t.Errorf("%d events, the last of them (-want +have):\n%s", len(last), d)
	}
	if d := cmp.Diff([]string{"drift drift599"}, ids(one)); d != "" {
		t.Error(d)
	}
	f.publish([]Event{{Event: Drift, ID: "new"}})
	for _, l := range []*Listener{all, later} {
		if d := cmp.Diff([]string{"drift new"}, ids(l)); d != "" {
			t.Error(d)
		}
	}
}

// A line for people has what the JSON has, and a reader of one gets the same back.
func TestAnEventInALine(t *testing.T) {
	for want, ev := range map[string]Event{
		"state     host/box/a is ok  a.yaml:1":                               {Event: Transition, ID: "host/box/a", State: "ok", Source: "a.yaml:1"},
		"state     host/box/a was ok, is pending  (no box)":                  {Event: Transition, ID: "host/box/a", Was: "ok", State: "pending", Reason: "no box"},
		"state     host/box/a is still pending  (it is heavy)":               {Event: Transition, ID: "host/box/a", Was: "pending", State: "pending", Reason: "it is heavy"},
		"op        update host/box/a  (size: (none) -> 2): too small":        {Event: OpDone, ID: "host/box/a", Op: "update", Fields: []Field{{Path: "size", Want: "2"}}, Error: "too small"},
		"drift     host/box/a is gone":                                       {Event: Drift, ID: "host/box/a", Op: "create"},
		"file      a.yaml kept: a.yaml:1: wrong; a.yaml:2: wrong, too":       {Event: File, Path: "a.yaml", State: "kept", Error: "a.yaml:1: wrong\na.yaml:2: wrong, too"},
		"overrun   the kernel dropped messages; overruns since the start: 2": {Event: Overrun, Count: 2},
		"missed    7 events: this reader is too slow":                        {Event: Missed, Count: 7},
	} {
		if got := ev.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		ev.Version, ev.Time = 1, time.Unix(1e9, 0).UTC()
		text, err := json.Marshal(&ev)
		must(t, err)
		var back Event
		must(t, json.Unmarshal(text, &back))
		if d := cmp.Diff(ev, back, cmp.AllowUnexported(Event{})); d != "" {
			t.Errorf("read back (-want +got):\n%s", d)
		}
	}
}
