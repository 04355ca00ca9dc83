package iptables

import (
	"maps"
	"strings"
	"sync"
	"time"

	"linkd/pkg/observe"
)

// legacySamples notice changes of the legacy backend, of both families. Its programs take the lock for each change, but a
// program in a container may have a lock file of its own, and others take none.
var legacySamples = &observe.Sampling{
	Topic: observe.RulesetTopic,
	Take:  func() (string, error) { return legacyStamps(ipv4, ipv6) },
	Known: legacyLooks.know,
	Often: legacyLooks.wanted,
	Lock:  lockFile,
	Idle:  func() bool { return observe.Unloaded("ip_tables") && observe.Unloaded("ip6_tables") },
}

// looks are the last looks at the rules of each family in each namespace.
type looks struct {
	mu  sync.Mutex
	all map[lookedAt]look
	// dropped is when old looks were last dropped.
	dropped time.Time
}

type lookedAt struct{ ns, family string }

// look is a look at a family's rules in a namespace: when it was, the stamp of the legacy tables before it, and whether files
// want rules while there are legacy ones.
type look struct {
	at     time.Time
	stamp  string
	wanted bool
}

var legacyLooks = &looks{all: map[lookedAt]look{}}

const (
	// wantedFor is how long a look tells that files want rules: longer than linkd waits until it looks again without news.
	wantedFor = 2 * time.Minute
	// lookKept is how long a look is remembered at least.
	lookKept = time.Hour
)

// note notes a look at a family in a namespace, and the stamp that was taken before it.
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

// stampBefore is the stamp of the family's legacy tables in the thread's namespace, for a look that begins. If somebody changes
// them at this moment, it is one that no sample has.
func (f family) stampBefore() string {
	stamp, err := f.legacyStamp()
	if err != nil {
		return ""
	}
	return stamp
}

// know tells whether the last looks at a namespace have seen the legacy tables as a sample has them. Judged is false where
// there was no such look.
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

// wanted are the namespaces in which files want rules.
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
