package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"

	"linkd/pkg/graph"
	"linkd/pkg/history"
	"linkd/pkg/probe"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
	"linkd/pkg/spec"
)

// errNothingYet says that linkd web has no status yet.
var errNothingYet = errors.New("the daemon has not answered yet")

// wiring answers with the layout: of the namespaces that the query names with only, of all if it names none, and with those
// collapsed that it names with collapse.
func (s *Server) wiring(w http.ResponseWriter, r *http.Request) {
	now, _ := s.feed.State()
	if now.Wiring == nil {
		answer(w, nil, errNothingYet)
		return
	}
	query := r.URL.Query()
	all := now.Wiring.Picture
	names := []string{}
	for _, n := range all.Namespaces {
		names = append(names, n.Name)
	}
	shown := all.Only(query["only"]).Collapse(query["collapse"])
	legend := []legendEntry{}
	for _, state := range shown.UsedStates() {
		legend = append(legend, legendEntry{state, state.Legend()})
	}
	answer(w, struct {
		*graph.Layout
		Wired      int           `json:"wired"`
		Namespaces []string      `json:"namespaces"`
		Legend     []legendEntry `json:"legend"`
	}{graph.LayOut(shown), now.Wired, names, legend}, nil)
}

type legendEntry struct {
	State graph.State `json:"state"`
	Text  string      `json:"text"`
}

// resources answers with the state of each resource.
func (s *Server) resources(w http.ResponseWriter, _ *http.Request) {
	now, _ := s.feed.State()
	if now.Status == nil {
		answer(w, nil, errNothingYet)
		return
	}
	answer(w, now.Status.Resources, nil)
}

// probe sends a declared probe, and answers with its way.
func (s *Server) probe(w http.ResponseWriter, r *http.Request) {
	var request struct{ Name string }
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		answer(w, nil, err)
		return
	}
	sent, err := s.options.Machine.Probe(r.Context(), request.Name)
	if err != nil {
		answer(w, nil, err)
		return
	}
	conclusion, advice := sent.Conclusion()
	answer(w, struct {
		*probe.Report
		Conclusion string `json:"conclusion,omitempty"`
		Advice     string `json:"advice,omitempty"`
	}{sent, conclusion, advice}, nil)
}

// state is an entry of the history with what was done in a few words.
type state struct {
	history.Entry
	Done string `json:"done"`
}

// history answers with the states that were in force, the newest first.
func (s *Server) history(w http.ResponseWriter, _ *http.Request) {
	entries, err := s.options.History.Entries()
	if errors.Is(err, fs.ErrPermission) {
		err = errors.New("permission denied: run linkd web as root to see the history")
	}
	states := []state{}
	for _, e := range entries {
		done := report.Result{Created: e.Created, Changed: e.Changed, Deleted: e.Deleted}
		states = append([]state{{e, done.String()}}, states...)
	}
	if len(states) > 0 {
		// A damaged entry does not hide the others.
		err = nil
	}
	answer(w, states, err)
}

// historyDiff answers with the difference of the files of a state from those of the state before.
func (s *Server) historyDiff(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.URL.Query().Get("number"))
	if err != nil || number < 1 {
		answer(w, nil, fmt.Errorf("%q is not the number of a state", r.URL.Query().Get("number")))
		return
	}
	text, err := s.difference(number)
	answer(w, map[string]string{"diff": text}, err)
}

// difference returns how the files of a state differ from those of the state before. Before the first, there were none.
func (s *Server) difference(number int) (string, error) {
	after, err := s.options.History.Files(number)
	if err != nil {
		return "", err
	}
	entries, _ := s.options.History.Entries()
	var before []spec.File
	previous := 0
	for _, e := range entries {
		if e.Number < number {
			previous = e.Number
		}
	}
	if previous > 0 {
		if before, err = s.options.History.Files(previous); err != nil {
			return "", err
		}
	}
	return string(history.Diff(strconv.Itoa(previous), strconv.Itoa(number), before, after)), nil
}

// trialDiff answers with what the trial changes in the files.
func (s *Server) trialDiff(w http.ResponseWriter, _ *http.Request) {
	running, err := s.options.History.Trial()
	switch {
	case errors.Is(err, fs.ErrPermission):
		err = errors.New("permission denied: run linkd web as root to see what the trial changes")
	case running == nil:
		err = errors.New("the history does not have the files of the trial")
	default:
		text, wrong := s.difference(running.Number)
		answer(w, map[string]string{"diff": text}, wrong)
		return
	}
	answer(w, nil, err)
}

// confirm confirms the trial that runs, for those who may.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	files, err := s.options.Client.Confirm(r.Context(), s.options.By)
	answer(w, map[string]any{"files": files}, err)
}

// revert ends the trial that runs, for those who may.
func (s *Server) revert(w http.ResponseWriter, r *http.Request) {
	answer(w, map[string]any{}, s.options.Client.Revert(r.Context(), s.options.By))
}

// link answers with what is known about an interface.
func (s *Server) link(w http.ResponseWriter, r *http.Request) {
	now, _ := s.feed.State()
	if now.Wiring == nil {
		answer(w, nil, errNothingYet)
		return
	}
	netns, name := r.URL.Query().Get("netns"), r.URL.Query().Get("name")
	d := detail{Netns: netns, Name: name, Resources: []reconcile.ResourceStatus{}, Blocks: []block{}, Events: []happening{}}
	d.find(now)
	counters, err := s.options.Machine.Counters(r.Context(), netns, name)
	if d.Counters = counters; err != nil {
		d.Uncounted = err.Error()
	}
	answer(w, d, nil)
}
