package reconcile

import (
	"encoding/json"
	"errors"
	"maps"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// attributes are the journal's record of a setting that has several values, such as the attributes of an interface;
// nil for a setting with one value.
type attributes map[string]json.RawMessage

func attributesOf(text string) (p attributes) {
	if json.Unmarshal([]byte(text), &p) != nil {
		return nil
	}
	return p
}

func (p attributes) String() string {
	// Each value was valid JSON when it was read.
	text, _ := json.Marshal(p)
	return string(text)
}

// originalValue returns the value of a setting before linkd first changed it; before is the recorded value, now the
// present one. Each attribute has its own original value, because a file may begin to manage it later than the
// others. An attribute that now lacks is no longer managed.
func originalValue(before, now string) string {
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

// originalAttributes returns the same of the attributes of a resource that linkd made; "" stands for none.
func originalAttributes(before, now string) string {
	if before == "" || now == "" {
		return now
	}
	return originalValue(before, now)
}

// planRestore restores a setting that no file declares any more, and drops an entry whose resource is gone.
func (c *comparison) planRestore(id spec.ID, e Entry) {
	kind := c.kinds[id.Kind]
	if kind == nil || c.wanted(id) != nil || c.ops[id] != nil || c.unready[id] || c.lookErrors[scopeOf(id)] != nil {
		return
	}
	if err := c.missing(id.NS); err != nil && !errors.Is(err, observe.ErrPending) {
		return
	}
	have := c.found.get(id)
	if have != nil && c.isLeft(id) {
		c.releaseShared(id)
		return
	}
	if have != nil && e.Set && e.Identity == c.identity(id.NS) {
		if c.ready != nil && !c.ready(have) {
			c.unready[id] = true
			return
		}
		if c.planPutBack(id, kind, have, e) || c.planRestoreSaved(id, kind, have) {
			return
		}
	}
	if _, fetched := fetchedFrom(have); fetched {
		// linkd still has to put it back.
		return
	}
	if e.Fetched && c.hasUnrecorded(scopeOf(id)) {
		return
	}
	if _, held := c.held(id); !held {
		c.changeJournal(id, func(j *Journal) { j.forgetSetting(id) })
	}
}

// hasUnrecorded reports whether a scope has a fetched resource whose ID has no entry. linkd looks at the namespace
// until that resource is back.
func (c *comparison) hasUnrecorded(s scope) bool {
	for key, have := range c.found.in(s).all() {
		id := s.id(key)
		if _, fetched := fetchedFrom(have); !fetched {
			continue
		}
		if _, remembered := c.journal.Get(id, c.identity(id.NS)); !remembered {
			return true
		}
	}
	return false
}

// putBackNote is the reason of an op that restores a setting or an origin.
const putBackNote = "put back"

// planPutBack plans to restore a setting, if it still has the value that linkd wrote.
func (c *comparison) planPutBack(id spec.ID, kind *Registered, have spec.Resource, e Entry) bool {
	left, some := c.stillOurs(kind, have, e)
	if !some {
		return false
	}
	before := kind.prior(have, left)
	for _, need := range before.Needs() {
		if op := c.ops[need]; op != nil && op.Verb == Delete && !op.onlyRenames() || c.isEnding(need) {
			// The setting ends with its resource.
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

// isEnding reports whether linkd made a resource that no file declares any more.
func (c *comparison) isEnding(id spec.ID) bool {
	have := c.found.get(id)
	if have == nil || c.wanted(id) != nil {
		return false
	}
	_, fetched := fetchedFrom(have)
	return !fetched && c.owned(c.kinds[id.Kind], have)
}

// stillOurs returns the value to restore, as far as the setting is still as linkd wrote it: of a setting with
// attributes, only those attributes. linkd leaves alone what somebody has changed since.
func (c *comparison) stillOurs(kind *Registered, have spec.Resource, e Entry) (before string, some bool) {
	if !kind.hasAttributes() {
		return e.Before, e.isAsWritten(kind, have)
	}
	was := attributesOf(e.Before)
	maps.DeleteFunc(was, func(name string, _ json.RawMessage) bool { return !e.isAttributeAsWritten(kind, have, name) })
	return was.String(), len(was) > 0
}

// ofSetting returns the entry of a setting. If the present value was written under another name of the namespace, it
// returns the entry of that name, which has the original value.
func (j *Journal) ofSetting(kind *Registered, want, have spec.Resource, ns observe.Identity) (Entry, bool) {
	e, remembered := j.Get(want.ID(), ns)
	if have == nil || remembered && (!e.Set || e.isPartlyAsWritten(kind, want, have)) {
		return e, remembered
	}
	for _, other := range j.Namesakes(want.ID(), ns) {
		if other.Set && other.isPartlyAsWritten(kind, want, have) {
			return other, true
		}
	}
	return e, remembered
}

// isPartlyAsWritten reports whether a setting, or one of its attributes, is as linkd wrote it.
func (e Entry) isPartlyAsWritten(kind *Registered, want, have spec.Resource) bool {
	return e.valueAsWritten(kind, want, have) != "" || !kind.hasAttributes() && e.isAsWritten(kind, have)
}

// isAsWritten reports whether a setting is as linkd wrote it.
func (e Entry) isAsWritten(kind *Registered, have spec.Resource) bool {
	return hasValue(kind, have, e.Wrote) || e.Earlier != "" && hasValue(kind, have, e.Earlier)
}

// isAttributeAsWritten reports whether an attribute is as linkd wrote it.
func (e Entry) isAttributeAsWritten(kind *Registered, have spec.Resource, name string) bool {
	for _, wrote := range []string{e.Wrote, e.Earlier} {
		if value, set := attributesOf(wrote)[name]; set && hasValue(kind, have, attributes{name: value}.String()) {
			return true
		}
	}
	return false
}

// hasValue reports whether a setting has a value.
func hasValue(kind *Registered, have spec.Resource, value string) bool {
	return len(kind.Diff(kind.prior(have, value), have)) == 0
}

// valueAsWritten returns the present value of a setting as far as linkd wrote it in an earlier change; "" if linkd
// wrote none of it.
func (e Entry) valueAsWritten(kind *Registered, want, have spec.Resource) string {
	now, _ := kind.before(want, have)
	if !kind.hasAttributes() {
		if e.isAsWritten(kind, have) {
			return now
		}
		return ""
	}
	left := attributesOf(now)
	maps.DeleteFunc(left, func(name string, _ json.RawMessage) bool { return !e.isAttributeAsWritten(kind, have, name) })
	if len(left) == 0 {
		return ""
	}
	return left.String()
}

// fillUnmanaged fills in the attributes of a setting, or of a resource that linkd made, that its file no longer manages, with
// their values from before linkd changed them, so that linkd restores them. Because says so if there is no other difference.
func (c *comparison) fillUnmanaged(kind *Registered, want, have spec.Resource) (full spec.Resource, because string) {
	if !kind.hasAttributes() {
		return want, ""
	}
	e, remembered := c.journal.Get(want.ID(), c.identity(want.ID().NS))
	wrote, setting := kind.before(want, want)
	if !remembered || e.Set != setting || e.Wrote == wrote || !setting && !c.owned(kind, have) {
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
