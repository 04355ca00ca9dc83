package observe

import (
	"testing"
	"time"

	"linkd/pkg/spec"
)

// A long list is not read again at once; a short one is.
func TestALongScanIsNotRepeatedAtOnce(t *testing.T) {
	var p scanCache
	now := time.Now()
	found := map[spec.Selector]matches{}
	p.scanned(found, manyProcesses, now)
	if p.at(now) != nil {
		t.Error("the result of a short scan is kept")
	}
	const many = 2 * manyProcesses
	p.scanned(found, many, now)
	if p.at(now.Add(many*cachedPerProcess-1)) == nil {
		t.Error("another scan follows a long one at once")
	}
	if p.at(now.Add(many*cachedPerProcess)) != nil {
		t.Error("the result of a long scan is kept for too long")
	}
}
