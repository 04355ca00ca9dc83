package reconcile

import "time"

// cadence decides when the status is published: when all is done that can be done, and from time to time until then, so
// that nobody is told of a state that is over. The zero cadence has nothing to publish.
type cadence struct {
	// since is from when on there has been something to publish; zero while there is nothing.
	since time.Time
	// changed: something was found or done since the last publication. unfinished: that one was not the last word.
	changed, unfinished bool
}

// publishPause is how often the status is published at most while something is found or done. While nothing is, it is published
// once a behindTime: a look that takes no longer is nobody's business, and of one that does it says for how long.
const publishPause = 250 * time.Millisecond

// note takes in whether something was found or done, and whether something is to be done.
func (p *cadence) note(now time.Time, changed, unfinished bool) {
	p.changed = p.changed || changed || p.unfinished && !unfinished
	switch {
	case !p.changed && !unfinished:
		p.since = time.Time{}
	case p.since.IsZero():
		p.since = now
	}
}

// due is when the status has to be published; zero where it does not. Settled: what is to be done waits only for
// namespaces that do not keep up.
func (p *cadence) due(settled bool) time.Time {
	switch {
	case p.since.IsZero() || p.changed && settled:
		return p.since
	case p.changed:
		return p.since.Add(publishPause)
	}
	return p.since.Add(behindTime)
}

// published notes that the status was published.
func (p *cadence) published(now time.Time, unfinished bool) {
	*p = cadence{unfinished: unfinished}
	p.note(now, false, unfinished)
}
