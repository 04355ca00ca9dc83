package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/graph"
	"linkd/pkg/history"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
	"linkd/pkg/spec"
)

func at(second int) time.Time { return time.Unix(int64(second), 0) }

// The timeline is in the order of time, whatever comes first, and nothing is in it twice. Since when something is wrong does not
// change while it stays wrong.
func TestTimeline(t *testing.T) {
	l := timeline{since: map[string]time.Time{}}
	add := func(want bool, ev reconcile.Event) {
		t.Helper()
		if got := l.add(&ev); got != want {
			t.Errorf("%s: %v", ev.String(), got)
		}
	}
	pending := reconcile.Event{Event: reconcile.Transition, ID: "host/link/a", State: "pending", Time: at(2)}
	drift := reconcile.Event{Event: reconcile.Drift, ID: "host/link/b", Op: "create", Time: at(3)}
	add(false, reconcile.Event{Event: reconcile.Listening, State: "converged", Time: at(9)})
	add(true, drift)
	add(true, pending)
	add(false, pending)
	add(false, drift)
	add(false, reconcile.Event{Event: reconcile.OpDone, ID: "host/link/b", Op: "create", Time: at(4)})
	add(false, reconcile.Event{Event: reconcile.Transition, ID: "host/link/c", State: "ok", Time: at(4)})
	add(true, reconcile.Event{Event: reconcile.OpDone, ID: "host/link/b", Op: "create", Error: "no", Time: at(4)})
	add(true, reconcile.Event{Event: reconcile.Transition, ID: "host/link/a", State: "pending", Was: "pending", Reason: "another", Time: at(5)})
	add(true, reconcile.Event{Event: reconcile.File, Path: "/a.yaml", State: "kept", Time: at(6)})
	var times []int64
	for _, ev := range l.events {
		times = append(times, ev.Time.Unix())
	}
	if d := cmp.Diff([]int64{2, 3, 4, 5, 6}, times); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]time.Time{"host/link/a": at(2), "/a.yaml": at(6)}, l.known()); d != "" {
		t.Error(d)
	}
	add(true, reconcile.Event{Event: reconcile.Transition, ID: "host/link/a", State: "ok", Was: "pending", Time: at(7)})
	add(true, reconcile.Event{Event: reconcile.File, Path: "/a.yaml", State: "loaded", Time: at(7)})
	if len(l.since) > 0 {
		t.Errorf("still %v", l.since)
	}
	for i := range 3 * mostEvents {
		add(true, reconcile.Event{Event: reconcile.Drift, ID: fmt.Sprint("host/link/x", i), Time: at(10 + i)})
	}
	if len(l.events) != mostEvents || l.events[mostEvents-1].ID != fmt.Sprint("host/link/x", 3*mostEvents-1) {
		t.Errorf("%d events, the last is %v", len(l.events), l.events[len(l.events)-1])
	}
}

// A page gets the words of status and of events, each cause with since when, and a bounded number of lines.
func TestView(t *testing.T) {
	s, _ := newTestServer(t)
	status := &reconcile.Status{
		State: reconcile.Degraded, Files: []spec.FileState{{Path: "/a.yaml", State: "kept", Error: "/a.yaml:1:1: wrong"}},
		Trial: &reconcile.Trial{By: "root", Deadline: time.Now().Add(time.Hour)},
	}
	for i := range 100 {
		status.Resources = append(status.Resources, reconcile.ResourceStatus{
			ID: fmt.Sprintf("n%d/link/a%d", 7*i, 7*i), NetNS: fmt.Sprint("n", 7*i), Kind: "link", Key: fmt.Sprint("a", 7*i), State: reconcile.Failed, Reason: "no room",
			Source: fmt.Sprint("/b.yaml:", i+1),
		})
	}
	v := s.view(State{
		Revision: 3, Wired: 2, Status: status, Since: map[string]time.Time{"n7/link/a7": at(5), "n14/link/a14": at(4), "/a.yaml": at(6), "other": at(1)},
		Events: []reconcile.Event{{Event: reconcile.Drift, ID: "n0/link/a0", Op: "create", Source: "/b.yaml:1", Time: at(2), By: &observe.Cause{PID: 17, Command: "ip\x1b"}}},
	})
	if v.Summary != report.Summary(status) || v.Trial.Left < 3_500_000 || len(v.Problems) != 2 {
		t.Errorf("%+v", v)
	}
	if d := cmp.Diff(problem{State: "kept", Title: "/a.yaml: its last valid content is in force", Lines: []string{"/a.yaml:1:1: wrong"}, Since: 6000}, v.Problems[0]); d != "" {
		t.Error(d)
	}
	cause := v.Problems[1]
	if cause.Title != "no room" || cause.State != "failed" || cause.Since != 4000 || cause.ID != "n0/link/a0" || len(cause.Lines) != mostLines+1 ||
		cause.Lines[0] != "n0/link/a0  /b.yaml:1" || cause.Lines[mostLines] != "… and 60 more: linkd status" {
		t.Errorf("%+v", cause)
	}
	if d := cmp.Diff([]happening{{Time: 2000, Event: "drift", Text: "n0/link/a0 is gone", ID: "n0/link/a0", By: "perhaps by process 17 (ip?)"}}, v.Events); d != "" {
		t.Error(d)
	}
}

