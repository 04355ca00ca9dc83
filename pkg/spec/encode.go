package spec

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// NodeEncoder is a value that is not written by its Go type: the counterpart of a NodeDecoder. The counterpart of a
// WordDecoder is a String method.
type NodeEncoder interface{ EncodeNode() *yaml.Node }

// Encode writes a value so that Decode can read it: a struct by its tags, without zero fields; a value with a String
// method as that word. It returns nil if there is nothing to write.
func Encode(value any) *yaml.Node {
	switch v := value.(type) {
	case nil:
		return nil
	case *yaml.Node:
		return v
	}
	return encode(reflect.ValueOf(value))
}

func encode(v reflect.Value) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if e, is := v.Interface().(NodeEncoder); is {
			return e.EncodeNode()
		}
		return encode(v.Elem())
	}
	switch special := v.Interface().(type) {
	case NodeEncoder:
		return special.EncodeNode()
	case fmt.Stringer:
		return Word(special.String())
	}
	switch v.Kind() {
	case reflect.Struct:
		return EncodeMapping(v.Interface())
	case reflect.Slice, reflect.Array:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, encode(v.Index(i)))
		}
		return n
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
			n.Content = append(n.Content, Word(key.String()), encode(v.MapIndex(key)))
		}
		return n
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}
	case reflect.String:
		return Word(v.String())
	}
	if !v.CanInt() && !v.CanUint() {
		panic(fmt.Sprintf("a %v has no form in a file", v.Type()))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(v.Interface())}
}

// EncodeMapping writes a struct only by its tags. A struct's own EncodeNode uses it for the long form.
func EncodeMapping(value any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	encodeFields(n, reflect.ValueOf(value))
	return n
}

// encodeFields appends the fields of a struct to a mapping. A pointer to a zero value is written.
func encodeFields(n *yaml.Node, v reflect.Value) {
	for _, f := range layoutOf(v.Type()).fields {
		if field := v.FieldByIndex(f.index); f.Required || !field.IsZero() {
			n.Content = append(n.Content, Word(f.Name), encode(field))
		}
	}
}

// Word returns a scalar that is text, whatever it looks like.
func Word(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// Number returns a scalar that is a whole number.
func Number(n uint64) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatUint(n, 10)}
}

// Unwritable returns why Decode would refuse a value that Encode writes, on an interface of a namespace; nil if it
// would not.
func Unwritable[T any](ns, device string, value T) error {
	var errs Errors
	var back T
	c := &Context{NS: ns, Device: device, errs: &errs, node: Encode(value)}
	if !c.Decode(c.node, &back) {
		return errors.New(errs[0].Message)
	}
	return nil
}

// MergedMapping is one mapping made of several parts: structs, pointers to structs, and Keys.
type MergedMapping []any

func (m MergedMapping) EncodeNode() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, part := range m {
		if written := Encode(part); written != nil {
			n.Content = append(n.Content, written.Content...)
		}
	}
	return n
}

// Keys are the values of keys, written in the order of the language.
type Keys struct {
	order  []Key
	values map[string]any
}

// Set sets the value of a key.
func (k *Keys) Set(key string, value any) { k.values[key] = value }

// Append adds an entry to the list that is a key's value.
func Append[E any](k *Keys, key string, entry E) {
	list, _ := k.values[key].([]E)
	k.values[key] = append(list, entry)
}

// Empty reports whether no key has a value.
func (k *Keys) Empty() bool { return len(k.values) == 0 }

func (k *Keys) EncodeNode() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range k.order {
		if value, is := k.values[key.Name]; is {
			n.Content = append(n.Content, Word(key.Name), Encode(value))
		}
	}
	if len(n.Content) != 2*len(k.values) {
		panic(fmt.Sprintf("a key of %v is not in the language", slices.Sorted(maps.Keys(k.values))))
	}
	return n
}
