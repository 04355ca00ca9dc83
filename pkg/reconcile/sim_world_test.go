package reconcile

import (
	"fmt"
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// simWorld is the simulated kernel: namespaces, what is in them, and what it announces. It knows who made what, which
// linkd does not, and records in violation the first write of linkd's that is not allowed.
type simWorld struct {
	spaces []*simSpace
	names  map[string]*simSpace
	// last is the number of the last space or object.
	last int
	// news is what was announced and not delivered.
	news []observe.Notification
	// writer is the op that linkd carries out, nil while somebody else changes things.
	writer *simWrite
	// violation is what linkd must not have done.
	violation string
	// unclear is what linkd has begun to make and has not looked at since.
	unclear map[spec.ID]bool
	// writes counts what linkd did.
	writes int
}

// simWrite is an op of linkd's under way, and what the core had seen when it asked for it.
type simWrite struct {
	op   *Op
	seen map[simSight]bool
	// remembered: the journal has an entry of the resource.
	remembered bool
}

// simSight is an object where it was found.
type simSight struct {
	object *simObject
	space  observe.Identity
}

// simSpace is a namespace.
type simSpace struct {
	id      observe.Identity
	objects []*simObject
	// foreign: somebody else may be root in it.
	foreign, dead bool
	// unnamed: the name was taken from it by which linkd knew it, and no file named another. For all linkd can know, it has ended.
	unnamed bool
	// knob is a setting of the whole namespace.
	knob string
}

// simObject is something in a namespace. Values that begin with w are those that files ask for; others use other ones.
type simObject struct {
	space                    *simSpace
	kind, key                string
	index                    int
	value, frame, knob, mark string
	// claim is the mark of what was fetched; fetched is where linkd really fetched it from.
	claim, fetched string
	// isReturned is where linkd put it back, while it has no word of that: until it looks there, it may take it for fetched.
	isReturned string
	// resourcesOn is what it stands on, and ends with; peer is its other end.
	resourcesOn, peer *simObject
	// foreign: others made it. card: no software can make or end it.
	foreign, card, gone bool
	// known is the place under which linkd's journal has it: where linkd made it, or marked it last. It is known by its index there.
	known string
	// strayed: others took it where it is.
	strayed bool
	// taken: a file told linkd to take it over, and nobody knows how it was before.
	taken bool
	// made is the namespace that it is the name of.
	made *simSpace
}

func (o *simObject) String() string {
	who := "linkd's"
	if o.foreign {
		who = "another's"
	}
	return fmt.Sprintf("%s %s/%s/%s #%d", who, o.space.id, o.kind, o.key, o.index)
}

// at is the namespace and the name.
func (o *simObject) at() string { return fmt.Sprint(o.space.id, "/", o.key) }

// isLost tells whether nothing says any more that linkd made it: it has neither the mark nor the name, and nor has its other end.
func (o *simObject) isLost() bool {
	lost := func(o *simObject) bool {
		// A mark in a namespace that others rule says nothing of an end elsewhere that has none.
		half := o.peer != nil && o.space.foreign && o.peer.space != o.space && o.peer.mark != o.mark
		return (o.mark == "" || half) && (o.kind == "rule" || o.at() != o.known)
	}
	return lost(o) && (o.peer == nil || lost(o.peer))
}

func newSimWorld() *simWorld {
	w := &simWorld{names: map[string]*simSpace{}, unclear: map[spec.ID]bool{}}
	host := w.newSpace("host", false)
	w.names[spec.Host] = host
	for _, name := range []string{"lab", "pod"} {
		w.names[name] = w.newSpace(name, true)
	}
	for _, key := range []string{"card", "theirs", "found"} {
		o := w.make(host, "box", key)
		o.foreign, o.card, o.value = true, key == "card", "f0"
	}
	nic := w.make(w.names["pod"], "box", "nic")
	nic.foreign, nic.card, nic.value = true, true, "f0"
	w.news = nil
	return w
}

func (w *simWorld) newSpace(name string, foreign bool) *simSpace {
	w.last++
	s := &simSpace{id: observe.Identity(fmt.Sprint(name, "-", w.last)), foreign: foreign, knob: "f0"}
	w.spaces = append(w.spaces, s)
	return s
}

var simTopics = map[string]observe.Topic{
	"space": observe.NamespaceTopic, "box": observe.LinkTopic, "knob": observe.NetconfTopic,
	"note": observe.AddressTopic, "rule": observe.RulesetTopic,
}

// announce says that something of a kind has changed in a space; removed is a note of which it says that it has gone.
func (w *simWorld) announce(s *simSpace, kind string, index int, removed ...observe.Subject) {
	for _, name := range w.called(s) {
		n := observe.Notification{NS: name, Topic: simTopics[kind], Removed: removed}
		if kind == "box" {
			n.Links = []int{index}
		}
		w.news = append(w.news, n)
	}
}

// rename makes a name lead to a space, or, where that is nil, nowhere.
func (w *simWorld) rename(name string, s *simSpace) {
	if delete(w.names, name); s != nil {
		w.names[name] = s
	}
	w.news = append(w.news, observe.Notification{NS: name, Topic: observe.NamespaceTopic})
}

// called are the names that lead to a space.
func (w *simWorld) called(s *simSpace) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(w.names)) {
		if w.names[name] == s {
			names = append(names, name)
		}
	}
	return names
}

