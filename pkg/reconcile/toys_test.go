package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// toy is a resource of a toy kind. As text it is its ID, and then what it has:
//
//	lab/box/a value=2 needs=lab/box/b,lab/box/c mark
//
// Its value can be changed in place, and its frame and its needs cannot.
type toy struct {
	id           spec.ID
	needs, after []spec.ID
	value, frame string
	// mark is linkd's. Print tells it apart from another with the same ID.
	mark  bool
	print string
	// adopt, only and makes are what a file may ask for beside: to take it over, not to make it, and to make a
	// namespace with it. Within is a further namespace that it reaches into.
	adopt, only   bool
	makes, within string
	// origin is where it is fetched from. Claim is what a mark says of that, which the journal confirms by the device.
	origin, claim spec.ID
	device        string
	// sole is the IP address that it has alone on the link.
	sole netip.Addr
	// twin is made by the kernel together with it.
	twin spec.ID
	// onlyHalf: the other half of it, elsewhere, is not linkd's.
	onlyHalf bool
	// pending and failed are why it cannot be completed.
	pending, failed string
	// ails is why it is of no use, as wanted as it may be, and remark what is to be said of it beside.
	ails, remark string
	// given: the kernel has given it up. Reached are those that it is reached by, and carrier is what is in the way of
	// that: "none" or "soon".
	given   bool
	reached []spec.ID
	carrier string
	// announced: changes of it are, though it is of a silent kind. Follows: its value follows something else's.
	announced, follows bool
	line               int
}

func (t *toy) ID() spec.ID      { return t.id }
func (t *toy) Needs() []spec.ID { return t.needs }

// Relations: a toy ends with the spaces and the boxes that it needs.
func (t *toy) Relations() spec.Relations {
	r := spec.Relations{Makes: t.makes, OtherNS: cmp.Or(t.within, t.origin.NS), OnlyFound: t.only, FetchedFrom: t.origin, Claim: t.claim, Device: t.device, PeerUnmarked: t.onlyHalf, After: t.after, ReachedBy: t.reached, AlsoMakes: t.twin, Sole: t.sole}
	for _, need := range t.needs {
		if need.Kind == "space" || need.Kind == "box" {
			r.StandsOn = append(r.StandsOn, need)
		}
	}
	return r
}

func (t *toy) fetched() bool { return t.origin != spec.ID{} }

func (t *toy) Origin() spec.Source {
	if t.line == 0 {
		return spec.Source{}
	}
	return spec.Source{File: "a.yaml", Line: t.line, Column: 1}
}

func (t *toy) String() string {
	words := []string{t.id.String()}
	add := func(key, value string) {
		if value != "" {
			words = append(words, key+"="+value)
		}
	}
	add("value", t.value)
	add("frame", t.frame)
	ids := make([]string, len(t.needs))
	for i, need := range t.needs {
		ids[i] = need.String()
	}
	add("needs", strings.Join(ids, ","))
	add("print", t.print)
	if t.fetched() {
		add("home", t.origin.String())
	}
	if t.mark {
		words = append(words, "mark")
	}
	return strings.Join(words, " ")
}

func parseID(text string) spec.ID {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) != 3 {
		panic(fmt.Sprintf("%q is not an ID", text))
	}
	return spec.ID{NS: parts[0], Kind: parts[1], Key: parts[2]}
}

// parse reads toys, one on each line.
func parse(text string) (toys []*toy) {
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		t := &toy{id: parseID(words[0]), line: i + 1}
		for _, word := range words[1:] {
			key, value, _ := strings.Cut(word, "=")
			value = strings.ReplaceAll(value, "_", " ")
			switch key {
			case "value":
				t.value = value
			case "frame":
				t.frame = value
			case "needs":
				for _, id := range strings.Split(value, ",") {
					t.needs = append(t.needs, parseID(id))
				}
			case "after":
				t.after = append(t.after, parseID(value))
			case "reached":
				for _, id := range strings.Split(value, ",") {
					t.reached = append(t.reached, parseID(id))
				}
			case "sole":
				t.sole = netip.MustParseAddr(value)
			case "mark":
				t.mark = true
			case "print":
				t.print = value
			case "adopt":
				t.adopt = true
			case "only":
				t.only = true
			case "makes":
				t.makes = value
			case "home":
				t.origin = parseID(value)
			case "claim":
				t.claim = parseID(value)
			case "twin":
				t.twin = parseID(value)
			case "device":
				t.device = value
			case "half":
				t.onlyHalf = true
			case "within":
				t.within = value
			case "pending":
				t.pending = value
			case "failed":
				t.failed = value
			default:
				panic(fmt.Sprintf("%q in %q", word, line))
			}
		}
		toys = append(toys, t)
	}
	return toys
}

// wants is the desired state that has these toys, in their namespaces.
func wants(text string) *spec.Desired {
	d := &spec.Desired{Namespaces: map[string]spec.Namespace{}, Resources: &spec.Set{}}
	for _, t := range parse(text) {
		d.Resources.Add(t)
	}
	return d
}

