package reconcile

import (
	"encoding/json"
	"errors"
	"maps"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// attributes are what the journal keeps of a setting of several parts, the attributes of an interface say; nil for one that
// is a single value.
type attributes map[string]json.RawMessage

func attributesOf(text string) (p attributes) {
	if json.Unmarshal([]byte(text), &p) != nil {
		return nil
	}
	return p
}

func (p attributes) String() string {
	// What was JSON is JSON.
	text, _ := json.Marshal(p)
	return string(text)
}

// oldest is what a setting was before linkd first changed it, where before is what was known of that, and now what it
// is. Each part has its own oldest value: a file may manage it later than the others. One that now is without is not
// managed any more.
func oldest(before, now string) string {
	first, later := attributesOf(before), attributesOf(now)
	if first == nil || later == nil {
		return before
	}
	for name := range later {
		if value, known := first[name]; known {
			later[name] = value
		}
	}
	return later.String()
}

// planRestore puts a setting back that no file asks for any more, and forgets what is not there to be put back or deleted.
func (c *comparison) planRestore(id spec.ID, e Entry) {
	kind := c.kinds[id.Kind]
	if kind == nil || c.wanted(id) != nil || c.ops[id] != nil || c.unready[id] || c.lookErrors[scopeOf(id)] != nil {
		return
	}
	if err := c.missing(id.NS); err != nil && !errors.Is(err, observe.ErrPending) {
		return
	}
	have := c.found.get(id)
	if have != nil && e.Set && e.Identity == c.identity(id.NS) {
		if c.ready != nil && !c.ready(have) {
			c.unready[id] = true
			return
		}
		if c.planPutBack(id, kind, have, e) {
			return
		}
	}
	if _, fetched := fetchedFrom(have); fetched {
		// It stays, and is still to go home.
		return
	}
	if e.Fetched && c.strays(scopeOf(id)) {
		return
	}
	if _, held := c.held(id); !held {
		c.changeJournal(id, func(j *Journal) { j.Forget(id) })
	}
}

// strays tells whether something that was fetched has a name in a scope under which nothing is remembered: the namespace is
// looked at until that has gone home.
func (c *comparison) strays(s scope) bool {
	for id, have := range c.found[s.ns][s.kind] {
		if _, fetched := fetchedFrom(have); !fetched {
			continue
		}
		if _, remembered := c.journal.Get(id, c.identity(id.NS)); !remembered {
			return true
		}
	}
	return false
}

// putBackNote says of an op that it puts a setting back.
const putBackNote = "put back"

// planPutBack plans that a setting becomes what it was, if it still is what linkd made of it.
func (c *comparison) planPutBack(id spec.ID, kind *Registered, have spec.Resource, e Entry) bool {
	left, some := c.stillOurs(kind, have, e)
	if !some {
		return false
	}
	before := kind.prior(have, left)
	for _, need := range before.Needs() {
		if op := c.ops[need]; op != nil && op.Verb == Delete && !op.onlyRenames() || c.isEnding(need) {
			// It ends with what it is a setting of.
			return false
		}
	}
	why := kind.Diff(before, have)
	if len(why) == 0 {
		return false
	}
	c.planEnd(id, &Op{Verb: Update, Want: before, Have: have, Why: why, Because: putBackNote, kind: kind, forget: true})
	return true
}

// isEnding tells whether linkd made something that no file asks for any more.
func (c *comparison) isEnding(id spec.ID) bool {
	have := c.found.get(id)
	if have == nil || c.wanted(id) != nil {
		return false
	}
	_, fetched := fetchedFrom(have)
	return !fetched && c.owned(c.kinds[id.Kind], have)
}

// stillOurs is what is to be put back of a setting: all that it was, while it is as linkd left it, and of one of several parts
// those of which that is so. What somebody has changed since is theirs.
func (c *comparison) stillOurs(kind *Registered, have spec.Resource, e Entry) (before string, some bool) {
	if !kind.hasAttributes() {
		return e.Before, e.leftAs(kind, have)
	}
	was := attributesOf(e.Before)
	maps.DeleteFunc(was, func(name string, _ json.RawMessage) bool { return !e.leftPartAs(kind, have, name) })
	return was.String(), len(was) > 0
}

// ofSetting is what is remembered of a setting. Where another name of its namespace has left it as it is, that is what tells how
// it was before.
func (j *Journal) ofSetting(kind *Registered, want, have spec.Resource, ns observe.Identity) (Entry, bool) {
	e, remembered := j.Get(want.ID(), ns)
	if have == nil || remembered && (!e.Set || e.leftSome(kind, want, have)) {
		return e, remembered
	}
	for _, other := range j.Namesakes(want.ID(), ns) {
		if other.Set && other.leftSome(kind, want, have) {
			return other, true
		}
	}
	return e, remembered
}

// leftSome tells whether a setting, or a part of it, is as linkd left it.
func (e Entry) leftSome(kind *Registered, want, have spec.Resource) bool {
	return e.asLeft(kind, want, have) != "" || !kind.hasAttributes() && e.leftAs(kind, have)
}

// leftAs tells whether a setting is as linkd left it.
func (e Entry) leftAs(kind *Registered, have spec.Resource) bool {
	return isAs(kind, have, e.Wrote) || e.Earlier != "" && isAs(kind, have, e.Earlier)
}

// leftPartAs tells that of a part of it.
func (e Entry) leftPartAs(kind *Registered, have spec.Resource, name string) bool {
	for _, wrote := range []string{e.Wrote, e.Earlier} {
		if value, set := attributesOf(wrote)[name]; set && isAs(kind, have, attributes{name: value}.String()) {
			return true
		}
	}
	return false
}

func isAs(kind *Registered, have spec.Resource, value string) bool {
	return len(kind.Diff(kind.prior(have, value), have)) == 0
}

// asLeft is what a setting is now as far as linkd made it so, in an earlier change; "" where that is nothing.
func (e Entry) asLeft(kind *Registered, want, have spec.Resource) string {
	now, _ := kind.before(want, have)
	if !kind.hasAttributes() {
		if e.leftAs(kind, have) {
			return now
		}
		return ""
	}
	left := attributesOf(now)
	maps.DeleteFunc(left, func(name string, _ json.RawMessage) bool { return !e.leftPartAs(kind, have, name) })
	if len(left) == 0 {
		return ""
	}
	return left.String()
}

// fillUnmanaged fills in the parts of a setting that its file does not manage any more, as they were before linkd changed
// them: what leaves the files leaves the kernel. Because says so where there is nothing else to do.
func (c *comparison) fillUnmanaged(kind *Registered, want, have spec.Resource) (full spec.Resource, because string) {
	if !kind.hasAttributes() {
		return want, ""
	}
	e, remembered := c.journal.Get(want.ID(), c.identity(want.ID().NS))
	wrote, setting := kind.before(want, want)
	if !remembered || !e.Set || !setting || e.Wrote == wrote {
		return want, ""
	}
	managed, before := attributesOf(wrote), attributesOf(e.Before)
	maps.DeleteFunc(before, func(name string, _ json.RawMessage) bool { return managed[name] != nil })
	e.Before = before.String()
	left, some := c.stillOurs(kind, have, e)
	prior := kind.prior(have, left)
	if !some || len(kind.Diff(prior, have)) == 0 {
		return want, ""
	}
	if len(kind.Diff(want, have)) == 0 {
		because = putBackNote
	}
	return kind.fill(want, prior), because
}
