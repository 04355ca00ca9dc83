package observe

import (
	"time"

	"linkd/pkg/spec"
)

const (
	// manyProcesses is how many processes there may be, and the list of them be read whenever somebody asks.
	manyProcesses = 20_000
	// scanRest is for how long the result is used again for each process, where there are more: nine times what reading its
	// entry takes.
	scanRest = 25 * time.Microsecond
)

// pace keeps what a scan found of many processes. Any user can start as many as their limits allow, and would otherwise
// keep linkd busy with reading the list of them.
type pace struct {
	found map[spec.Selector]matches
	until time.Time
}

// scanned notes the result of a scan.
func (p *pace) scanned(found map[spec.Selector]matches, processes int, ended time.Time) {
	*p = pace{}
	if processes > manyProcesses {
		*p = pace{found: found, until: ended.Add(time.Duration(processes) * scanRest)}
	}
}

// at is the result of an earlier scan, or nil if it is time for another.
func (p *pace) at(now time.Time) map[spec.Selector]matches {
	if now.Before(p.until) {
		return p.found
	}
	return nil
}
