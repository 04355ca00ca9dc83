package observe

import (
	"time"

	"linkd/pkg/spec"
)

const (
	// longScan is how long a scan of all processes may take and yet be made whenever somebody asks: some 20,000 processes.
	longScan = 50 * time.Millisecond
	// scanRest is for how many times as long as a long scan took its result is used again.
	scanRest = 9
)

// pace keeps what a scan found that took long. Any user can start as many processes as their limits allow, and would
// otherwise keep linkd busy with reading the list of them.
type pace struct {
	found map[spec.Selector]matches
	until time.Time
}

// scanned notes the result of a scan.
func (p *pace) scanned(found map[spec.Selector]matches, began, ended time.Time) {
	*p = pace{}
	if took := ended.Sub(began); took > longScan {
		*p = pace{found: found, until: ended.Add(scanRest * took)}
	}
}

// at is the result of an earlier scan, or nil if it is time for another.
func (p *pace) at(now time.Time) map[spec.Selector]matches {
	if now.Before(p.until) {
		return p.found
	}
	return nil
}
