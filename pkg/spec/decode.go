package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// NodeDecoder is a value that decodes a node itself, such as a value with several forms. Its error is reported at the
// node; errors inside the node are reported through c.
type NodeDecoder interface {
	DecodeNode(c *Context, n *yaml.Node) error
}

// WordDecoder is a value that is written as one word with its own syntax. Its error is reported at the word. A field
// of type Source gets the word's position.
type WordDecoder interface {
	DecodeWord(word string) error
}

// Decode decodes n strictly into the value that into points to. It reports each unknown key, missing required key,
// wrong type, value that its Field does not allow, and error of a NodeDecoder or WordDecoder at its position. A field
// of type Source gets the node's position. It returns whether there was no error.
// yaml.v3 has a similar function, but its KnownFields is lost inside Node.Decode, and it reads 010 as 8 and yes as
// "yes".
func (c *Context) Decode(n *yaml.Node, into any) bool {
	before := len(*c.errs)
	c.decode(n, reflect.ValueOf(into).Elem())
	return len(*c.errs) == before
}

// DecodeMapping decodes a mapping into the struct that into points to, only by its tags. A struct's own DecodeNode
// uses it for the long form.
func (c *Context) DecodeMapping(n *yaml.Node, into any) bool {
	before := len(*c.errs)
	c.decodeStructs(n, []reflect.Value{reflect.ValueOf(into).Elem()}, nil)
	return len(*c.errs) == before
}

var sourceType = reflect.TypeFor[Source]()

func (c *Context) decode(n *yaml.Node, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		// A pointer to an invalid value stays nil, so that nothing else is reported about it.
		value := reflect.New(v.Type().Elem())
		if c.Decode(n, value.Interface()) {
			v.Set(value)
		}
		return
	}
	var err error
	switch d := v.Addr().Interface().(type) {
	case NodeDecoder:
		err = d.DecodeNode(c, n)
	case WordDecoder:
		err = c.decodeWord(n, d, v)
	default:
		c.decodePlain(n, v)
	}
	if err != nil {
		c.Errorf(n, "%v", err)
	}
}

func (c *Context) decodeWord(n *yaml.Node, d WordDecoder, v reflect.Value) error {
	var word string
	if err := decodeScalar(n, reflect.ValueOf(&word).Elem()); err != nil {
		return err
	}
	if v.Kind() == reflect.Struct {
		c.place(n, v)
	}
	return d.DecodeWord(word)
}

// place sets the fields of type Source to the position of the node.
func (c *Context) place(n *yaml.Node, v reflect.Value) {
	for _, index := range layoutOf(v.Type()).sources {
		v.FieldByIndex(index).Set(reflect.ValueOf(at(c.file, n)))
	}
}

// decodePlain decodes a value by its Go type.
func (c *Context) decodePlain(n *yaml.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		c.decodeStructs(n, []reflect.Value{v}, nil)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			c.Errorf(n, "expected a list, found %s%s", describe(n), cmp.Or(blankMissing(n), listOfOne(n)))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			c.decode(item, v.Index(i))
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			c.Errorf(n, "expected a mapping, found %s%s", describe(n), blankMissing(n))
			return
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Content)/2))
		for i := 0; i < len(n.Content); i += 2 {
			value := reflect.New(v.Type().Elem()).Elem()
			c.decode(n.Content[i+1], value)
			v.SetMapIndex(reflect.ValueOf(n.Content[i].Value), value)
		}
	default:
		if err := decodeScalar(n, v); err != nil {
			c.Errorf(n, "%v", err)
		}
	}
}

// decodeStructs decodes one mapping into the fields of several structs; elsewhere are the keys that others
// decode.
func (c *Context) decodeStructs(n *yaml.Node, into []reflect.Value, elsewhere []Key) {
	if n.Kind != yaml.MappingNode {
		c.Errorf(n, "expected a mapping, found %s%s", describe(n), blankMissing(n))
		return
	}
	for _, v := range into {
		c.place(n, v)
	}
	// meant are the keys for which there is another word.
	var meant []string
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, v, known := fieldNamed(key.Value, into)
		if !known {
			hint, name := c.hintAtKey(key.Value, into, elsewhere)
			c.Errorf(key, "unknown key %s%s", quoted(key.Value), hint)
			meant = append(meant, name)
			continue
		}
		before := len(*c.errs)
		c.decode(value, v)
		if len(*c.errs) > before {
			continue
		}
		if err := field.check(v); err != nil {
			v.SetZero()
			c.Errorf(value, "%v", err)
		}
	}
	for _, v := range into {
		for _, f := range layoutOf(v.Type()).fields {
			if f.Required && !hasKey(n, f.Name) && !slices.Contains(meant, f.Name) {
				c.Errorf(n, "%q is missing", f.Name)
			}
		}
	}
}

// SetField decodes n into the field of the struct that into points to that has a key. It does not check the range of a number. It
// returns false, and changes nothing, if n is no value of the key.
func SetField(into any, key string, n *yaml.Node) bool {
	_, v, known := fieldNamed(key, []reflect.Value{reflect.ValueOf(into).Elem()})
	if !known {
		return false
	}
	value := reflect.New(v.Type())
	c := &Context{errs: new(Errors)}
	if !c.Decode(n, value.Interface()) {
		return false
	}
	v.Set(value.Elem())
	return true
}

// fieldNamed returns the field for a key, of the last struct that has one.
func fieldNamed(name string, structs []reflect.Value) (f *Field, v reflect.Value, known bool) {
	for _, v := range slices.Backward(structs) {
		l := layoutOf(v.Type())
		if i, is := l.byName[name]; is {
			return &l.fields[i], v.FieldByIndex(l.fields[i].index), true
		}
	}
	return nil, reflect.Value{}, false
}

func hasKey(mapping *yaml.Node, name string) bool {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return true
		}
	}
	return false
}

// OneOf returns an error if word is not one of the allowed words.
func OneOf(what, word string, allowed ...string) error {
	if slices.Contains(allowed, word) {
		return nil
	}
	return fmt.Errorf("%s %q is not one of %s%s", what, word, strings.Join(allowed, ", "), didYouMean(word, allowed))
}
