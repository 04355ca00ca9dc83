package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Source is a place in a file. Line and Column count from 1; 0 means that the place is the whole file.
type Source struct {
	File         string
	Line, Column int
}

// String is FILE:LINE, the form in which status and diff name a source.
func (s Source) String() string {
	if s.Line == 0 {
		return s.File
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// Compare orders places as a reader meets them.
func (s Source) Compare(other Source) int {
	return cmp.Or(strings.Compare(s.File, other.File), cmp.Compare(s.Line, other.Line), cmp.Compare(s.Column, other.Column))
}

// Error is one thing wrong with the input.
type Error struct {
	Source
	Message string
	// Also names further files that are equally at fault (a second declaration, say).
	Also []string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Errors is everything wrong with the input, in the order in which a reader meets it.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Warnings name places in the files that are valid and probably not meant so, in the order in which a reader meets them.
type Warnings Errors

// Lines are the warnings as FILE:LINE:COLUMN: warning: MESSAGE.
func (ws Warnings) Lines() []string {
	lines := make([]string, len(ws))
	for i, w := range ws {
		lines[i] = (&Error{Source: w.Source, Message: "warning: " + w.Message}).Error()
	}
	return lines
}

// Files are the paths at fault.
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

// byFile are the errors that concern each file.
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
	return slices.CompactFunc(es, func(a, b *Error) bool { return a.Source == b.Source && a.Message == b.Message })
}

func at(file string, n *yaml.Node) Source { return Source{File: file, Line: n.Line, Column: n.Column} }