// kernel is where the toys are. It refuses what a kernel refuses: to make something without what it needs, or twice.
// What needs something goes when that goes.
type kernel struct {
	things map[spec.ID]*toy
	// refuses are the IDs of which it refuses to make or change any, and why.
	refuses map[spec.ID]error
	// deaf are those that it says to have changed, and has not.
	deaf map[spec.ID]bool
	// lookErrors is why it does not tell what it has.
	lookErrors error
	// tentative are those that will be of use later.
	tentative map[spec.ID]bool
	// announced is what it was told to announce, and asked counts the questions whether something can be announced.
	announced []string
	asked     int
	// hangs, unless it is nil, is what it does not tell before, whatever it is asked.
	hangs chan struct{}
	// writes is what it did.
	writes []string
}

func newKernel(have string) *kernel {
	k := &kernel{things: map[spec.ID]*toy{}, refuses: map[spec.ID]error{}, deaf: map[spec.ID]bool{}}
	for _, t := range parse(have) {
		t.line = 0
		k.things[t.id] = t
	}
	return k
}

func (k *kernel) String() string {
	var b strings.Builder
	for _, id := range slices.SortedFunc(maps.Keys(k.things), spec.ID.Compare) {
		fmt.Fprintln(&b, k.things[id])
	}
	return b.String()
}

// wrote is what was done since the last time, one on each line.
func (k *kernel) wrote() string {
	var b strings.Builder
	for _, w := range k.writes {
		fmt.Fprintln(&b, w)
	}
	k.writes = nil
	return b.String()
}

func (k *kernel) write(verb string, want *toy, mark bool) error {
	k.writes = append(k.writes, verb+" "+want.id.String())
	if err := k.refuses[want.id]; err != nil {
		return err
	}
	for _, need := range want.needs {
		if k.things[need] == nil {
			return fmt.Errorf("without %s: %w", need, unix.ENODEV)
		}
	}
	if k.deaf[want.id] {
		return nil
	}
	made := &toy{id: want.id, needs: want.needs, value: want.value, frame: want.frame, mark: mark && want.origin == spec.ID{}, print: want.print, origin: want.origin}
	k.things[want.id] = made
	return nil
}

func (k *kernel) delete(id spec.ID) error {
	if err := k.refuses[id]; err != nil {
		return err
	}
	k.end(id)
	return nil
}

func (k *kernel) end(id spec.ID) {
	if k.things[id] == nil {
		return
	}
	for _, needer := range slices.SortedFunc(maps.Keys(k.needers(id)), spec.ID.Compare) {
		k.end(needer)
	}
	k.writes = append(k.writes, "delete "+id.String())
	delete(k.things, id)
}

// move takes a thing to another place, where it is what is wanted; what needs it there does not come with it.
func (k *kernel) move(verb string, have, want *toy) error {
	k.writes = append(k.writes, verb+" "+have.id.String()+" "+want.id.String())
	if err := k.refuses[want.id]; err != nil {
		return err
	}
	if k.things[have.id] == nil {
		return unix.ENODEV
	}
	if k.things[want.id] != nil {
		return unix.EEXIST
	}
	k.end(have.id)
	k.writes = slices.DeleteFunc(k.writes, func(w string) bool { return w == "delete "+have.id.String() })
	k.things[want.id] = &toy{id: want.id, needs: want.needs, value: want.value, frame: have.frame, origin: want.origin}
	return nil
}

func (k *kernel) needers(id spec.ID) map[spec.ID]bool {
	needers := map[spec.ID]bool{}
	for other, t := range k.things {
		if slices.Contains(t.needs, id) {
			needers[other] = true
		}
	}
	return needers
}

// kinds are the toy kinds, in the order in which a plan prefers them: spaces and boxes are made, marked and deleted,
// and end whatever needs them; knobs are always there, and are set and put back; panels are many knobs in one
// (value=a:1,b:2); notes have no room for a mark.
func (k *kernel) kinds() []Registered {
	base := toyKind{k}
	hears := func(topic observe.Topic) Capabilities[*toy] {
		return Capabilities[*toy]{Topics: []observe.Topic{topic}, Complete: base.Complete, Health: base.Health}
	}
	box := func(name string, topic observe.Topic) Registered {
		kind, can := boxKind{base, name}, hears(topic)
		can.Fetching, can.Announcing, can.Carries = kind, kind, (*toy).carries
		can.Ownership = Ownership[*toy]{Adopts: func(want, _ *toy) bool { return want.adopt }, AdoptKey: true}
		return Register[*toy](name, kind, can)
	}
	knob, panel, note := hears(observe.NetconfTopic), hears(observe.NetconfTopic), hears(observe.RouteTopic)
	knob.Silent, knob.Settings = func(have *toy) bool { return !have.announced }, knobKind{base}
	panel.Settings, panel.Fill = panelKind{base}, panelKind{base}.Fill
	note.Ownership.Fingerprint = func(have *toy) string { return have.print }
	note.Lookup = noteKind{base}
	return []Registered{
		box("space", observe.NamespaceTopic),
		box("box", observe.LinkTopic),
		Register[*toy]("knob", knobKind{base}, knob),
		Register[*toy]("panel", panelKind{base}, panel),
		Register[*toy]("note", noteKind{base}, note),
	}
}

