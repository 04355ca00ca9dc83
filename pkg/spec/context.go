package spec

import (
	"fmt"
	"iter"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"
)

// Context is the position of the decoder: the namespace, the device and the link in the file. It collects resources
// and errors.
type Context struct {
	// NS is the name of the namespace, Device that of the interface, and Link the ID of the link. Device and Link are
	// empty for a key of the namespace itself.
	NS, Device, Link string
	// Kind is the kind of link of the interface; empty if it is not known.
	Kind string
	// Adopt: linkd may take over an interface that it did not make, together with what is declared on it.
	Adopt bool
	// Quiet: linkd does not announce to neighbours what is declared on the interface.
	Quiet bool

	file string
	node *yaml.Node
	// instance is that of the entry (see entryNode).
	instance string
	errs     *Errors
	c        *compiler
}

// At returns a copy of the context at another node.
func (c *Context) At(n *yaml.Node) *Context {
	here := *c
	here.node = n
	return &here
}

// On returns a copy of the context on an interface of a namespace.
func (c *Context) On(ns, device string) *Context {
	here := *c
	here.NS, here.Device = ns, device
	return &here
}

// Source returns the position of the context's node.
func (c *Context) Source() Source { return at(c.file, c.node) }

// Node returns the context's node.
func (c *Context) Node() *yaml.Node { return c.node }

// Errorf reports an error at the node n.
func (c *Context) Errorf(n *yaml.Node, format string, args ...any) {
	c.report(&Error{Source: at(c.file, n), Message: fmt.Sprintf(format, args...)})
}

func (c *Context) report(e *Error) {
	e.instance = c.instance
	*c.errs = append(*c.errs, e)
}

// Warn reports that the declaration at src is valid, but probably not intended.
func (c *Context) Warn(src Source, format string, args ...any) {
	if c.c != nil {
		c.c.warnings = append(c.c.warnings, &Error{Source: src, Message: fmt.Sprintf(format, args...), instance: c.instance})
	}
}

// WarnAt reports that the node n is valid, but probably not intended.
func (c *Context) WarnAt(n *yaml.Node, format string, args ...any) {
	c.Warn(at(c.file, n), format, args...)
}

// Reject reports an error in the declaration at src.
func (c *Context) Reject(src Source, format string, args ...any) {
	c.report(&Error{Source: src, Message: fmt.Sprintf(format, args...)})
}

// Add adds r to the desired state. A second resource with the same ID is an error that names both positions.
func (c *Context) Add(r Resource) {
	if holder := c.c.desired.Resources.Add(r); holder != nil {
		c.report(&Error{
			Source:  r.Origin(),
			Message: fmt.Sprintf("%s is declared twice, first in %s", r.ID(), holder.Origin()),
			Also:    []string{holder.Origin().File},
		})
	}
}

// Declared returns the resource that the files declare with that ID, or nil. A resource of another end may be
// declared later: ask in a function for Later.
func (c *Context) Declared(id ID) Resource { return c.c.desired.Resources.Get(id) }

// All returns all resources that the files declare. The set is complete in functions for Later.
func (c *Context) All() *Set { return c.c.desired.Resources }

// Later calls f after all files have been read.
func (c *Context) Later(f func()) { c.c.later = append(c.c.later, f) }

// Once calls f when everything has been read and each function given to Later before that has returned, once for all calls with
// the same name.
func (c *Context) Once(name string, f func()) {
	if _, taken := c.claim("once: "+name, ""); !taken {
		c.Later(func() { c.Later(f) })
	}
}

// Collide warns that what was declared at src gets in the way of what was declared at other. A container in the place of a
// template that does so is left out.
func (c *Context) Collide(src, other Source, format string, args ...any) {
	c.Warn(src, format, args...)
	c.c.collisions = append(c.c.collisions, collision{other, &Error{Source: src, Message: fmt.Sprintf(format, args...), instance: c.instance}})
}

// collision is a warning about a place and another one.
type collision struct {
	other Source
	*Error
}

