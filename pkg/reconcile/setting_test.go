package reconcile

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// panel are the knobs of a value, and face is the value of knobs.
func panel(value string) map[string]string {
	knobs := map[string]string{}
	for _, knob := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' }) {
		name, set, _ := strings.Cut(knob, ":")
		knobs[name] = set
	}
	return knobs
}

func face(knobs map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(knobs)) {
		words = append(words, name+":"+knobs[name])
	}
	return strings.Join(words, ",")
}

// over are the knobs of both values, and as top has them where both have one.
func over(bottom, top string) string {
	knobs := panel(bottom)
	maps.Copy(knobs, panel(top))
	return face(knobs)
}

func (k panelKind) Observe(_ context.Context, ns *observe.NS, _ Query[*toy]) ([]*toy, error) {
	return k.observe(ns, "panel")
}

func (k panelKind) Diff(want, have *toy) []Field {
	var fs Fields
	wanted, there := panel(want.value), panel(have.value)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		value := wanted[name]
		Compare(&fs, name, &value, there[name])
	}
	return fs
}

// Create sets it, as that of a knob does.
func (k panelKind) Create(_ context.Context, _ *observe.NS, want *toy) error {
	return k.write("create", want, false)
}

func (k panelKind) Update(_ context.Context, _ *observe.NS, want, _ *toy) error {
	full := *want
	full.value = over(k.things[want.id].value, want.value)
	return k.write("update", &full, false)
}

func (k panelKind) Before(want, have *toy) (string, bool) {
	was := panel(want.value)
	if have != nil {
		for name := range was {
			was[name] = panel(have.value)[name]
		}
	}
	text, err := json.Marshal(was)
	return string(text), err == nil
}

func (k panelKind) Prior(have *toy, before string) *toy {
	var was map[string]string
	_ = json.Unmarshal([]byte(before), &was)
	return &toy{id: have.id, needs: have.needs, value: face(was)}
}

func (k panelKind) Fill(want, prior *toy) *toy {
	full := *want
	full.value = over(prior.value, want.value)
	return &full
}

// Each part has its own oldest value, and what is not managed any more is not kept.
func TestOldestValues(t *testing.T) {
	for _, test := range []struct{ originalValue, now, want string }{
		{"1", "2", "1"},
		{"", "2", ""},
		{"br0", "{}", "br0"},
		{`{"mtu":1500}`, `{"mtu":9000}`, `{"mtu":1500}`},
		{`{"mtu":1500}`, `{"mtu":9000,"up":false}`, `{"mtu":1500,"up":false}`},
		{`{"mtu":1500,"up":true}`, `{"up":false}`, `{"up":true}`},
		{`{}`, `null`, `{}`},
		{`{"mtu":1500}`, `null`, `{"mtu":1500}`},
	} {
		if got := originalValue(test.originalValue, test.now); got != test.want {
			t.Errorf("%s, then %s: got %s, want %s", test.originalValue, test.now, got, test.want)
		}
	}
}

// A part that leaves the files goes back to what it was while the others stay, and is not linkd's from there on.
func TestAPartLeavesTheFiles(t *testing.T) {
	b := newBench(t, "host/panel/p value=a:1,b:1,c:1")
	b.want("host/panel/p value=a:2")
	b.pass(0, "update host/panel/p\n")
	b.want("host/panel/p value=a:2,b:2,c:1")
	b.pass(0, "update host/panel/p\n")
	b.has("host/panel/p value=a:2,b:2,c:1\n")

	b.restart()
	b.want("host/panel/p value=b:3")
	b.pass(0, "update host/panel/p\n")
	b.has("host/panel/p value=a:1,b:3,c:1\n")
	b.things[parseID("host/panel/p")].value = "a:7,b:3,c:7"
	b.pass(0, "")
	b.has("host/panel/p value=a:7,b:3,c:7\n")

	// What it was is still known of the part that stayed, and a part that comes again is another beginning.
	b.want("host/panel/p value=a:8,b:3")
	b.pass(0, "update host/panel/p\n")
	b.want("")
	b.pass(0, "update host/panel/p\n")
	b.has("host/panel/p value=a:7,b:1,c:7\n")
}

