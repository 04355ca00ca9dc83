package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// parse splits a file into its documents' root nodes. What the language excludes everywhere is refused here, once:
// aliases and anchors, nulls, duplicate keys, keys that are not plain words, tags of other types.
func parse(f File) ([]*yaml.Node, Errors) {
	fail := func(line int, err error) Errors {
		return Errors{{Source: Source{File: f.Path, Line: line, Column: min(line, 1)}, Message: err.Error()}}
	}
	if f.Err != nil {
		return nil, fail(0, unwrapPath(f.Err))
	}
	if err := checkText(f.Text); err != nil {
		return nil, fail(0, err)
	}
	var roots []*yaml.Node
	var errs Errors
	for dec := yaml.NewDecoder(bytes.NewReader(f.Text)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return roots, errs
		}
		if err != nil {
			line, msg := yamlPosition(err)
			return nil, append(errs, fail(line, errors.New(msg))...)
		}
		if len(doc.Content) == 0 || isEmpty(doc.Content[0]) {
			continue
		}
		w := walker{file: f.Path}
		w.walk(doc.Content[0], 0)
		errs = append(errs, w.errs...)
		roots = append(roots, doc.Content[0])
	}
}

// isEmpty is a document that holds comments at most: yaml.v3 makes it a null with no text.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == ""
}

func unwrapPath(err error) error {
	var perr interface{ Unwrap() error }
	if errors.As(err, &perr) && perr.Unwrap() != nil {
		return perr.Unwrap()
	}
	return err
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlPosition takes the line number out of a parser error. yaml.v3 gives it only as text, and for a few errors
// counts from 0; the text is kept.
func yamlPosition(err error) (line int, msg string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, err.Error()
	}
	line, _ = strconv.Atoi(m[1])
	return max(line, 1), strings.TrimPrefix(err.Error(), m[0])
}

type walker struct {
	file string
	errs Errors
}

func (w *walker) errorf(n *yaml.Node, format string, args ...any) {
	w.errs = append(w.errs, &Error{Source: at(w.file, n), Message: fmt.Sprintf(format, args...)})
}

func (w *walker) walk(n *yaml.Node, depth int) {
	if depth > maxDepth {
		w.errorf(n, "nested deeper than %d levels", maxDepth)
		return
	}
	if n.Anchor != "" {
		w.errorf(n, "anchors and aliases are not part of the language: write the value out")
	}
	switch n.Kind {
	case yaml.AliasNode:
		w.errorf(n, "anchors and aliases are not part of the language: write the value out")
	case yaml.SequenceNode:
		for _, item := range n.Content {
			w.walk(item, depth+1)
		}
	case yaml.MappingNode:
		w.keys(n)
		for i := 1; i < len(n.Content); i += 2 {
			w.walk(n.Content[i], depth+1)
		}
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!null":
			w.errorf(n, "the value is missing (null)")
		case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		default:
			w.errorf(n, "a value of type %s is not part of the language", n.Tag)
		}
	}
}

func (w *walker) keys(n *yaml.Node) {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!null" {
			w.errorf(key, "a key has to be a word")
			continue
		}
		if key.Tag == "!!merge" {
			w.errorf(key, "merge keys are not part of the language: write the values out")
			continue
		}
		if before := first[key.Value]; before != nil {
			w.errorf(key, "%q is here twice, first on line %d", key.Value, before.Line)
			continue
		}
		first[key.Value] = key
	}
}