// Claim reserves something unique for the context's node. A second claim is an error that names both positions.
func (c *Context) Claim(what string) {
	if before, taken := c.claim(what, ""); taken {
		c.Conflict(before.source, "%s is claimed twice, first in %s", what, before.source)
	}
}

// Agree records the value of something that several nodes share. A different value is an error that names both
// positions.
func (c *Context) Agree(what, value string) {
	if before, taken := c.claim(what, value); taken && before.value != value {
		c.Conflict(before.source, "%s is %s here, and %s in %s", what, value, before.value, before.source)
	}
}

type claim struct {
	value  string
	source Source
}

func (c *Context) claim(what, value string) (before claim, taken bool) {
	if before, taken = c.c.claims[what]; !taken {
		c.c.claims[what] = claim{value, c.Source()}
	}
	return before, taken
}

// Conflict reports that the context's node conflicts with the declaration at other.
func (c *Context) Conflict(other Source, format string, args ...any) {
	c.report(&Error{Source: c.Source(), Message: fmt.Sprintf(format, args...), Also: []string{other.File}})
}

// DidYouMean returns a suggestion for an unknown word, to append to a message, or "". Without a compiler, the number of comparisons has no limit.
func (c *Context) DidYouMean(word string, known iter.Seq[string]) string {
	if c.c == nil {
		return (*suggestions)(nil).didYouMean(word, known)
	}
	return c.c.suggestions.didYouMean(word, known)
}

// tableNames returns the names of routing tables on this machine.
func (c *Context) tableNames() (map[string]Table, error) {
	if c.c == nil {
		return tableNames()
	}
	return c.c.tables()
}

// Namespace finds the namespace that n refers to: host, a declared name, or an inline selector.
func (c *Context) Namespace(n *yaml.Node) (name string, ok bool) {
	name, err := c.c.reference(n.Value, c.At(n).Source())
	if n.Kind != yaml.ScalarNode {
		err = fmt.Errorf("expected a namespace, found %s", describe(n))
	}
	if err != nil {
		c.Errorf(n, "%v", err)
		return "", false
	}
	return name, true
}

// Fields reads a mapping with keys of the structs that own points to and keys in declared. It decodes the former, and
// returns the nodes of the latter for DecodeKeys, which may depend on the former.
func (c *Context) Fields(n *yaml.Node, declared []Key, own ...any) (rest map[string]*yaml.Node, ok bool) {
	before := len(*c.errs)
	rest = map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		c.Errorf(n, "expected a mapping, found %s%s", describe(n), blankMissing(n))
		return rest, false
	}
	names := make([]string, len(declared))
	for i, k := range declared {
		names[i] = k.Name
	}
	mine := *n
	mine.Content = make([]*yaml.Node, 0, len(n.Content))
	for i := 0; i < len(n.Content); i += 2 {
		if key, value := n.Content[i], n.Content[i+1]; slices.Contains(names, key.Value) {
			rest[key.Value] = value
		} else {
			mine.Content = append(mine.Content, key, value)
		}
	}
	into := make([]reflect.Value, len(own))
	for i := range own {
		into[i] = reflect.ValueOf(own[i]).Elem()
	}
	c.decodeStructs(&mine, into, declared)
	for _, k := range declared {
		if k.Required && rest[k.Name] == nil {
			c.Errorf(n, "%q is missing", k.Name)
		}
	}
	return rest, len(*c.errs) == before
}

// DecodeKeys passes each node to the key that declared it.
func (c *Context) DecodeKeys(declared []Key, nodes map[string]*yaml.Node) {
	for _, k := range declared {
		if n := nodes[k.Name]; n != nil {
			k.Decode(c, n)
		}
	}
}

// HostNamespace declares the host and returns its name, for resources in the host that are declared elsewhere.
func (c *Context) HostNamespace() string {
	name, _ := c.c.reference(Host, c.Source())
	return name
}

// Selector returns the selector of the context's namespace.
func (c *Context) Selector() Selector { return c.c.desired.Namespaces[c.NS].Selector }
