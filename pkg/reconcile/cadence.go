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
}

// publishPause is the shortest time between two publications while the core finds or does something. While a look is
// outstanding and nothing changes, the loop publishes once per behindTime, so that the status says how long the look
// takes.
const publishPause = 250 * time.Millisecond

// note records whether the core found or did something, and whether work is left.
func (p *cadence) note(now time.Time, changed, unfinished bool) {
	p.changed = p.changed || changed || p.unfinished && !unfinished
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
	case p.since.IsZero() || p.changed && settled:
		return p.since
	case p.changed:
		return p.since.Add(publishPause)
	}
	return p.since.Add(behindTime)
}

// published records that the status was published.
func (p *cadence) published(now time.Time, unfinished bool) {
	*p = cadence{unfinished: unfinished}
	p.note(now, false, unfinished)
}
