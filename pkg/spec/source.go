package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/plain"
)

// Source is a position in a file. Line and Column count from 1; Line 0 is the whole file.
type Source struct {
	File         string
	Line, Column int
}

// String returns FILE:LINE, as status and diff print it.
func (s Source) String() string {
	if s.Line == 0 {
		return s.File
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// Compare orders positions by file, line and column.
func (s Source) Compare(other Source) int {
	return cmp.Or(strings.Compare(s.File, other.File), cmp.Compare(s.Line, other.Line), cmp.Compare(s.Column, other.Column))
}

// Error is one error in the input.
type Error struct {
	Source
	Message string
	// Also are other files that may be the cause, such as that of a first declaration.
	Also []string
	// Excerpt is the line of the error, with a caret under the column on a second line; "" if it has no line. A long line
	// is cut around the column.
	Excerpt string
	// instance is that of the entry with the error (see entryNode), until joinInstances adds it to the message.
	instance string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// WithExcerpt returns the error, and its excerpt on lines of their own: what people read. Logs and JSON have Error.
func (e *Error) WithExcerpt() string {
	if e.Excerpt == "" {
		return e.Error()
	}
	return e.Error() + "\n" + e.Excerpt
}

// Errors are all errors in the input, by position.
type Errors []*Error

// WithExcerpts returns each error with its excerpt.
func (es Errors) WithExcerpts() string {
	texts := make([]string, len(es))
	for i, e := range es {
		texts[i] = e.WithExcerpt()
	}
	return strings.Join(texts, "\n")
}

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Warnings are about positions in the files that are valid and probably not intended, by position.
type Warnings Errors

// Lines returns the warnings as FILE:LINE:COLUMN: warning: MESSAGE.
func (ws Warnings) Lines() []string {
	lines := make([]string, len(ws))
	for i, w := range ws {
		lines[i] = (&Error{Source: w.Source, Message: "warning: " + w.Message}).Error()
	}
	return lines
}

// Files returns the paths of the files that may be the cause.
func (es Errors) Files() map[string]bool {
	files := map[string]bool{}
	for _, e := range es {
		files[e.File] = true
		for _, f := range e.Also {
			files[f] = true
		}
	}
	return files
}

// byFile returns the errors that concern each file.
func (es Errors) byFile() map[string]Errors {
	of := map[string]Errors{}
	for _, e := range es {
		of[e.File] = append(of[e.File], e)
		for _, also := range e.Also {
			if have := of[also]; len(have) == 0 || have[len(have)-1] != e {
				of[also] = append(have, e)
			}
		}
	}
	return of
}

func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int { return a.Source.Compare(b.Source) })
	return slices.CompactFunc(es, func(a, b *Error) bool {
		return a.Source == b.Source && a.Message == b.Message && a.instance == b.instance
	})
}

// mostVariants is how many errors at one position, which differ by the instance of a for only, are reported.
const mostVariants = 5

// joinInstances adds to each message for which instances of a for it holds. An error that several instances have is
// reported once. The errors are sorted.
func (es Errors) joinInstances() (joined Errors) {
	for from := 0; from < len(es); {
		to := from + 1
		for to < len(es) && es[to].Source == es[from].Source {
			to++
		}
		joined = append(joined, joinVariants(es[from:to])...)
		from = to
	}
	return joined
}

// joinVariants is joinInstances for the errors at one position.
func joinVariants(es Errors) (joined Errors) {
	others := map[string]int{}
	variants, hidden := 0, 0
	for _, e := range es {
		_, known := others[e.Message]
		switch {
		case e.instance == "":
			joined = append(joined, e)
		case known:
			others[e.Message]++
		case variants == mostVariants:
			hidden++
		default:
			variants++
			others[e.Message] = 0
			joined = append(joined, e)
		}
	}
	for i, e := range joined {
		if e.instance == "" {
			continue
		}
		text := e.instance
		if n := others[e.Message]; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		if hidden > 0 && i == len(joined)-1 {
			text += fmt.Sprintf("; %s here", plain.Count(hidden, "more error"))
		}
		e.Message, e.instance = e.Message+" ("+text+")", ""
	}
	return joined
}

func at(file string, n *yaml.Node) Source { return Source{File: file, Line: n.Line, Column: n.Column} }
