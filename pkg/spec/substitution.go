package spec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// substitution replaces the variables of a for by one combination of their values: chosen has the number of the value of
// each.
type substitution struct {
	variables []variable
	chosen    []int
}

// next goes on to the next combination. The last variable changes fastest.
func (s *substitution) next() {
	for i := len(s.chosen) - 1; i >= 0; i-- {
		if s.chosen[i]++; s.chosen[i] < len(s.variables[i].values) {
			return
		}
		s.chosen[i] = 0
	}
}

// String returns the combination as an error names it: "rack = a, i = 3".
func (s *substitution) String() string {
	parts := make([]string, len(s.variables))
	for i, v := range s.variables {
		parts[i] = v.name + " = " + v.values[s.chosen[i]]
	}
	return strings.Join(parts, ", ")
}

var (
	// expression matches {i}, {i+10} and what else in braces begins with a word and a sign of arithmetic.
	expression = regexp.MustCompile(`\{ *([A-Za-z_][A-Za-z0-9_]*) *([-+*/%][^{}]*)?\}`)
	// arithmetic matches what may follow the variable: *N, +N, -N, *N+M and *N-M.
	arithmetic = regexp.MustCompile(`^(?:\* *([0-9]{1,9}))? *(?:([-+]) *([0-9]{1,9}))? *$`)
)

// Substituted matches a text in which for, a template or the name of a node replaces something.
var Substituted = regexp.MustCompile(Placeholder.String() + "|" + expression.String() + "|" + nodeVariable.String())

// containerWords are words in braces that stand for something of a container of a template.
var containerWords = []string{"name", "id"}

// check reports each expression in the strings of n that cannot be replaced, and returns whether there is one.
func (s *substitution) check(c *Context, n *yaml.Node) (wrong bool) {
	for _, child := range n.Content {
		wrong = s.check(c, child) || wrong
	}
	if n.Kind != yaml.ScalarNode {
		return wrong
	}
	for _, m := range expression.FindAllStringSubmatch(n.Value, -1) {
		if err := s.checkExpression(c, m[1], m[2]); err != nil {
			c.Errorf(n, "%s: %v", m[0], err)
			wrong = true
		}
	}
	return wrong
}

func (s *substitution) checkExpression(c *Context, name, rest string) error {
	i := s.indexOf(name)
	switch {
	case i < 0 && rest == "" && slices.Contains(containerWords, name):
		return nil
	case i < 0:
		return fmt.Errorf("for has no variable %s%s", name, c.DidYouMean(name, s.names))
	case rest == "":
		return nil
	case !arithmetic.MatchString(rest):
		return fmt.Errorf("write {%s}, {%s+N}, {%s-N} or {%s*N+M}, with numbers for N and M", name, name, name, name)
	}
	for _, value := range s.variables[i].values {
		if !computable.MatchString(value) {
			return fmt.Errorf("%s has the value %s, which is not a number", name, quoted(value))
		}
	}
	return nil
}

func (s *substitution) indexOf(name string) int {
	return slices.IndexFunc(s.variables, func(v variable) bool { return v.name == name })
}

func (s *substitution) names(yield func(string) bool) {
	for _, v := range s.variables {
		if !yield(v.name) {
			return
		}
	}
}

// replace returns n with the values in place of the variables. It shares what has none with n.
func (s *substitution) replace(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.ScalarNode {
		if !expression.MatchString(n.Value) {
			return n
		}
		text := expression.ReplaceAllStringFunc(n.Value, s.value)
		if text == n.Value {
			return n
		}
		out := *n
		// The braces are why the text is in quotes, so it may be a number.
		out.Value, out.Style = text, 0
		return &out
	}
	var out *yaml.Node
	for i, child := range n.Content {
		if other := s.replace(child); other != child {
			if out == nil {
				out = new(*n)
				out.Content = slices.Clone(n.Content)
			}
			out.Content[i] = other
		}
	}
	if out == nil {
		return n
	}
	return out
}

// value returns the value of an expression that check accepts.
func (s *substitution) value(text string) string {
	m := expression.FindStringSubmatch(text)
	i := s.indexOf(m[1])
	if i < 0 {
		return text
	}
	value := s.variables[i].values[s.chosen[i]]
	if m[2] == "" {
		return value
	}
	operands := arithmetic.FindStringSubmatch(m[2])
	number, err := strconv.ParseInt(value, 10, 64)
	factor, err2 := numberOr(operands[1], 1)
	addend, err3 := numberOr(operands[3], 0)
	if err := errors.Join(err, err2, err3); err != nil {
		return text
	}
	if operands[2] == "-" {
		addend = -addend
	}
	return strconv.FormatInt(number*factor+addend, 10)
}

func numberOr(digits string, absent int64) (int64, error) {
	if digits == "" {
		return absent, nil
	}
	return strconv.ParseInt(digits, 10, 64)
}
