package iptables

import (
	"maps"
	"slices"
	"sync"
	"time"

	"linkd/pkg/observe"
)

// legacySamples notice changes of the legacy backend, of both families. Its programs take the lock for each change, but a program in a container
// may have a lock file of its own, and others take none.
var legacySamples = &observe.Sampling{
	Topic: observe.RulesetTopic,
	Take:  legacyStamp,
	Often: legacyUsers.names,
	Lock:  lockFile,
	Idle:  func() bool { return observe.Unloaded("ip_tables") && observe.Unloaded("ip6_tables") },
}

// users are the namespaces in which linkd looked at rules of the legacy backend, and when it last did.
type users struct {
	mu    sync.Mutex
	since map[string]time.Time
}

var legacyUsers = &users{since: map[string]time.Time{}}

// usedFor is how long a namespace counts after a look: longer than linkd waits until it looks again without news.
const usedFor = 2 * time.Minute

func (u *users) note(ns string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.since[ns] = time.Now()
}

func (u *users) names() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.since, func(_ string, since time.Time) bool { return time.Since(since) > usedFor })
	return slices.Collect(maps.Keys(u.since))
}
