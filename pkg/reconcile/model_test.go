package reconcile

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"linkd/pkg/spec"
)

// More than rapid's own hundred draws, as they cost little.
func init() { _ = flag.Set("rapid.checks", "1000") }

// Whatever is there and whatever is wanted, one plan leads from one to the other, and no step of it asks for what the
// kernel would refuse: to make something without what it needs, or to delete what something else goes on needing.
// Then there is nothing left to do, and what others made is as it was.
func TestOnePlanIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		theirs := drawToys(t, "theirs", "t", nil)
		have := drawToys(t, "have", "o", theirs)
		for _, ours := range have {
			ours.mark = true
		}
		want := drawToys(t, "want", "o", theirs)

		k := newKernel("")
		for _, r := range slices.Concat(theirs, have) {
			k.things[r.id] = r
		}
		before := k.String()
		s := situation{want: lines(want), have: k.String()}
		plan, verdicts := s.comparison().run()
		texts := fmt.Sprintf("wanted:\n%sthere:\n%splan:\n%s", lines(want), before, plan)
		for id, v := range verdicts {
			if v.State != OK {
				t.Fatalf("%s is %s: %s\n%s", id, v.State, v.Reason, texts)
			}
		}
		for i, op := range plan {
			if err := k.carryOut(op, plan[i+1:]); err != nil {
				t.Fatalf("%s: %v\n%s", op, err, texts)
			}
		}
		left := situation{want: lines(want), have: k.String()}
		if again, _ := left.comparison().run(); len(again) > 0 {
			t.Fatalf("%safter which there is\n%sa second plan:\n%s", texts, k, again)
		}
		for _, r := range theirs {
			if now := k.things[r.id]; now == nil || now.String() != r.String() {
				t.Fatalf("what others made, %s, is now %v\n%s", r, now, texts)
			}
		}
	})
}

// drawToys makes a few boxes, called by a letter and a digit, each with needs among those that come later and among
// others: so nothing needs itself, and from one draw to the next what needed may be needed.
func drawToys(t *rapid.T, label, letter string, others []*toy) (toys []*toy) {
	order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5}).Draw(t, label)
	order = order[:rapid.IntRange(0, len(order)).Draw(t, label+" there are")]
	needable := make([]spec.ID, 0, len(order)+len(others))
	for _, o := range others {
		needable = append(needable, o.id)
	}
	for _, n := range order {
		id := spec.LinkID("lab", fmt.Sprint(letter, n))
		id.Kind = "box"
		r := &toy{
			id:    id,
			value: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "value"),
			frame: rapid.SampledFrom([]string{"x", "x", "x", "y"}).Draw(t, "frame"),
		}
		for _, need := range needable {
			if rapid.IntRange(0, 2).Draw(t, "needs") == 0 {
				r.needs = append(r.needs, need)
			}
		}
		toys = append(toys, r)
		needable = append(needable, id)
	}
	slices.SortFunc(toys, func(a, b *toy) int { return a.id.Compare(b.id) })
	return toys
}

func lines(toys []*toy) string {
	var b strings.Builder
	for _, r := range toys {
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

// carryOut does one op as a kernel would that minds what is needed. Rest is what comes after it.
func (k *kernel) carryOut(op *Op, rest Plan) error {
	id := op.ID()
	kind := toyKind{k}
	switch op.Verb {
	case Create:
		return kind.Create(context.Background(), nil, op.Want.(*toy))
	case Update:
		return kind.Update(context.Background(), nil, op.Want.(*toy), op.Have.(*toy))
	case Delete, Replace:
		if err := k.endangers(id, rest); err != nil {
			return err
		}
		if err := k.delete(id); err != nil || op.Verb == Delete {
			return err
		}
		return kind.Create(context.Background(), nil, op.Want.(*toy))
	}
	return nil
}

// endangers is what would be lost with id though it is to stay: it is neither made again after it nor to go as well.
func (k *kernel) endangers(id spec.ID, rest Plan) error {
	for needer := range k.needers(id) {
		if !slices.ContainsFunc(rest, func(later *Op) bool { return later.ID() == needer && later.Verb != Update }) {
			return fmt.Errorf("%s still needs it", needer)
		}
		if err := k.endangers(needer, rest); err != nil {
			return err
		}
	}
	return nil
}
