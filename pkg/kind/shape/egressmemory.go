package shape

import "encoding/json"

// saved is the journal's record of an egress that takes the place of another qdisc: what linkd has made, or what was there before.
// Neither is the kernel's own qdisc. It is written as a list of one, because a mapping would be attributes that a file manages
// one by one.
type saved struct {
	Shape *Shape `json:"shape,omitempty"`
	Qdisc *was   `json:"qdisc,omitempty"`
}

// was is a qdisc that others made. Options is as the kernel reported it.
type was struct {
	Kind    string `json:"kind"`
	Handle  uint32 `json:"handle"`
	Options []byte `json:"options,omitempty"`
}

// Before returns what was there before, for an egress that may take the place of other qdiscs. Any other egress is made and deleted:
// so is one that would take the place of a qdisc that linkd could not put back.
func (egresses) Before(want, have *Egress) (string, bool) {
	if !want.Adopt || have != nil && have.root != nil && !have.isOurs() && have.root.unrestorable != "" {
		return "", false
	}
	var s saved
	switch {
	case have == nil:
	case have.root == nil || have.isOurs():
		s.Shape = have.Shape
	default:
		s.Qdisc = &was{Kind: have.root.kind, Handle: have.root.handle, Options: have.root.options}
	}
	text, err := json.Marshal([]saved{s})
	return string(text), err == nil
}

// Prior returns the egress to restore.
func (egresses) Prior(have *Egress, before string) *Egress {
	prior := &Egress{NS: have.NS, Dev: have.Dev, putBack: true}
	var s []saved
	if json.Unmarshal([]byte(before), &s) != nil || len(s) != 1 {
		return prior
	}
	prior.Shape = s[0].Shape
	if q := s[0].Qdisc; q != nil {
		prior.root = &qdisc{index: have.index, kind: q.Kind, handle: q.Handle, parent: rootParent, options: q.Options}
	}
	return prior
}
