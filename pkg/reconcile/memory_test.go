package reconcile

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"testing"

	"linkd/pkg/spec"
)

// What is recalled is the same as what would be found without a memory: the picture, and what is compared again. Some
// messages are of resources with the same ID, some looks come to nothing, and the picture is forgotten now and then.
func TestMemoryChangesNothing(t *testing.T) {
	holds := func(spec.Resource) bool { return true }
	recalled := 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 0))
		core := func() *Core {
			kind := Register[*simPiece]("note", nil, Capabilities[*simPiece]{Same: func(now, before *simPiece) bool { return *now == *before }})
			return NewCore([]Registered{kind}, newJournal(""), slog.New(slog.NewTextHandler(io.Discard, nil)))
		}
		with, without := core(), core()
		at, kind := scope{"lab", "note"}, with.kinds.byName["note"]
		messages := map[string]*simPiece{}
		for i := range 2 * fewRemembered {
			messages[fmt.Sprint(i)] = &simPiece{id: spec.ID{NS: "lab", Kind: "note", Key: fmt.Sprint(i)}, value: "0"}
		}
		for round := range 30 {
			for range rng.IntN(4) {
				key := rng.IntN(2*fewRemembered + 4)
				id := spec.ID{NS: "lab", Kind: "note", Key: fmt.Sprint(key)}
				switch rng.IntN(8) {
				case 0:
					messages["twin"] = &simPiece{id: id, value: "twin"}
				case 1, 2, 3:
					delete(messages, fmt.Sprint(key))
				case 4:
					delete(messages, "twin")
				default:
					delete(messages, fmt.Sprint(key))
					messages[fmt.Sprint(key, " ", round)] = &simPiece{id: id, value: fmt.Sprint(round)}
				}
			}
			seen := observation{scope: at, memory: with.memoryFor(kind, at)}
			if seen.memory != nil {
				seen.memory.begin()
			}
			for text, r := range messages {
				if known := seen.memory.Recall([]byte(text), holds); known != nil {
					seen.found = append(seen.found, known)
					recalled++
				} else {
					made := *r
					seen.memory.Keep([]byte(text), &made)
					seen.found = append(seen.found, &made)
				}
			}
			if seen.memory != nil {
				seen.memory.end()
			}
			switch rng.IntN(10) {
			case 0:
				continue
			case 1:
				with.forget(with.domain("lab"))
				without.forget(without.domain("lab"))
			}
			plain := observation{scope: at, found: seen.found}
			for _, c := range []*Core{with, without} {
				c.plan.todo = newWorkset()
				c.found.compared[at] = round > 0
			}
			with.observe(kind, &seen)
			without.observe(kind, &plain)
			shown := func(c *Core) string {
				texts := map[string]bool{}
				for key, r := range c.found.observed["lab"]["note"].all() {
					texts[fmt.Sprint(key, " ", r.(*simPiece).value)] = true
				}
				return fmt.Sprint(texts)
			}
			same := shown(with) == shown(without) && maps.Equal(with.plan.todo.scopes, without.plan.todo.scopes)
			for id := range without.plan.todo.ids {
				// What has twins may be compared for another reason.
				same = same && (with.plan.todo.ids[id] || messages["twin"] != nil)
			}
			if !same {
				t.Fatalf("seed %d, round %d: with a memory\n%s\n%v\nand without\n%s\n%v", seed, round, shown(with), with.plan.todo, shown(without), without.plan.todo)
			}
		}
	}
	if recalled == 0 {
		t.Error("nothing was recalled")
	}
}
