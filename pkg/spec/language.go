package spec

import (
	"fmt"
	"reflect"

	"gopkg.in/yaml.v3"
)

// Language is what can be said inside a namespace and about a link, as the kinds declare it.
type Language struct {
	Namespace []Key
	Link      Link
	// Instances are the containers that a template stands for now; nil where nobody asks.
	Instances func(template Selector) ([]Instance, error)
	// Samples: each template stands for one made-up container, of which nothing is known but that it is there.
	Samples bool
}

// Link is what can be said of a link. Decode reads one entry of links, and Kinds says what it reads. End are the keys of
// each end that it hands to the kinds that declared them.
type Link struct {
	Kinds  []LinkKind
	End    []Key
	Decode func(c *Context, id string, n *yaml.Node)
}

// LinkKind is what can be said of one kind of link. One of its keys is kind, with its name for a value.
type LinkKind struct {
	Name, Doc string
	Mapping
}

// Mapping is what can stand in one mapping of a file: the keys that structs declare by their tags, those that kinds
// declare, and those of other mappings.
type Mapping struct {
	// Name is what the mapping is called in the reference: end, link.veth.
	Name    string
	Structs []any
	Keys    []Key
	With    []Mapping
}

// Key is one YAML key that a kind declares: its name, what it says, and how its value becomes resources.
type Key struct {
	Name, Doc string
	// Required: it has to be there.
	Required bool
	// Type is a value of the Go type that is decoded, for the reference and the schema. A Mapping stands for a struct
	// of its keys, also as the element of another type, and a list of LinkKind for any of these.
	Type   any
	Decode func(c *Context, n *yaml.Node)
}

// Document is what can stand in one document of a file.
func (lang Language) Document() Mapping {
	return Mapping{
		Name:    "document",
		Structs: []any{document{}},
		Keys: []Key{
			{
				Name: "namespaces", Doc: "network namespaces, each under a name of your choice",
				Type: map[string]Mapping{"": {Name: "namespace", Structs: []any{namespace{}}, Keys: lang.Namespace}},
			},
			{
				Name: "links", Doc: "links, each under its ID, which is unique over all files",
				Type: map[string][]LinkKind{"": lang.Link.Kinds},
			},
		},
	}
}

// document are the keys of a document that are read at once; the others' values need all files.
type document struct {
	Version version `yaml:"version" default:"1" doc:"the version of the language"`
}

type version int

// DecodeNode implements NodeDecoder.
func (v *version) DecodeNode(c *Context, n *yaml.Node) error {
	if c.Decode(n, (*int)(v)) && *v != 1 {
		return fmt.Errorf("version %d is not known; 1 is the only version", *v)
	}
	return nil
}

// Syntax implements Described.
func (version) Syntax() Syntax { return Syntax{Name: "version", Min: 1, Max: 1} }

// namespace are the keys of a namespace that no kind declares.
type namespace struct {
	From selectorText `yaml:"from" absent:"name:NAME with the namespace's own name" doc:"how it is found"`
}

// NewKey declares a key whose value has the type T; resources is called with the decoded value.
func NewKey[T any](name, doc string, resources func(c *Context, value T)) Key {
	var zero T
	return Key{Name: name, Doc: doc, Type: zero, Decode: func(c *Context, n *yaml.Node) {
		var value T
		if here := c.At(n); here.Decode(n, &value) {
			resources(here, value)
		}
	}}
}

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

// Wanted are all resources that the files declare. It is to be asked Later.
func (c *Context) Wanted() []Resource { return c.c.desired.Resources.All() }

// Later calls f when everything in all files has been read.
func (c *Context) Later(f func()) { c.c.later = append(c.c.later, f) }

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
	ours := map[string]bool{}
	for _, k := range declared {
		ours[k.Name] = true
	}
	mine := *n
	mine.Content = nil
	for i := 0; i < len(n.Content); i += 2 {
		if key, value := n.Content[i], n.Content[i+1]; ours[key.Value] {
			rest[key.Value] = value
		} else {
			mine.Content = append(mine.Content, key, value)
		}
	}
	into := make([]reflect.Value, len(own))
	for i := range own {
		into[i] = reflect.ValueOf(own[i]).Elem()
	}
	c.decodeStructs(&mine, into, keys(ours))
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