// at is the space with an identity, if it is there.
func (w *simWorld) at(id observe.Identity) *simSpace {
	for _, s := range w.spaces {
		if s.id == id && !s.dead {
			return s
		}
	}
	return nil
}

func (s *simSpace) get(kind, key string) *simObject {
	for _, o := range s.objects {
		if o.kind == kind && o.key == key {
			return o
		}
	}
	return nil
}

// find is the object with an ID, by the names of the namespaces as they are now.
func (w *simWorld) find(id spec.ID) *simObject {
	if s := w.names[id.NS]; s != nil {
		return s.get(id.Kind, id.Key)
	}
	return nil
}

// isUnclear tells whether linkd may have made something in a place and has not looked since: what it finds there then is its
// own, as nothing tells it from what others put there before the look.
func (w *simWorld) isUnclear(space *simSpace, kind, key string) bool {
	return slices.ContainsFunc(w.called(space), func(name string) bool { return w.unclear[spec.ID{NS: name, Kind: kind, Key: key}] })
}

func (w *simWorld) make(s *simSpace, kind, key string) *simObject {
	w.last++
	o := &simObject{space: s, kind: kind, key: key, index: w.last, knob: "f0", frame: "x", foreign: w.writer == nil}
	o.known = o.at()
	s.objects = append(s.objects, o)
	w.announce(s, kind, o.index)
	return o
}

func (w *simWorld) remove(o *simObject) {
	o.space.objects = slices.DeleteFunc(o.space.objects, func(other *simObject) bool { return other == o })
	if o.kind == "note" {
		w.announce(o.space, o.kind, o.index, subjectOf(o.key))
	} else {
		w.announce(o.space, o.kind, o.index)
	}
}

// subjectOf is how a note is named where it is said to have gone.
func subjectOf(key string) observe.Subject { return observe.Subject{Metric: uint32(key[0])} }

// standing are the objects that stand on another, wherever they are.
func (w *simWorld) standing(o *simObject) (on []*simObject) {
	for _, s := range w.spaces {
		for _, other := range s.objects {
			if other.resourcesOn == o {
				on = append(on, other)
			}
		}
	}
	return on
}

// end ends an object, and with it its other end, and all that stands on either.
func (w *simWorld) end(o *simObject) {
	if o.gone {
		return
	}
	w.setVerdict(o, "ends")
	o.gone = true
	for _, other := range w.standing(o) {
		w.end(other)
	}
	if o.peer != nil {
		w.end(o.peer)
	}
	w.remove(o)
	if o.made != nil {
		w.endSpace(o.made)
	}
}

// endSpace ends a namespace: cards fall back to the host, and everything else in it ends.
func (w *simWorld) endSpace(s *simSpace) {
	host := w.names[spec.Host]
	for len(s.objects) > 0 {
		o := s.objects[len(s.objects)-1]
		if !o.card {
			w.end(o)
			continue
		}
		key := o.key
		if host.get("box", key) != nil || w.isUnclear(host, "box", key) {
			key = fmt.Sprint("dev", o.index)
		}
		w.move(o, host, key)
	}
	s.dead = true
	for _, name := range w.called(s) {
		w.rename(name, nil)
	}
}

// move takes an object to another place. What is only on it there stays behind, and ends.
func (w *simWorld) move(o *simObject, to *simSpace, key string) {
	for _, other := range w.standing(o) {
		if other.kind == "note" {
			w.end(other)
		}
	}
	if w.remove(o); o.space != to {
		o.knob = to.knob
		if o.knob[0] == 'w' {
			o.knob = "f0"
		}
	}
	o.space, o.key, o.strayed = to, key, w.writer == nil
	to.objects = append(to.objects, o)
	w.announce(to, o.kind, o.index)
}
