package observe

import (
	"testing"
	"time"

	"linkd/pkg/spec"
)

// What took long is not done again at once; what did not is.
func TestALongScanIsNotRepeatedAtOnce(t *testing.T) {
	var p pace
	now := time.Now()
	found := map[spec.Selector]matches{}
	p.scanned(found, now, now.Add(longScan))
	if p.at(now.Add(longScan)) != nil {
		t.Error("the result of a short scan is kept")
	}
	const took = 4 * longScan
	ended := now.Add(took)
	p.scanned(found, now, ended)
	if p.at(ended.Add(scanRest*took-1)) == nil {
		t.Error("another scan follows a long one at once")
	}
	if p.at(ended.Add(scanRest*took)) != nil {
		t.Error("the result of a long scan is kept for too long")
	}
}