// The block around a line is the declaration that it belongs to.
func TestEnclosing(t *testing.T) {
	lines := strings.Split(`version: 1
links:
  # the first
  a: {kind: bridge}

  b:
    kind: veth
    ends:
# at the edge
      - {netns: host}
      - netns: web

        routes: []

  c: {kind: bridge}
namespaces:
  web: {}`, "\n")
	for line, want := range map[int][2]int{4: {4, 4}, 6: {6, 13}, 10: {6, 13}, 13: {6, 13}, 15: {15, 15}, 17: {17, 17}, 1: {1, 1}} {
		first, end := enclosing(lines, line-1)
		if have := [2]int{first + 1, end}; have != want {
			t.Errorf("line %d is in %v, want %v", line, have, want)
		}
	}
}

// The layout is that of the namespaces and collapsed boxes that a page asks for, whatever it asks for.
func TestWiring(t *testing.T) {
	s, _ := newTestServer(t)
	ok := graph.Status{State: graph.OK}
	end := func(ns, name string) graph.End { return graph.End{Namespace: ns, Name: name} }
	node := func(name string) *graph.Node {
		return &graph.Node{Name: name, Status: ok, Interfaces: []*graph.Interface{{Name: "eth0", Status: ok}, {Name: "eth1", Status: ok}}}
	}
	s.feed.change(func(state *State) {
		state.Wiring, state.Wired = &Wiring{Picture: &graph.Picture{
			Namespaces: []*graph.Node{node("host"), node("a"), node("b & c")},
			Lines:      []*graph.Line{{Join: graph.Cable, From: end("host", "eth0"), To: end("a", "eth0"), Status: ok}, {Join: graph.Cable, From: end("host", "eth1"), To: end("b & c", "eth0"), Status: ok}},
		}}, 5
	})
	for query, want := range map[string]string{
		"":                             "host 2, a 2, b & c 2; 2 wires",
		"?only=a":                      "host 1, a 2; 1 wires",
		"?only=b+%26+c&collapse=host":  "host 0, b & c 2; 1 wires",
		"?collapse=a&collapse=host":    "host 0, a 0, b & c 2; 2 wires",
		"?only=nowhere&collapse=there": "; 0 wires",
	} {
		answer := s.request(http.MethodGet, "api/wiring"+query, nil)
		var layout struct {
			graph.Layout
			Wired      int
			Namespaces []string
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &layout); err != nil {
			t.Fatalf("%s: %v: %s", query, err, answer.Body)
		}
		var frames []string
		for _, f := range layout.Frames {
			frames = append(frames, fmt.Sprint(f.Name, " ", len(f.Cards)))
		}
		if have := fmt.Sprintf("%s; %d wires", strings.Join(frames, ", "), len(layout.Wires)); have != want {
			t.Errorf("%s: %s, want %s", query, have, want)
		}
		if layout.Wired != 5 || !slices.Equal(layout.Namespaces, []string{"host", "a", "b & c"}) {
			t.Errorf("%s: wiring %d of %q", query, layout.Wired, layout.Namespaces)
		}
	}
}

// The difference of a state is that from the state before it, which need not have the number before.
func TestDifferenceOfStates(t *testing.T) {
	s, _ := newTestServer(t)
	for i, text := range []string{"a: 1\n", "a: 2\n"} {
		files := []spec.File{{Path: "/a.yaml", Text: []byte(text)}}
		if _, err := s.options.History.Add(files, history.Entry{Time: at(i), Cause: "files", Digest: history.Digest(files)}); err != nil {
			t.Fatal(err)
		}
	}
	for number, want := range map[int][]string{1: {"--- 0:/a.yaml", "+a: 1"}, 2: {"--- 1:/a.yaml", "-a: 1", "+a: 2"}} {
		have, err := s.difference(number)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range want {
			if !strings.Contains(have, line+"\n") {
				t.Errorf("state %d lacks %q:\n%s", number, line, have)
			}
		}
	}
	if _, err := s.difference(3); err == nil || !strings.Contains(err.Error(), "no state 3") {
		t.Errorf("state 3: %v", err)
	}
}
