package spec

import (
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Phrase returns a value that Encode writes as one line of keys and values, as iproute2 would write it: "mtu 1400 onlink".
// It leaves out the keys in without. A flag that is set is its key alone.
func Phrase(value any, without ...string) string {
	n, is := value.(*yaml.Node)
	if !is {
		n = EncodeMapping(reflect.Indirect(reflect.ValueOf(value)).Interface())
	}
	return strings.Join(phrase(n, without), " ")
}

func phrase(n *yaml.Node, without []string) (words []string) {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}
	case n.Kind == yaml.SequenceNode:
		items := make([]string, len(n.Content))
		for i, item := range n.Content {
			items[i] = strings.Join(phrase(item, nil), " ")
		}
		return []string{strings.Join(items, ",")}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		switch {
		case slices.Contains(without, key):
		case value != nil && value.Tag == "!!bool" && value.Value == "true":
			words = append(words, key)
		default:
			words = append(append(words, key), phrase(value, nil)...)
		}
	}
	return words
}
