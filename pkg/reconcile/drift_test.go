package reconcile

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// An engine looks only where news has come from, and compares only what that concerns. However others change things in
// between, and however the files change, it ends where an engine ends that begins anew and looks at everything.
func TestNewsIsEnough(t *testing.T) {
	b := newBench(t, "")
	rapid.Check(t, func(t *rapid.T) {
		b.kernel = newKernel("")
		b.clock = time.Unix(1e9, 0)
		b.engine = NewEngine(b.kinds(), b.world, remembers(""), slog.New(slog.NewTextHandler(io.Discard, nil)))
		b.engine.now = func() time.Time { return b.clock }
		var story []string
		steps := rapid.IntRange(1, 8).Draw(t, "steps")
		b.engine.Want(wants(drawWants(t)), true)
		for range steps {
			before := clone(b.things)
			story = append(story, b.drift(t))
			b.engine.Notify(news(before, b.things, b.wrote()))
			for quiet := 0; quiet < 2; quiet++ {
				// Long enough for everything to be tried again, and for nothing to flap.
				b.clock = b.clock.Add(2 * flapWindow)
				before = clone(b.things)
				b.engine.Converge(context.Background())
				b.engine.check(t)
				if echo := news(before, b.things, b.wrote()); len(echo) > 0 {
					// What the engine does itself comes back to it.
					b.engine.Notify(echo)
					quiet = 0
				}
			}
			there, stands := b.kernel.String(), standing(b.engine)

			fresh := &bench{T: b.T, kernel: &kernel{things: clone(b.things), refuses: b.refuses}, world: b.world}
			journal := remembers("")
			for id, e := range b.engine.journal.Entries() {
				journal.Put(id, e)
			}
			e := NewEngine(fresh.kinds(), b.world, journal, slog.New(slog.NewTextHandler(io.Discard, nil)))
			e.Want(&spec.Desired{Resources: b.engine.desired.set}, !b.engine.desired.partial)
			e.Converge(context.Background())
			if d := cmp.Diff(fresh.kernel.String()+standing(e), there+stands); d != "" {
				t.Fatalf("%s\nwanted:\n%s\nfresh start and now (-fresh +now):\n%s", strings.Join(story, "\n"), lines(toysOf(b.engine.desired.set)), d)
			}
		}
	})
}

// standing is how the resources stand, a line each.
func standing(e *Engine) string {
	var b strings.Builder
	for _, r := range e.Status(nil).Resources {
		fmt.Fprintln(&b, r.ID, r.State, r.Reason)
	}
	return b.String()
}

func toysOf(set *spec.Set) (toys []*toy) {
	for _, r := range set.All() {
		toys = append(toys, r.(*toy))
	}
	return toys
}

func clone(things map[spec.ID]*toy) map[spec.ID]*toy {
	copied := make(map[spec.ID]*toy, len(things))
	for id, t := range things {
		c := *t
		copied[id] = &c
	}
	return copied
}

// news is what a kernel announces of the change from one state to another. It announces also what came and went in between.
func news(before, after map[spec.ID]*toy, wrote string) (ns []observe.Notification) {
	topics := map[string]observe.Topic{"box": observe.LinkTopic, "knob": observe.NetconfTopic, "note": observe.RouteTopic}
	changed := map[string]bool{}
	for _, things := range []map[spec.ID]*toy{before, after} {
		for id := range things {
			if fmt.Sprint(before[id]) != fmt.Sprint(after[id]) {
				changed[id.Kind] = true
			}
		}
	}
	for line := range strings.Lines(wrote) {
		if id, deleted := strings.CutPrefix(strings.TrimSpace(line), "delete "); deleted {
			changed[parseID(id).Kind] = true
		}
	}
	for kind := range changed {
		ns = append(ns, observe.Notification{NS: spec.Host, Topic: topics[kind]})
	}
	return ns
}

var driftIDs = []string{"host/box/a", "host/box/b", "host/box/c", "host/note/d", "host/note/e", "host/knob/f"}

// drawWants makes a desired state in which what comes later may need what comes before.
func drawWants(t *rapid.T) string {
	var text strings.Builder
	for i, id := range driftIDs {
		if rapid.Bool().Draw(t, "wants "+id) {
			fmt.Fprintf(&text, "%s value=%d frame=%d", id, rapid.IntRange(1, 2).Draw(t, "value"), rapid.IntRange(1, 2).Draw(t, "frame"))
			if i > 0 && rapid.Bool().Draw(t, "needs") {
				fmt.Fprintf(&text, " needs=%s", driftIDs[rapid.IntRange(0, i-1).Draw(t, "which")])
			}
			text.WriteByte('\n')
		}
	}
	return text.String()
}

// drift is one thing that happens while the engine is not looking, and its name.
func (b *bench) drift(t *rapid.T) string {
	id := parseID(rapid.SampledFrom(driftIDs).Draw(t, "id"))
	switch what := rapid.SampledFrom([]string{"nothing", "value", "delete", "make", "refuse", "files", "population"}).Draw(t, "drift"); what {
	case "value":
		if r := b.things[id]; r != nil {
			changed := *r
			changed.value = "9"
			b.things[id] = &changed
		}
		return fmt.Sprint(id, " has another value")
	case "delete":
		b.kernel.end(id)
		return fmt.Sprint(id, " is deleted")
	case "make":
		if b.things[id] == nil {
			b.things[id] = &toy{id: id, value: fmt.Sprint(rapid.IntRange(1, 2).Draw(t, "value")), frame: "1"}
		}
		return fmt.Sprint(id, " is made by others")
	case "refuse":
		if b.refuses[id] != nil {
			delete(b.refuses, id)
			return fmt.Sprint(id, " is refused no more")
		}
		b.refuses[id] = unix.EBUSY
		return fmt.Sprint(id, " is refused")
	case "population":
		text := drawWants(t)
		complete := rapid.Bool().Draw(t, "complete")
		b.engine.WantTemplates(wants(text), complete)
		return fmt.Sprintf("the templates stand for (complete %t):\n%s", complete, text)
	case "files":
		text := drawWants(t)
		complete := rapid.Bool().Draw(t, "complete")
		b.engine.Want(wants(text), complete)
		return fmt.Sprintf("the files want (complete %t):\n%s", complete, text)
	}
	return "nothing happens"
}
