package report

import (
	"fmt"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
)

// signs are the signs of ops.
var signs = map[string]string{"create": "+", "update": "~", "replace": "±", "delete": "-"}

// Changes returns one line for each change, and below it one for each part that comes or goes, such as a rule of a chain.
// Changes that failed are left out: they are among the problems.
func Changes(changes []reconcile.Change, style Style) (lines []string) {
	for i := range changes {
		if c := &changes[i]; c.Result != reconcile.Undone {
			lines = append(lines, style.change(c)...)
		}
	}
	return lines
}

const partIndent = "    "

func (s Style) change(c *reconcile.Change) []string {
	sign := signs[c.Op]
	rest := c.ID
	if c.Text != "" {
		rest += "  " + c.Text
	}
	fields, long := s.inline(c, len(sign)+1+len(rest))
	if fields != "" {
		rest += "  (" + fields + ")"
	}
	lines := s.wrap(sign+" "+rest, 0, partIndent)
	lines[0] = s.Paint(sign, sign) + lines[0][len(sign):]
	for _, part := range append(long, c.Lines...) {
		wrapped := s.wrap(part, len(partIndent), partIndent+"  ")
		for i := range wrapped {
			if i == 0 {
				wrapped[i] = partIndent + wrapped[i]
			}
			wrapped[i] = s.Paint(part[:1], wrapped[i])
		}
		lines = append(lines, wrapped...)
	}
	return lines
}

// longestField is how many bytes a field may take to be on the line of its resource, and mostFields is how many fields may.
const (
	longestField = 60
	mostFields   = 4
)

// inline returns the fields and the reason of a change as they follow its ID. Fields that are too long, or too many, are
// lines of their own, as the parts of a list are.
func (s Style) inline(c *reconcile.Change, column int) (text string, long []string) {
	var short []string
	fields := 0
	for _, f := range c.Fields {
		if isPart(c, f) {
			continue
		}
		if fields++; len(f.String()) <= longestField && fields <= mostFields {
			short = append(short, f.String())
			continue
		}
		if f.Have != "" {
			long = append(long, fmt.Sprintf("- %s %s", f.Path, plain.Text(f.Have)))
		}
		if f.Want != "" {
			long = append(long, fmt.Sprintf("+ %s %s", f.Path, plain.Text(f.Want)))
		}
	}
	if c.Reason != "" {
		short = append(short, c.Reason)
	}
	return strings.Join(short, ", "), long
}

// isPart reports whether the lines of a change show a field already.
func isPart(c *reconcile.Change, f reconcile.Field) bool {
	shown := func(sign, value string) bool {
		if value == "" {
			return true
		}
		for _, line := range c.Lines {
			if line == sign+plain.Text(value) {
				return true
			}
		}
		return false
	}
	return len(c.Lines) > 0 && shown("- ", f.Have) && shown("+ ", f.Want)
}

// Result is the number of changes of each sort.
type Result struct {
	Created int `json:"created"`
	Changed int `json:"changed"`
	Deleted int `json:"deleted"`
	Failed  int `json:"failed"`
	// More is the number of further changes, about which nothing else is known.
	More int `json:"more,omitempty"`
}

// Count counts changes.
func Count(changes []reconcile.Change, more int) Result {
	r := Result{More: more}
	for i := range changes {
		switch c := &changes[i]; {
		case c.Result == reconcile.Undone:
			r.Failed++
		case c.Op == "create":
			r.Created++
		case c.Op == "delete":
			r.Deleted++
		default:
			r.Changed++
		}
	}
	return r
}

// Done returns what was done in one line, such as "3 created, 1 changed", or that there was nothing to do.
func (r Result) Done(s *reconcile.Status) string {
	return r.line(s, "created", "changed", "deleted")
}

// Planned does the same for what would be done.
func (r Result) Planned(s *reconcile.Status) string {
	return r.line(s, "to create", "to change", "to delete")
}

// String returns what was done in a few words, without what failed.
func (r Result) String() string {
	if parts := r.parts("created", "changed", "deleted"); len(parts) > 0 {
		return strings.Join(parts, ", ")
	}
	return "no changes"
}

func (r Result) parts(created, changed, deleted string) (parts []string) {
	for _, part := range []struct {
		n    int
		word string
	}{{r.Created, created}, {r.Changed, changed}, {r.Deleted, deleted}, {r.More, "more"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	return parts
}

func (r Result) line(s *reconcile.Status, created, changed, deleted string) string {
	if parts := r.parts(created, changed, deleted); len(parts) > 0 {
		return strings.Join(parts, ", ")
	}
	total := 0
	for _, n := range s.Count() {
		total += n
	}
	if ok := s.Count()[reconcile.OK]; ok < total {
		return fmt.Sprintf("no changes: %d of %s in the desired state", ok, plain.Count(total, "resource"))
	}
	return fmt.Sprintf("nothing to do: %s in the desired state", plain.Count(total, "resource"))
}
