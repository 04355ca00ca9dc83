package reconcile

import "linkd/pkg/plain"

// Progress is how far linkd is: Done of Total resources are in the desired state, or, if none is desired, Done of Total
// changes are made. Waiting is what it waits for, in a few words, or "".
type Progress struct {
	Done    int    `json:"done"`
	Total   int    `json:"total"`
	Waiting string `json:"waiting,omitempty"`
}

// The reasons of resources about which nothing is known yet.
const (
	changingReason  = "linkd is changing it"
	notLookedReason = "not looked at yet"
)

// Progress returns how far the core is.
func (c *Core) Progress() Progress {
	s, rows := c.status(nil)
	p := s.progress(rows)
	if p.Total == 0 {
		p.Done = c.plan.done
		p.Total = p.Done + len(c.plan.tasks)
	}
	return p
}

// Changes returns how many changes the core has made since it was started.
func (c *Core) Changes() int { return c.plan.done }

// Progress returns how far the daemon was when it last published its status; it is zero before the first status.
func (l *Loop) Progress() Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status == nil {
		return Progress{}
	}
	return l.status.progress(l.rows)
}

// progress counts the resources of a status and names what the first unfinished one waits for.
func (s *Status) progress(rows [][]row) Progress {
	p := Progress{Done: s.Counts[OK]}
	for _, n := range s.Counts {
		p.Total += n
	}
	if len(s.Behind) > 0 {
		p.Waiting = "namespace " + plain.Text(s.Behind[0].NS)
		return p
	}
	for _, piece := range rows {
		for _, r := range piece {
			if r.State != OK && r.Reason != changingReason && r.Reason != notLookedReason {
				p.Waiting = plain.Text(r.of.ID().String() + ": " + r.Reason)
				return p
			}
		}
	}
	return p
}
