package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// parse returns the root nodes of a file's documents. It refuses what the language never allows: aliases and anchors,
// nulls, duplicate keys, keys that are not plain words, and tags of other types.
func parse(f File) ([]*yaml.Node, Errors) {
	fail := func(line, column int, err error) Errors {
		return Errors{{Source: Source{File: f.Path, Line: line, Column: column}, Message: err.Error()}}
	}
	if f.Err != nil {
		return nil, fail(0, 0, unwrapPath(f.Err))
	}
	if line, column, err := checkText(f.Text); err != nil {
		return nil, fail(line, column, err)
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
			line, msg := yamlPosition(f.Text, err)
			return nil, append(errs, fail(line, min(line, 1), errors.New(msg))...)
		}
		if len(doc.Content) == 0 || isEmpty(doc.Content[0]) {
			continue
		}
		w := walker{file: f.Path}
		if w.walk(doc.Content[0], 0) {
			roots = append(roots, doc.Content[0])
		}
		errs = append(errs, w.errs...)
	}
}

// isEmpty reports whether a document has only comments: yaml.v3 makes it a null without text.
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

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	// grammarError matches errors of yaml.v3's parser, which counts lines from 0 and leaves out line 0; its scanner
	// counts from 1.
	grammarError = regexp.MustCompile(`^(?:did not find expected (?:<|node content|'-' indicator|key|',' or )|found (?:undefined|duplicate|incompatible) )`)
	// aliasError matches the only error without a line.
	aliasError = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// yamlPosition returns the line number and the rest of a parser error. yaml.v3 has the number only in the text.
func yamlPosition(text []byte, err error) (line int, msg string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, err.Error()
	}
	line, _ = strconv.Atoi(m[1])
	msg = strings.TrimPrefix(err.Error(), m[0])
	if alias := aliasError.FindStringSubmatch(msg); alias != nil {
		before, _, _ := bytes.Cut(text, []byte("*"+alias[1]))
		line = 1 + bytes.Count(before, []byte("\n"))
	}
	if grammarError.MatchString(msg) {
		line++
	}
	line = max(line, 1)
	if msg == startsNoToken && tabIndents(text, line) {
		msg = "a tab indents this line, and YAML takes spaces only"
	}
	return line, msg
}

// startsNoToken is the error of yaml.v3's scanner for a tab, among others. An editor shows a tab like spaces.
const startsNoToken = "found character that cannot start any token"

func tabIndents(text []byte, line int) bool {
	for ; line > 1; line-- {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return bytes.HasPrefix(bytes.TrimLeft(text, " "), []byte("\t"))
}

type walker struct {
	file string
	errs Errors
}

func (w *walker) errorf(n *yaml.Node, format string, args ...any) {
	w.errs = append(w.errs, &Error{Source: at(w.file, n), Message: fmt.Sprintf(format, args...)})
}

// walk reports whether n can be decoded. If not, it has reported the error, and the caller removes n, so that the
// rest can be decoded and all errors are reported at once.
func (w *walker) walk(n *yaml.Node, depth int) bool {
	if depth > maxDepth {
		w.errorf(n, "nested deeper than %d levels", maxDepth)
		return false
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		w.errorf(n, "anchors and aliases are not part of the language: write the value out")
	}
	switch n.Kind {
	case yaml.AliasNode:
		return false
	case yaml.SequenceNode:
		n.Content = slices.DeleteFunc(n.Content, func(item *yaml.Node) bool { return !w.walk(item, depth+1) })
	case yaml.MappingNode:
		w.mapping(n, depth)
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!null":
			w.errorf(n, "the value is missing (null)")
			return false
		case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		default:
			w.errorf(n, "a value of type %s is not part of the language", n.Tag)
			return false
		}
	}
	return true
}

func (w *walker) mapping(n *yaml.Node, depth int) {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	fit := n.Content[:0]
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		valueFits := w.walk(value, depth+1)
		switch before := first[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null":
			w.errorf(key, "a key has to be a word")
		case key.Tag == "!!merge":
			w.errorf(key, "merge keys are not part of the language: write the values out")
		case before != nil:
			w.errorf(key, "%s is here twice, first on line %d", quoted(key.Value), before.Line)
		default:
			first[key.Value] = key
			if valueFits {
				fit = append(fit, key, value)
			}
		}
	}
	n.Content = fit
}
