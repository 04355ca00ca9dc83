package reconcile

import "time"

// cadence decides when the loop publishes the status: once the core has done all it can, and at intervals until then.
// The zero cadence has nothing to publish.
type cadence struct {
	// since is when there first was something to publish; zero while there is nothing.
	since time.Time
	// changed: the core found or did something since the last publication. unfinished: work was left at the last
	// publication.
	changed, unfinished bool
	// pause is the shortest time between the last publication and the next; zero once no work is left.
	pause time.Duration
}

// publishPause is the shortest time between two publications while the core finds or does something. While a look is
// outstanding and nothing changes, the loop publishes once per behindTime, so that the status says how long the look
// takes.
const publishPause = 250 * time.Millisecond

// publishShare is how many times the duration of a publication the next one waits while there is work.
const publishShare = 20

// note records whether the core found or did something, and whether work is left.
func (p *cadence) note(now time.Time, changed, unfinished bool) {
	p.changed = p.changed || changed || p.unfinished && !unfinished
	if !unfinished {
		p.pause = 0
	}
	switch {
	case !p.changed && !unfinished:
		p.since = time.Time{}
	case p.since.IsZero():
		p.since = now
	}
}

// due returns when the status must be published, or the zero time if it need not be. Settled: all work that is left
// waits for namespaces that do not keep up.
func (p *cadence) due(settled bool) time.Time {
	switch {
	case p.since.IsZero():
		return p.since
	case p.changed && settled:
		return p.since.Add(p.pause)
	case p.changed:
		return p.since.Add(max(publishPause, p.pause))
	}
	return p.since.Add(max(behindTime, p.pause))
}

// published records that the status was published, and how long that took. With 10,000 namespaces that are not configured
// yet it takes a tenth of a second, and the work in these must not wait for it most of the time.
func (p *cadence) published(now time.Time, took time.Duration, unfinished bool) {
	*p = cadence{unfinished: unfinished, pause: publishShare * took}
	p.note(now, false, unfinished)
}
