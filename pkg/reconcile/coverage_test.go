package reconcile

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// tagKind is selective, and its resources belong to links: host/tag/lo/x is on lo. Of its marked ones it finds all when
// nobody tells what to look for.
type tagKind struct {
	toyKind
	asked *[]string
}

func (k tagKind) Observe(_ context.Context, ns *observe.NS, query Query[*toy]) ([]*toy, error) {
	if query.Purpose == ToCompare {
		return k.observeWanted(query.Wanted)
	}
	*k.asked = append(*k.asked, "all")
	return k.observe(ns, "tag")
}

func (k tagKind) observeWanted(wanted []*toy) (found []*toy, err error) {
	var keys []string
	for _, w := range wanted {
		keys = append(keys, w.id.Key)
		if t := k.things[w.id]; t != nil {
			found = append(found, t)
		}
	}
	slices.Sort(keys)
	*k.asked = append(*k.asked, strings.Join(keys, " "))
	return found, nil
}

func (k tagKind) FromID(id spec.ID) (*toy, bool) { return &toy{id: id}, true }

func (k tagKind) registered() Registered {
	return Register[*toy]("tag", k, Capabilities[*toy]{Topics: []observe.Topic{observe.LinkTopic}, FromID: k.FromID, Link: k.OnLink})
}

func (k tagKind) OnLink(t *toy) (name string, index int) {
	name, _, _ = strings.Cut(t.id.Key, "/")
	return name, map[string]int{"lo": loopback, "before0": loopback}[name]
}

// loopback is the index of lo in every namespace (LOOPBACK_IFINDEX in net/net_namespace.h).
const loopback = 1

func TestNewsOfALinkIsAboutWhatIsOnIt(t *testing.T) {
	b := newBench(t, "host/tag/lo/left mark\nhost/tag/gone0/theirs")
	var asked []string
	b.engine = NewEngine([]Registered{tagKind{toyKind{b.kernel}, &asked}.registered()},
		b.world, OpenJournal(b.journal), b.engine.log)
	asks := func(what string, want ...string) {
		t.Helper()
		b.engine.Converge(t.Context())
		if d := cmp.Diff(want, asked); d != "" {
			t.Errorf("%s: asked for (-want +got):\n%s", what, d)
		}
		asked = nil
	}
	b.engine.Search()
	b.want("host/tag/lo/a\nhost/tag/lo/b\nhost/tag/gone0/c")
	// What an earlier run left is found when there is no journal yet, and goes; then it is seen how that went.
	asks("at first", "gone0/c lo/a lo/b", "all", "gone0/c lo/a lo/b")
	b.has("host/tag/gone0/c mark\nhost/tag/gone0/theirs\nhost/tag/lo/a mark\nhost/tag/lo/b mark\n")
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic, Links: []int{loopback}}})
	asks("news of a link", "lo/a lo/b")
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic, Links: []int{1 << 30}}})
	asks("news of another")
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic}})
	asks("news of many", "gone0/c lo/a lo/b")

	// What was not asked for is as it was, and what was asked for and is not there is made again.
	delete(b.things, parseID("host/tag/lo/a"))
	delete(b.things, parseID("host/tag/gone0/c"))
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic, Links: []int{loopback}}})
	asks("one of it is gone", "lo/a lo/b", "lo/a lo/b")
	b.has("host/tag/gone0/theirs\nhost/tag/lo/a mark\nhost/tag/lo/b mark\n")
}

// What an earlier run left is not forgotten while it is not known all that is wanted: it goes once that is.
func TestWhatWasFoundWaitsUntilAllIsKnown(t *testing.T) {
	b := newBench(t, "host/tag/lo/left mark")
	var asked []string
	b.engine = NewEngine([]Registered{tagKind{toyKind{b.kernel}, &asked}.registered()},
		b.world, OpenJournal(b.journal), b.engine.log)
	b.engine.Search()
	b.engine.Want(wants("host/tag/lo/a"), false)
	b.engine.Converge(t.Context())
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic}})
	b.engine.Converge(t.Context())
	b.has("host/tag/lo/a mark\nhost/tag/lo/left mark\n")
	b.engine.WantTemplates(wants("host/tag/lo/a\nhost/tag/lo/b"), true)
	b.engine.Converge(t.Context())
	b.has("host/tag/lo/a mark\nhost/tag/lo/b mark\n")
}

// A link that has another name than when it was last looked at is reason to look at all: whatever refers to it by name is
// something else now, and the kernel does not announce that.
func TestNewsOfARenamedLinkIsAboutEverything(t *testing.T) {
	b := newBench(t, "")
	var asked []string
	b.engine = NewEngine([]Registered{tagKind{toyKind{b.kernel}, &asked}.registered()},
		b.world, OpenJournal(b.journal), b.engine.log)
	b.want("host/tag/before0/a\nhost/tag/gone0/c")
	b.engine.Converge(t.Context())
	asked = nil
	// The link with that index is called lo.
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic, Links: []int{loopback}}})
	b.engine.Converge(t.Context())
	if d := cmp.Diff([]string{"before0/a gone0/c"}, asked); d != "" {
		t.Errorf("asked for (-want +got):\n%s", d)
	}
}
