package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// An entry with the key for stands for many: one for each value of its variable, or for each combination of the values of
// several. Documents are repeated before anything else reads their entries.

// entryNode is an entry of a section. Instance says for which values of for it stands, as in "i = 3"; "" without for.
type entryNode struct {
	key, value *yaml.Node
	instance   string
}

// entriesOf returns the entries of a mapping, or none for nil.
func entriesOf(mapping *yaml.Node) []entryNode {
	if mapping == nil {
		return nil
	}
	entries := make([]entryNode, 0, len(mapping.Content)/2)
	for i := 0; i < len(mapping.Content); i += 2 {
		entries = append(entries, entryNode{key: mapping.Content[i], value: mapping.Content[i+1]})
	}
	return entries
}

// MostInstances is how many entries one for may stand for.
const MostInstances = 10_000

// repeater repeats the entries of all documents.
type repeater struct {
	// left is how many YAML nodes it may still make: as many as files may have values.
	left int
	errs Errors
}

// forKey is the key that repeats an entry.
const forKey = "for"

// Repeated is the key of every entry that can be repeated. Compile removes it before the rest is decoded.
type Repeated struct {
	For map[string]loopValues `yaml:"for" also:"foreach for_each loop with_items with_sequence repeat" absent:"the entry stands for itself" doc:"make an entry for each value of a variable, or for each combination of the values of several; linkd replaces \x60{VARIABLE}\x60 in its name, keys and values"`
}

// loopValues are the values of a variable: those of a range of numbers, or the words of a list.
type loopValues []string

func (loopValues) Syntax() Syntax {
	return Syntax{
		Name: "values of for",
		Doc:  fmt.Sprintf("A range of whole numbers, `1-12`, or a list of words or numbers, `[a, b, c]`. One entry stands for at most %d.", MostInstances),
		List: true,
	}
}

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	rangeText    = regexp.MustCompile(`^([0-9]+)-([0-9]+)$`)
	// computable matches values that {i+10} can compute with.
	computable = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
)

func (v *loopValues) DecodeNode(c *Context, n *yaml.Node) error {
	switch {
	case n.Kind == yaml.SequenceNode:
		for i, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				c.Errorf(item, "expected a word or a number, found %s", describe(item))
			} else if slices.ContainsFunc(n.Content[:i], func(other *yaml.Node) bool { return other.Value == item.Value }) {
				c.Errorf(item, "%s is in the list twice", quoted(item.Value))
			}
			*v = append(*v, item.Value)
		}
		if len(*v) == 0 {
			return fmt.Errorf("the list has no values")
		}
		return nil
	case n.Kind == yaml.ScalarNode:
		if bounds := rangeText.FindStringSubmatch(n.Value); bounds != nil {
			return v.span(bounds[1], bounds[2])
		}
		return fmt.Errorf("expected a range of numbers as in 1-12, or a list of values as in [a, b], found %s", describe(n))
	}
	return fmt.Errorf("expected a range or a list, found %s", describe(n))
}

// span sets the values to the numbers from low to high.
func (v *loopValues) span(low, high string) error {
	for _, bound := range []string{low, high} {
		if !computable.MatchString(bound) {
			return fmt.Errorf("%s is not a number of one to nine digits without a zero in front", bound)
		}
	}
	from, _ := strconv.Atoi(low)
	to, _ := strconv.Atoi(high)
	switch {
	case from > to:
		return fmt.Errorf("%s-%s begins after its end: write %s-%s", low, high, high, low)
	case to-from >= MostInstances:
		return fmt.Errorf("%s-%s are %d values, and for takes %d at most", low, high, to-from+1, MostInstances)
	}
	for i := from; i <= to; i++ {
		*v = append(*v, strconv.Itoa(i))
	}
	return nil
}

// variable is a variable of for with its values.
type variable struct {
	name   string
	values []string
}

// repeat returns the entries of a section of a file, each with for as often as that says.
func (r *repeater) repeat(file string, entries []entryNode) []entryNode {
	if !slices.ContainsFunc(entries, func(e entryNode) bool { return ValueOf(e.value, forKey) != nil }) {
		return entries
	}
	var all []entryNode
	for _, e := range entries {
		if n := ValueOf(e.value, forKey); n == nil {
			all = append(all, e)
		} else {
			all = append(all, r.instances(&Context{file: file, node: e.key, errs: &r.errs}, e, n)...)
		}
	}
	return all
}

// instances returns the entries that the entry e stands for; none if its for, at n, has an error.
func (r *repeater) instances(c *Context, e entryNode, n *yaml.Node) []entryNode {
	variables, ok := variablesOf(c, n)
	if !ok {
		return nil
	}
	count := 1
	for _, v := range variables {
		if count *= len(v.values); count > MostInstances {
			c.Errorf(n, "these variables have more than %d combinations", MostInstances)
			return nil
		}
	}
	body := withoutKey(e.value, forKey)
	if r.left -= count * sizeOf(body); r.left < 0 {
		c.Errorf(n, "with this for, the files have more than %d values: split the configuration, or repeat less", maxValues)
		return nil
	}
	s := substitution{variables: variables, chosen: make([]int, len(variables))}
	if before := len(*c.errs); s.check(c, e.key) || s.check(c, body) || len(*c.errs) > before {
		return nil
	}
	made := make([]entryNode, 0, count)
	first := map[string]string{}
	for range count {
		one := entryNode{s.replace(e.key), s.replace(body), s.String()}
		if other, twice := first[one.key.Value]; twice {
			c.Errorf(e.key, "%s stands for both %s and %s: put each variable into the name, as in %q",
				quoted(one.key.Value), other, one.instance, e.key.Value+"-{"+variables[len(variables)-1].name+"}")
			return nil
		}
		first[one.key.Value] = one.instance
		if key := duplicateKey(one.value); key != nil {
			c.Errorf(key, "%s is here twice (%s)", quoted(key.Value), one.instance)
			return nil
		}
		made = append(made, one)
		s.next()
	}
	return made
}

// variablesOf reads the value of for.
func variablesOf(c *Context, n *yaml.Node) (variables []variable, ok bool) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		c.Errorf(n, "expected variables with their values, as in {i: 1-12}, found %s%s", describe(n), blankMissing(n))
		return nil, false
	}
	ok = true
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !variableName.MatchString(key.Value) {
			c.Errorf(key, "%s cannot name a variable: letters, digits and _ can", quoted(key.Value))
			ok = false
		}
		var values loopValues
		ok = c.Decode(value, &values) && ok
		variables = append(variables, variable{key.Value, values})
	}
	return variables, ok
}

func withoutKey(mapping *yaml.Node, key string) *yaml.Node {
	out := *mapping
	out.Content = nil
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value != key {
			out.Content = append(out.Content, mapping.Content[i], mapping.Content[i+1])
		}
	}
	return &out
}

func sizeOf(n *yaml.Node) int {
	size := 1
	for _, child := range n.Content {
		size += sizeOf(child)
	}
	return size
}

// duplicateKey returns a key that is in its mapping twice; nil if there is none.
func duplicateKey(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; seen[key.Value] {
				return key
			} else {
				seen[key.Value] = true
			}
		}
	}
	for _, child := range n.Content {
		if key := duplicateKey(child); key != nil {
			return key
		}
	}
	return nil
}
