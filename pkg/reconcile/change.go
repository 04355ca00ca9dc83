package reconcile

import (
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// Change is a planned or finished op, in the JSON form that `linkd diff`, `apply`, `reload` and `teardown` print.
type Change struct {
	// Op is the name of the verb.
	Op     string  `json:"op"`
	ID     string  `json:"id"`
	Fields []Field `json:"fields"`
	// Text is what the resource is beyond its ID, as iproute2 would write it.
	Text string `json:"text,omitempty"`
	// Lines are the parts that come ("+ PART") and go ("- PART"), such as the rules of a chain.
	Lines []string `json:"lines,omitempty"`
	// Reason is a reason that is not a difference of the resource itself.
	Reason string `json:"reason,omitempty"`
	Source string `json:"source"`
	// Result is Done or Undone, or "" for a planned op. Error says why it failed.
	Result string `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// The results of a change.
const (
	Done   = "done"
	Undone = "failed"
)

// Changes returns the ops of a plan.
func (p Plan) Changes() []Change {
	changes := make([]Change, len(p))
	for i, op := range p {
		changes[i] = op.change()
	}
	return changes
}

// change describes an op. It costs more than most ops, so only the reader of a list calls it.
func (o *Op) change() Change {
	c := Change{Op: o.Verb.String(), ID: plain.Text(o.ID().String()), Fields: o.Why, Reason: plain.Text(o.Because)}
	if c.Fields == nil {
		c.Fields = []Field{}
	}
	if o.Want != nil {
		c.Source = o.Want.Origin().String()
	}
	switch {
	case o.kind == nil:
	case o.Verb == Delete && o.Have != nil:
		c.describe(o.kind, o.Have, "- ")
	case o.Verb == Create && o.Want != nil:
		c.describe(o.kind, o.Want, "+ ")
	default:
		c.addParts(o.Why)
	}
	return c
}

// describe sets what a resource is, with its parts as lines.
func (c *Change) describe(kind *Registered, r spec.Resource, sign string) {
	text, lines := kind.contents(r)
	c.Text = plain.Text(text)
	for _, line := range lines {
		c.Lines = append(c.Lines, sign+plain.Text(line))
	}
}

// addParts adds the lines of the fields that are parts of a list.
func (c *Change) addParts(fields []Field) {
	for _, f := range fields {
		if !f.Part {
			continue
		}
		if f.Have != "" {
			c.Lines = append(c.Lines, "- "+plain.Text(f.Have))
		}
		if f.Want != "" {
			c.Lines = append(c.Lines, "+ "+plain.Text(f.Want))
		}
	}
}
