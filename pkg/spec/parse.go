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
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// root is the root node of a document, and the line on which --- begins it; 0 for the first document of a file.
type root struct {
	*yaml.Node
	begin int
}

// parse returns the root nodes of a file's documents. It refuses what the language never allows: aliases and anchors,
// nulls, duplicate keys, keys that are not plain words, and tags of other types.
func parse(f File) ([]root, Errors) {
	fail := func(line, column int, err error) Errors {
		return Errors{{Source: Source{File: f.Path, Line: line, Column: column}, Message: err.Error()}}
	}
	if f.Err != nil {
		return nil, fail(0, 0, unwrapPath(f.Err))
	}
	if line, column, err := checkText(f.Text); err != nil {
		return nil, fail(line, column, err)
	}
	var roots []root
	begin := 0
	var errs Errors
	var tags *cursor
	if bytes.IndexByte(f.Text, '!') >= 0 {
		tags = new(newCursor(f.Text))
	}
	for dec := yaml.NewDecoder(bytes.NewReader(f.Text)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return roots, errs
		}
		if err != nil {
			line, column, msg := locate(f.Text, err)
			return nil, append(errs, fail(line, column, errors.New(msg))...)
		}
		if len(roots) > 0 {
			begin = doc.Line
		}
		if len(doc.Content) == 0 || isEmpty(doc.Content[0]) {
			continue
		}
		w := walker{file: f.Path, tags: tags}
		if w.walk(doc.Content[0], 0) {
			roots = append(roots, root{doc.Content[0], begin})
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

// locate returns where the mistake is that a parser error is about, and what it is.
func locate(text []byte, err error) (line, column int, msg string) {
	line, msg = yamlPosition(err)
	anchor := ""
	if alias := aliasError.FindStringSubmatch(msg); alias != nil {
		anchor = alias[1]
	}
	at := newCursor(text)
	if m := findMistake(at.text, anchor); m != nil {
		line, column = positionOf(at.text, m.pos)
		if m.message != "" {
			msg = m.message
		}
		return line, column, msg
	}
	if line = max(line, 1); !at.moveTo(line, 1) {
		return line, 1, msg
	}
	blanks := len(at.text[at.start:at.end]) - len(bytes.TrimLeft(at.text[at.start:at.end], " \t"))
	return line, 1 + blanks, msg
}

// yamlPosition returns the line number and the rest of a parser error. yaml.v3 has the number only in the text.
func yamlPosition(err error) (line int, msg string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, err.Error()
	}
	line, _ = strconv.Atoi(m[1])
	if msg = strings.TrimPrefix(err.Error(), m[0]); grammarError.MatchString(msg) {
		line++
	}
	return line, msg
}

type walker struct {
	file string
	errs Errors
	// tags finds values with the tag "!", which yaml.v3 drops. It is nil for a text without an exclamation mark.
	tags *cursor
}

// hasBareTag reports whether a value has the tag "!", and gives it that. It has to be asked in the order of the text.
func (w *walker) hasBareTag(n *yaml.Node) bool {
	at := w.tags
	if at == nil || n.Style&yaml.TaggedStyle != 0 || !at.moveTo(n.Line, n.Column) || at.line != n.Line || at.column != n.Column ||
		at.pos >= at.end || at.text[at.pos] != '!' {
		return false
	}
	n.Tag = "!"
	return true
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
	if n.Tag == "!!null" && n.Anchor != "" {
		return false
	}
	if own := strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"); own || w.hasBareTag(n) {
		w.errorf(n, "%s", beginsTag(n.Tag))
		return false
	}
	switch n.Kind {
	case yaml.AliasNode:
		return false
	case yaml.SequenceNode:
		n.Content = slices.DeleteFunc(n.Content, func(item *yaml.Node) bool { return !w.walk(item, depth+1) })
	case yaml.MappingNode:
		if word := bareVariable(n); word != "" {
			w.errorf(n, "{%s} is a mapping in YAML: put it in quotes", word)
			return false
		}
		if isTemplate(n) {
			w.errorf(n, `"{{" begins a variable of a template that no program has filled in: fill it in, or put the text in quotes`)
			return false
		}
		w.mapping(n, depth)
	case yaml.ScalarNode:
		if quote, size := utf8.DecodeRuneInString(n.Value); n.Style == 0 && strings.ContainsRune("“”„‘’‚«»", quote) {
			w.errorf(n, "%s is no quote of YAML: use \" or '", n.Value[:size])
			return false
		}
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

// isTemplate reports whether a value is a variable of a template as Ansible and Helm have it, {{ WORD }}, which YAML reads as a
// mapping that is the key of another.
func isTemplate(n *yaml.Node) bool {
	return n.Style&yaml.FlowStyle != 0 && len(n.Content) == 2 && isEmpty(n.Content[1]) && n.Content[0].Kind == yaml.MappingNode
}

// bareVariable returns the word of a mapping that is written as {WORD}; "" for any other. The null in the place of a value
// that has no colon before it is where the word ends.
func bareVariable(n *yaml.Node) string {
	if n.Tag != "!!map" || n.Style&yaml.FlowStyle == 0 || len(n.Content) != 2 {
		return ""
	}
	key, value := n.Content[0], n.Content[1]
	if isEmpty(value) && value.Column == key.Column+len(key.Value) && key.Style == 0 && Substituted.MatchString("{"+key.Value+"}") {
		return key.Value
	}
	return ""
}

func (w *walker) mapping(n *yaml.Node, depth int) {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	fit := n.Content[:0]
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		valueFits := false
		if isEmpty(value) && key.Style == 0 && spaceMissing(key.Value) > 0 {
			w.errorf(key, "%s", spaceMessage(key.Value))
		} else {
			valueFits = w.walk(value, depth+1)
		}
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

// explain adds to the errors about keys of the document's own where it begins: a stray --- makes keys of an entry those of a
// document.
func (r root) explain(errs Errors) Errors {
	for _, e := range errs {
		if r.begin > 0 && e.Column == r.Column && strings.HasPrefix(e.Message, "unknown key ") {
			e.Message += fmt.Sprintf("; a new document begins with --- on line %d", r.begin)
		}
	}
	return errs
}

// ValueOf returns the value of a key in a mapping node, or nil.
func ValueOf(mapping *yaml.Node, key string) *yaml.Node {
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}
