package spec

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

func decodeScalar(n *yaml.Node, v reflect.Value) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("expected %s, found %s", typeName(v), describe(n))
	}
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	switch {
	case v.Kind() == reflect.String:
		v.SetString(n.Value)
		return nil
	case v.Kind() == reflect.Bool && !quoted:
		switch strings.ToLower(n.Value) {
		case "true", "yes", "on":
			v.SetBool(true)
			return nil
		case "false", "no", "off":
			v.SetBool(false)
			return nil
		}
	case v.CanInt() && !quoted:
		i, err := wholeNumber(n.Value, func(digits string, base int) (int64, error) {
			return strconv.ParseInt(digits, base, v.Type().Bits())
		})
		if err == nil || !errors.Is(err, strconv.ErrSyntax) {
			v.SetInt(i)
			return err
		}
	case v.CanUint() && !quoted:
		u, err := wholeNumber(n.Value, func(digits string, base int) (uint64, error) {
			return strconv.ParseUint(digits, base, v.Type().Bits())
		})
		if err == nil || !errors.Is(err, strconv.ErrSyntax) {
			v.SetUint(u)
			return err
		}
	}
	if quoted {
		plain := *n
		if plain.Style = 0; decodeScalar(&plain, reflect.New(v.Type()).Elem()) == nil {
			return fmt.Errorf("expected %s, found the text %s: write it without quotes", typeName(v), describe(n))
		}
	}
	return fmt.Errorf("expected %s, found %s", typeName(v), describe(n))
}

// wholeNumber parses a number and refuses a leading zero: YAML 1.1 reads 010 as 8, 1.2 as 10, and an author may mean
// either.
func wholeNumber[N int64 | uint64](text string, parse func(digits string, base int) (N, error)) (N, error) {
	digits, base := text, 10
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		digits, base = hex, 16
	} else if len(text) > 1 && text[0] == '0' {
		return 0, fmt.Errorf("%s starts with a zero, which YAML versions read differently: write it without", text)
	}
	value, err := parse(digits, base)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is out of range", text)
	}
	return value, err
}

func typeName(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt() || v.CanUint():
		return "a whole number"
	}
	return "a word"
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return quoted(n.Value)
}

// listOfOne returns a hint for a text that may be meant as the only item of a list.
func listOfOne(n *yaml.Node) string {
	const longest = 40
	if n.Kind != yaml.ScalarNode || n.Style != 0 || len(n.Value) > longest {
		return ""
	}
	return "; a list of one item is [" + n.Value + "]"
}

// blankMissing returns a hint for a text that is where a mapping or a list has to be because it lacks a space.
func blankMissing(n *yaml.Node) string {
	switch {
	case n.Kind != yaml.ScalarNode || n.Style != 0:
	case spaceMissing(n.Value) > 0:
		return "; " + spaceMessage(n.Value)
	case len(n.Value) > 1 && n.Value[0] == '-':
		return `; a list item begins with "- "`
	}
	return ""
}

// quoted returns text from a file in quotes, for an error; of a long text only its beginning.
func quoted(text string) string {
	const most = 60
	characters := 0
	for i := range text {
		if characters++; characters > most {
			return strconv.Quote(text[:i]) + "..."
		}
	}
	return strconv.Quote(text)
}
