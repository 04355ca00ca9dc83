package observe

import (
	"time"

	"linkd/pkg/spec"
)

const (
	// manyProcesses is the number of processes up to which linkd scans them on every request.
	manyProcesses = 20_000
	// cachedPerProcess is how long the result of a larger scan is used again, per process: nine times the cost of
	// reading its entry.
	cachedPerProcess = 25 * time.Microsecond
)

// scanCache keeps the result of a scan of many processes. Any user can start as many as their limits allow, and would
// otherwise make linkd scan all the time.
type scanCache struct {
	found map[spec.Selector]matches
	until time.Time
}

// scanned stores the result of a scan.
func (p *scanCache) scanned(found map[spec.Selector]matches, processes int, ended time.Time) {
	*p = scanCache{}
	if processes > manyProcesses {
		*p = scanCache{found: found, until: ended.Add(time.Duration(processes) * cachedPerProcess)}
	}
}

// at returns the result of an earlier scan, or nil if it is time for another.
func (p *scanCache) at(now time.Time) map[spec.Selector]matches {
	if now.Before(p.until) {
		return p.found
	}
	return nil
}
