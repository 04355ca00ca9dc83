package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"linkd/pkg/pause"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
)

// maxStreams is the number of streams at a time. All pages of a browser share one.
const maxStreams = 64

// keepAlive is the time after which a stream without news says that it is alive.
const keepAlive = 15 * time.Second

// stream answers with the state, and with each new one, as server-sent events (https://html.spec.whatwg.org/#server-sent-events).
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, fmt.Sprintf("there are %d streams already: close other pages", maxStreams), http.StatusServiceUnavailable)
		return
	}
	defer s.feed.Open()()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		state, changed := s.feed.State()
		text, err := json.Marshal(s.view(state))
		if err != nil || out.SetWriteDeadline(time.Now().Add(answerTime)) != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil || out.Flush() != nil {
			return
		}
		pause.For(r.Context(), redrawPause)
		select {
		case <-changed:
		case <-alive.C:
		case <-r.Context().Done():
			return
		}
	}
}

// view is the state as a page gets it.
type view struct {
	Revision int    `json:"revision"`
	Wired    int    `json:"wired"`
	Host     string `json:"host"`
	// Known: there is a status. Gone says why it may be out of date.
	Known     bool                    `json:"known"`
	Gone      string                  `json:"gone,omitempty"`
	State     string                  `json:"state,omitempty"`
	Summary   string                  `json:"summary,omitempty"`
	Problems  []problem               `json:"problems"`
	Probes    []reconcile.ProbeStatus `json:"probes"`
	Trial     *trialView              `json:"trial,omitempty"`
	Events    []happening             `json:"events"`
	Remarks   []string                `json:"remarks"`
	MayDecide bool                    `json:"may_decide"`
}

// problem is a cause in the words of `linkd status`.
type problem struct {
	State string   `json:"state"`
	Title string   `json:"title"`
	Lines []string `json:"lines"`
	// ID is one of the resources that it concerns; "" if it is about a file or linkd itself.
	ID string `json:"id,omitempty"`
	// Since is since when it is known, in milliseconds since 1970; 0 if that is not known.
	Since int64 `json:"since,omitempty"`
}

// trialView is a trial. Left is how long it lasts, in milliseconds: the browser may be in another place with another clock.
type trialView struct {
	reconcile.Trial
	Left int64 `json:"left"`
}

// happening is an event in the words of `linkd events`.
type happening struct {
	Time  int64  `json:"time"`
	Event string `json:"event"`
	Text  string `json:"text"`
	State string `json:"state,omitempty"`
	ID    string `json:"id,omitempty"`
	// By says who did it; "" if that is not known.
	By     string `json:"by,omitempty"`
	Failed bool   `json:"failed,omitempty"`
}

func (s *Server) view(now State) view {
	v := view{
		Revision: now.Revision, Wired: now.Wired, Host: s.options.Host, MayDecide: s.options.MayDecide, Known: now.Status != nil,
		Problems: []problem{}, Probes: []reconcile.ProbeStatus{}, Events: []happening{}, Remarks: []string{},
	}
	if now.Gone != nil {
		v.Gone = now.Gone.Error()
	}
	if now.Wiring != nil {
		v.Remarks = append(v.Remarks, now.Wiring.Remarks...)
	}
	for i := range now.Events {
		v.Events = append(v.Events, happened(&now.Events[i]))
	}
	if now.Status == nil {
		return v
	}
	v.State, v.Summary = now.Status.State, report.Summary(now.Status)
	for _, p := range report.EachProblem(now.Status, report.Style{}) {
		v.Problems = append(v.Problems, viewProblem(p, now.Since))
	}
	v.Probes = append(v.Probes, now.Status.Probes...)
	if t := now.Status.Trial; t != nil {
		v.Trial = &trialView{*t, max(0, time.Until(t.Deadline).Milliseconds())}
	}
	return v
}

// viewProblem returns a problem with its first line as a title, without the state, which the page shows apart.
func viewProblem(p report.Problem, since map[string]time.Time) problem {
	v := problem{State: p.State, Lines: []string{}}
	v.Title = strings.TrimSpace(strings.TrimPrefix(p.Lines[0], p.State))
	rest := p.Lines[1:]
	for _, line := range rest[:min(len(rest), mostLines)] {
		v.Lines = append(v.Lines, strings.TrimPrefix(line, report.Indent))
	}
	if more := len(rest) - mostLines; more > 0 {
		v.Lines = append(v.Lines, fmt.Sprintf("… and %d more: linkd status", more))
	}
	of := p.IDs
	if len(of) > 0 {
		v.ID = of[0]
	} else {
		// The title of a file's problem begins with its path.
		path, _, _ := strings.Cut(v.Title, ": ")
		of = []string{path}
	}
	first := time.Time{}
	for _, of := range of {
		if at := since[of]; !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if !first.IsZero() {
		v.Since = first.UnixMilli()
	}
	return v
}

// mostLines is how many lines of a problem the page shows.
const mostLines = 40

// happened returns an event without what the page shows apart: its kind, and who did it.
func happened(ev *reconcile.Event) happening {
	rest := *ev
	rest.By, rest.Source = nil, ""
	_, text, _ := strings.Cut(rest.String(), " ")
	h := happening{
		Time: ev.Time.UnixMilli(), Event: string(ev.Event), Text: plain.Text(strings.TrimSpace(text)), State: ev.State, ID: ev.ID,
		Failed: ev.Error != "",
	}
	if ev.By != nil {
		h.By = plain.Text(ev.By.String())
	}
	return h
}