// Whether a part is put back does not depend on the others.
func TestAPartThatSomebodyChanged(t *testing.T) {
	b := newBench(t, "host/panel/p value=a:1,b:1\nhost/panel/q value=a:1,b:1")
	b.want("host/panel/p value=a:2,b:2\nhost/panel/q value=a:2,b:2")
	b.pass(0, "update host/panel/p\nupdate host/panel/q\n")
	b.things[parseID("host/panel/p")].value = "a:9,b:2"
	b.things[parseID("host/panel/q")].value = "a:9,b:2"
	b.want("host/panel/q value=b:2")
	b.pass(0, "update host/panel/p\n")
	b.has("host/panel/p value=a:9,b:1\nhost/panel/q value=a:9,b:2\n")
	b.want("")
	b.pass(0, "update host/panel/q\n")
	b.has("host/panel/p value=a:9,b:1\nhost/panel/q value=a:9,b:1\n")
}

// The files come to say what a part is already: by somebody's hand, or all along.
func TestAPartThatIsRightAlready(t *testing.T) {
	b := newBench(t, "host/panel/p value=a:1,b:1")
	b.want("host/panel/p value=a:2")
	b.pass(0, "update host/panel/p\n")
	b.things[parseID("host/panel/p")].value = "a:3,b:1"
	b.want("host/panel/p value=a:3,b:1")
	b.pass(0, "")
	b.things[parseID("host/panel/p")].value = "a:3,b:5"
	b.pass(0, "update host/panel/p\n")
	b.want("")
	b.pass(0, "update host/panel/p\n")
	b.has("host/panel/p value=a:1,b:1\n")
}

// What cannot be put back is failed, and tried again less and less often, as what cannot be made.
func TestASettingThatIsNotPutBack(t *testing.T) {
	b := newBench(t, "host/knob/k value=1\nhost/knob/l value=1")
	b.want("host/knob/k value=2\nhost/knob/l value=2")
	b.pass(0, "update host/knob/k\nupdate host/knob/l\n")
	b.refuses[parseID("host/knob/k")] = unix.EBUSY
	b.want("")
	const failed = "host/knob/k failed: update host/knob/k: device or resource busy\n"
	b.pass(0, "update host/knob/k\nupdate host/knob/l\nupdate host/knob/k\n"+failed)
	b.pass(0, failed)
	b.pass(time.Minute, "update host/knob/k\n"+failed)
	delete(b.refuses, parseID("host/knob/k"))
	b.pass(time.Minute, "update host/knob/k\n")
	b.has("host/knob/k value=1\nhost/knob/l value=1\n")
}

// A change that fails leaves the setting as linkd made it before, and that is put back as well.
func TestASettingIsPutBackAfterAChangeThatFailed(t *testing.T) {
	b := newBench(t, "host/knob/k value=1\nhost/panel/p value=a:1,b:1")
	b.want("host/knob/k value=2\nhost/panel/p value=a:2,b:2")
	b.pass(0, "update host/knob/k\nupdate host/panel/p\n")
	b.refuses[parseID("host/knob/k")] = unix.EBUSY
	b.refuses[parseID("host/panel/p")] = unix.EBUSY
	b.want("host/knob/k value=3\nhost/panel/p value=a:3,b:3")
	b.pass(0, "update host/knob/k\nupdate host/panel/p\nhost/knob/k failed: update host/knob/k: device or resource busy\nhost/panel/p failed: update host/panel/p: device or resource busy\n")
	b.restart()
	clear(b.refuses)
	b.things[parseID("host/panel/p")].value = "a:2,b:9"
	b.want("")
	b.pass(0, "update host/knob/k\nupdate host/panel/p\n")
	b.has("host/knob/k value=1\nhost/panel/p value=a:1,b:9\n")
}

// What goes home to its own namespace keeps its settings, so each is put back before.
func TestASettingIsPutBackBeforeWhatHasItGoesHome(t *testing.T) {
	b := newBench(t, "host/box/w home=host/box/h\nhost/knob/w needs=host/box/w value=1")
	b.want("host/box/w home=host/box/h\nhost/knob/w needs=host/box/w value=2")
	b.pass(0, "update host/knob/w\n")
	b.refuses[parseID("host/knob/w")] = unix.EBUSY
	b.want("")
	const failed = "host/box/w blocked: blocked by host/knob/w: update host/knob/w: device or resource busy\n" +
		"host/knob/w failed: update host/knob/w: device or resource busy\n"
	b.pass(0, "update host/knob/w\n"+failed)
	b.pass(time.Minute, "update host/knob/w\n"+failed)
	delete(b.refuses, parseID("host/knob/w"))
	b.pass(time.Minute, "update host/knob/w\nput back host/box/w host/box/h\ndelete host/knob/w\n")
	b.has("host/box/h\n")
}