type (
	toyKind struct{ *kernel }
	boxKind struct {
		toyKind
		name string
	}
	knobKind  struct{ toyKind }
	panelKind struct{ toyKind }
	noteKind  struct{ toyKind }
)

func (k toyKind) observe(ns *observe.NS, kind string) (found []*toy, err error) {
	if k.hangs != nil {
		<-k.hangs
	}
	for id, t := range k.things {
		if id.NS == ns.Name && id.Kind == kind {
			found = append(found, t)
		}
	}
	return found, k.lookErrors
}

func (k toyKind) Owned(have *toy) bool {
	return have.mark || have.fetched()
}

func (k toyKind) Diff(want, have *toy) []Field {
	var fs Fields
	if want.value != "" {
		Compare(&fs, "value", &want.value, have.value)
	}
	for i := range fs {
		fs[i].Moved = have.follows
	}
	if w, h := fmt.Sprint(want.needs), fmt.Sprint(have.needs); w != h {
		fs.DifferReplace("needs", h, w)
	}
	if want.frame != "" && want.frame != have.frame {
		fs.DifferReplace("frame", have.frame, want.frame)
	}
	return fs
}

func (k toyKind) Create(_ context.Context, _ *observe.NS, want *toy) error {
	if k.things[want.id] != nil {
		return unix.EEXIST
	}
	return k.write("create", want, want.id.Kind == "box" || want.id.Kind == "space" || want.id.Kind == "tag")
}

func (k toyKind) Update(_ context.Context, _ *observe.NS, want, have *toy) error {
	if want.id != have.id {
		return k.move("fetch", have, want)
	}
	if k.things[want.id] == nil {
		return unix.ENOENT
	}
	return k.write("update", want, have.mark || want.id.Kind == "box")
}

func (k toyKind) Delete(_ context.Context, _ *observe.NS, have *toy) error { return k.delete(have.id) }

func (k toyKind) Health(_, have *toy) Condition {
	if have.ails != "" {
		return Condition{Verdict: Verdict{State: Failed, Reason: have.ails}, Renew: have.given}
	}
	if k.tentative[have.id] {
		return Condition{Verdict: Verdict{State: Pending, Reason: "tentative"}}
	}
	return Condition{Verdict: Verdict{State: OK, Reason: have.remark}}
}

func (k toyKind) Complete(_ Located, want *toy) (*toy, error) {
	switch {
	case want.pending != "":
		return nil, observe.Pendingf("%s", want.pending)
	case want.failed != "":
		return nil, errors.New(want.failed)
	}
	return want, nil
}

func (k boxKind) Observe(_ context.Context, ns *observe.NS, _ Query[*toy]) ([]*toy, error) {
	return k.observe(ns, k.name)
}

func (k boxKind) Record(_ context.Context, _ *observe.NS, _, have *toy) (before, device string, err error) {
	return have.value, have.device, nil
}

func (k boxKind) PutBack(_ context.Context, _ *observe.NS, have *toy, before string) error {
	if have.id == have.origin {
		k.writes = append(k.writes, "put back "+have.id.String())
		k.things[have.id] = &toy{id: have.id, value: before}
		return nil
	}
	return k.move("put back", have, &toy{id: have.origin, value: before})
}

// Leaves: boxes end with what they need, and notes come back with it.
func (k boxKind) Leaves(have *toy, found []spec.Resource) (ends, loses []spec.ID) {
	for _, r := range found {
		switch id := r.ID(); {
		case !slices.Contains(r.Needs(), have.id):
		case id.Kind == "box":
			ends = append(ends, id)
		default:
			loses = append(loses, id)
		}
	}
	return ends, loses
}

func (k boxKind) Confirm(have *toy, origin spec.ID, _ spec.Selector) { have.origin = origin }
func (k boxKind) Advice(have *toy) string {
	return "bring " + have.id.String() + " to " + place(have.claim)
}

func (k knobKind) Observe(_ context.Context, ns *observe.NS, _ Query[*toy]) ([]*toy, error) {
	return k.observe(ns, "knob")
}

// Create sets it: what it is a setting of has come to be, and the setting with it.
func (k knobKind) Create(_ context.Context, _ *observe.NS, want *toy) error {
	return k.write("create", want, false)
}

func (k knobKind) Before(_, have *toy) (string, bool) {
	if have == nil {
		return "", true
	}
	return have.value, true
}

func (k knobKind) Prior(have *toy, before string) *toy {
	return &toy{id: have.id, needs: have.needs, value: before}
}

func (k noteKind) Observe(_ context.Context, ns *observe.NS, _ Query[*toy]) ([]*toy, error) {
	return k.observe(ns, "note")
}
