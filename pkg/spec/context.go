package spec

import (
	"fmt"
	"iter"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"
)

// Context is where the decoder stands: which namespace, which device, which link of the file. Resources and errors
// go through it.
type Context struct {
	// NS is the namespace's name, Device the interface's, Link the ID of the link; Device and Link are empty in a
	// namespace's own keys.
	NS, Device, Link string
	// Kind is the kind of link that the interface is; empty where that is not known.
	Kind string
	// Adopt: the interface may be one that linkd did not make, and is taken over with what is declared on it.
	Adopt bool
	// Quiet: what is declared on the interface is not announced to neighbours.
	Quiet bool

	file string
	node *yaml.Node
	errs *Errors
	c    *compiler
}

// At is the same context at another node.
func (c *Context) At(n *yaml.Node) *Context {
	here := *c
	here.node = n
	return &here
}

// On is the same context on an interface of a namespace.
func (c *Context) On(ns, device string) *Context {
	here := *c
	here.NS, here.Device = ns, device
	return &here
}

// Source is the place of the context's node.
func (c *Context) Source() Source { return at(c.file, c.node) }

// Errorf reports that the node n is wrong.
func (c *Context) Errorf(n *yaml.Node, format string, args ...any) {
	*c.errs = append(*c.errs, &Error{Source: at(c.file, n), Message: fmt.Sprintf(format, args...)})
}

// Warn reports that what was declared at src is valid, but probably not meant so.
func (c *Context) Warn(src Source, format string, args ...any) {
	if c.c != nil {
		c.c.warnings = append(c.c.warnings, &Error{Source: src, Message: fmt.Sprintf(format, args...)})
	}
}

// WarnAt reports that the node n is valid, but probably not meant so.
func (c *Context) WarnAt(n *yaml.Node, format string, args ...any) {
	c.Warn(at(c.file, n), format, args...)
}

// Reject reports that what was declared at src is wrong.
func (c *Context) Reject(src Source, format string, args ...any) {
	*c.errs = append(*c.errs, &Error{Source: src, Message: fmt.Sprintf(format, args...)})
}

// Add makes r part of the desired state. A second claim on the same ID is an error that names both places.
func (c *Context) Add(r Resource) {
	if holder := c.c.desired.Resources.Add(r); holder != nil {
		*c.errs = append(*c.errs, &Error{
			Source:  r.Origin(),
			Message: fmt.Sprintf("%s is declared twice, first in %s", r.ID(), holder.Origin()),
			Also:    []string{holder.Origin().File},
		})
	}
}

// Declared is the resource that the files declare with that ID, or nil. What another end declares is to be asked for
// Later.
func (c *Context) Declared(id ID) Resource { return c.c.desired.Resources.Get(id) }

// All is everything that the files declare. It is whole Later.
func (c *Context) All() *Set { return c.c.desired.Resources }

// Later calls f when everything in all files has been read.
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
	c.c.collisions = append(c.c.collisions, collision{other, &Error{Source: src, Message: fmt.Sprintf(format, args...)}})
}

// collision is a warning about a place and another one.
type collision struct {
	other Source
	*Error
}

// Claim says that the context's node has what there is only one of. A second claim on it is an error that names both
// places.
func (c *Context) Claim(what string) {
	if before, taken := c.claim(what, ""); taken {
		c.Conflict(before.source, "%s is claimed twice, first in %s", what, before.source)
	}
}

// Agree says that what is shared by several has a value. Another value of it is an error that names both places.
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

// Conflict reports that the context's node is wrong because of what was declared at other.
func (c *Context) Conflict(other Source, format string, args ...any) {
	*c.errs = append(*c.errs, &Error{Source: c.Source(), Message: fmt.Sprintf(format, args...), Also: []string{other.File}})
}

// didYouMean suggests a known word in place of one that is not known. Without a compiler it has no limit.
func (c *Context) didYouMean(word string, known iter.Seq[string]) string {
	if c.c == nil {
		return (*suggestions)(nil).didYouMean(word, known)
	}
	return c.c.suggestions.didYouMean(word, known)
}

// tableNames are the names of routing tables on this machine.
func (c *Context) tableNames() (map[string]Table, error) {
	if c.c == nil {
		return tableNames()
	}
	return c.c.tables()
}

// Namespace finds the namespace that n refers to: host, a declared name, or a selector in place.
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

// Fields reads a mapping whose keys are partly those of the structs that own points to, and partly declared by
// kinds: the former are decoded, and the latter returned for DecodeKeys, which may need to know what the former say.
func (c *Context) Fields(n *yaml.Node, declared []Key, own ...any) (rest map[string]*yaml.Node, ok bool) {
	before := len(*c.errs)
	rest = map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		c.Errorf(n, "expected a mapping, found %s", describe(n))
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
	c.decodeStructs(&mine, into, names)
	for _, k := range declared {
		if k.Required && rest[k.Name] == nil {
			c.Errorf(n, "%q is missing", k.Name)
		}
	}
	return rest, len(*c.errs) == before
}

// DecodeKeys hands each node to the key that declared it.
func (c *Context) DecodeKeys(declared []Key, nodes map[string]*yaml.Node) {
	for _, k := range declared {
		if n := nodes[k.Name]; n != nil {
			k.Decode(c, n)
		}
	}
}

// HostNamespace makes sure that the host is among the namespaces, and returns its name: for what lives in the host
// though it is written elsewhere.
func (c *Context) HostNamespace() string {
	name, _ := c.c.reference(Host, c.Source())
	return name
}

// Selector is how the context's namespace is found.
func (c *Context) Selector() Selector { return c.c.desired.Namespaces[c.NS].Selector }
