package iptables

import (
	"maps"
	"strings"
	"sync"
	"time"

	"linkd/pkg/observe"
)

// legacySamples detects changes of the legacy backend, for both families. Its programs take the lock for each change, but a program
// in a container may have another lock file, and some programs take none.
var legacySamples = &observe.Sampling{
	Topic: observe.RulesetTopic,
	Take:  func() (string, error) { return legacyStamps(ipv4, ipv6) },
	Known: legacyLooks.know,
	Often: legacyLooks.wanted,
	Lock:  lockFile,
	Idle:  func() bool { return observe.Unloaded("ip_tables") && observe.Unloaded("ip6_tables") },
}

// looks has the last observations of each family's rules in each namespace.
type looks struct {
	mu  sync.Mutex
	all map[lookedAt]look
	// dropped is when linkd last removed old ones.
	dropped time.Time
}

type lookedAt struct{ ns, family string }

// look is an observation of a family's rules in a namespace: its time, the stamp of the legacy tables before it, and whether the
// files want rules while there are legacy ones.
type look struct {
	at     time.Time
	stamp  string
	wanted bool
}

var legacyLooks = &looks{all: map[lookedAt]look{}}

const (
	// wantedFor is how long an observation counts as evidence that the files want rules: longer than linkd waits until it observes
	// again without an event.
	wantedFor = 2 * time.Minute
	// lookKept is how long linkd keeps an observation at least.
	lookKept = time.Hour
)

// note adds an observation of a family in a namespace, with the stamp that was taken before it.
func (l *looks) note(ns string, f family, stamp string, wanted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.dropped) > lookKept {
		maps.DeleteFunc(l.all, func(_ lookedAt, k look) bool { return now.Sub(k.at) > lookKept })
		l.dropped = now
	}
	l.all[lookedAt{ns, f.name}] = look{at: now, stamp: stamp, wanted: wanted}
}

// stampBefore returns the stamp of the family's legacy tables in the thread's namespace before an observation. If another program
// is changing them, it returns a stamp that no sample equals.
func (f family) stampBefore() string {
	stamp, err := f.legacyStamp()
	if err != nil {
		return ""
	}
	return stamp
}

// know reports whether the last observations of a namespace had the same legacy tables as a sample. judged is false if there was
// none.
func (l *looks) know(ns, sample string) (known, judged bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of4, of6, _ := strings.Cut(sample, stampEnd)
	known = true
	for f, stamp := range map[string]string{ipv4.name: of4 + stampEnd, ipv6.name: of6} {
		k, looked := l.all[lookedAt{ns, f}]
		if !looked {
			return false, false
		}
		known = known && k.stamp == stamp
	}
	return known, true
}

// wanted returns the namespaces in which the files want rules.
func (l *looks) wanted() (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, k := range l.all {
		if k.wanted && time.Since(k.at) <= wantedFor {
			names = append(names, at.ns)
		}
	}
	return names
}
