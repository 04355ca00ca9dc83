package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// conflict returns the message about a foreign resource that has the ID of a desired one, and what to do about it.
func (c *comparison) conflict(kind *Registered, op *Op) string {
	engine := ""
	if c.engine != nil {
		engine = c.engine(op.ID().NS)
	}
	if advice := kind.taken(op.Want, op.Have, engine); advice != "" {
		return advice
	}
	text, noun := describeForeign(kind, op.Have), nounOf(kind, op.Have)
	if kind.adoptable() && slices.ContainsFunc(op.Why, func(f Field) bool { return f.Replace }) {
		return fmt.Sprintf("%s. Rename this %s, or remove the %s", text, kind.Name, noun)
	}
	text += " (" + strings.Join(foreignFields(op.Why), ", ") + ")"
	if kind.adoptable() {
		return fmt.Sprintf("%s. Remove the %s, or write adopt: true", text, noun)
	}
	return text + ". linkd leaves it alone"
}

// describeForeign says that have exists and that linkd did not create it.
func describeForeign(kind *Registered, have spec.Resource) string {
	noun, article := nounOf(kind, have), "a"
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		article = "an"
	}
	id, named := have.ID(), ""
	if kind.noun(have) != "" && !strings.Contains(id.Key, "/") {
		named = "named "
	}
	return fmt.Sprintf("%s already has %s %s %s%q that linkd did not create", id.NS, article, noun, named, plain.Text(id.Key))
}

// nounOf returns what a message calls a resource.
func nounOf(kind *Registered, have spec.Resource) string { return cmp.Or(kind.noun(have), kind.Name) }

// foreignFields returns how a foreign resource differs from the desired one. Of the field that says who made it, only the
// observed value matters.
func foreignFields(fields []Field) (texts []string) {
	for _, f := range fields {
		switch {
		case !f.Mark:
			texts = append(texts, f.String())
		case f.Have != "":
			texts = append(texts, f.Path+": "+show(f.Have))
		}
	}
	return texts
}
