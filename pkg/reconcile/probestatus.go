package reconcile

import (
	"strings"
	"time"
)

// ProbeStatus is the last result of a declared probe, in the JSON form that `linkd status` prints.
type ProbeStatus struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
	// State is OK, Failed, or Pending before the first result.
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Seconds is how long the answer took, or linkd waited for it.
	Seconds float64 `json:"seconds"`
	// Time is when the probe was sent; zero before the first.
	Time   time.Time `json:"time,omitzero"`
	Source string    `json:"source"`
}

// Compare orders probes by name.
func (p ProbeStatus) Compare(other ProbeStatus) int { return strings.Compare(p.Name, other.Name) }

// Report publishes an event of another part of the daemon. It may be called from any goroutine.
func (l *Loop) Report(ev Event) {
	ev.Version, ev.Time = 1, time.Now()
	logEvent(l.Log, &ev)
	l.report([]Event{ev})
}

// atThisMoment is a status with the results of the probes, and with how the machine stands with its fleet, at this moment.
func (l *Loop) atThisMoment(s *Status) *Status {
	if s == nil || l.Probes == nil && l.Fleet == nil {
		return s
	}
	now := *s
	if l.Probes != nil {
		now.Probes = l.Probes()
	}
	if l.Fleet != nil {
		now.Fleet = l.Fleet()
	}
	return &now
}
