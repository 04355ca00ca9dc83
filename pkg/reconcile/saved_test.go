package reconcile

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"linkd/pkg/observe"
)

// masterKind is a kind of settings of which each change makes the kernel drop the box "theirs".
type masterKind struct {
	panelKind
	// dead is why linkd does not come to restore it; nil if it does.
	dead *error
}

func (k masterKind) theirs() *toy { return parse("host/box/theirs value=9")[0] }

func (k masterKind) Update(ctx context.Context, ns *observe.NS, want, have *toy) error {
	if want.value != have.value {
		delete(k.things, k.theirs().id)
	}
	return k.panelKind.Update(ctx, ns, want, have)
}

func (k masterKind) Save(_ *observe.NS, want, have *toy) (string, error) {
	if k.things[k.theirs().id] == nil || want.value == have.value {
		return "", nil
	}
	return "theirs", nil
}

func (k masterKind) Restore(_ *observe.NS, _ *toy, saved string) error {
	if *k.dead == nil && saved == "theirs" {
		k.things[k.theirs().id] = k.theirs()
	}
	return *k.dead
}

// FAULTS 1, 44: what a change makes the kernel drop is restored by the next run of linkd if the one that made the change was killed,
// and no sooner forgotten.
func TestWhatAChangeDropsIsRestored(t *testing.T) {
	const before = "host/box/theirs value=9\nhost/panel/p value=a:1\n"
	for name, test := range map[string]struct{ then, done, after string }{
		"wanted as before": {"host/panel/p value=a:2", "update host/panel/p\n", "host/box/theirs value=9\nhost/panel/p value=a:2\n"},
		"not any more":     {"", "update host/panel/p\n", before},
		"otherwise":        {"host/panel/p value=a:3", "update host/panel/p\n", "host/box/theirs value=9\nhost/panel/p value=a:3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, before)
			var dead error
			start := func() {
				journal := OpenJournal(b.journal)
				t.Cleanup(journal.Close)
				k := masterKind{panelKind{toyKind{b.kernel}}, &dead}
				can := Capabilities[*toy]{Topics: []observe.Topic{observe.LinkTopic}, Settings: k, Fill: k.Fill, Saving: k}
				b.engine = NewEngine([]Registered{Register[*toy]("panel", k, can)}, b.world, journal, slog.New(slog.NewTextHandler(io.Discard, nil)))
				b.engine.now = func() time.Time { return b.clock }
			}
			start()
			dead = errors.New("killed")
			b.want("host/panel/p value=a:2")
			b.pass(0, "update host/panel/p\nhost/panel/p failed: update host/panel/p: restore what host/panel/p has lost: killed\n")
			b.has("host/panel/p value=a:2\n")
			start()
			dead = nil
			b.want(test.then)
			b.pass(0, test.done)
			b.has(test.after)
			for id := range b.engine.journal.Entries() {
				if id.Kind == savedKind {
					t.Errorf("the journal has %s still", id)
				}
			}
			b.pass(0, "")
			b.has(test.after)
		})
	}
}
