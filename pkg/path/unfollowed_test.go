package path

import "testing"

func TestFullTable(t *testing.T) {
	for _, c := range []struct {
		count, most int
		full        bool
	}{{0, 0, false}, {7, 0, false}, {7, 8, false}, {8, 8, true}, {9, 8, true}} {
		if isFull(c.count, c.most) != c.full {
			t.Errorf("%d of %d: %v", c.count, c.most, !c.full)
		}
	}
}
