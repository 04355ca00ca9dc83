package reference

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

var language = kind.Language()

func must[T any](t testing.TB) func(value T, err error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// compiled is the schema, or the part of it that a pointer leads to, for the validator.
func compiled(t testing.TB, pointer string) *jsonschema.Schema {
	t.Helper()
	return compile(t, Schema(language), pointer)
}

func compile(t testing.TB, schema any, pointer string) *jsonschema.Schema {
	t.Helper()
	text := must[[]byte](t)(json.Marshal(schema))
	c := jsonschema.NewCompiler()
	if err := c.AddResource("linkd.json", must[any](t)(jsonschema.UnmarshalJSON(bytes.NewReader(text)))); err != nil {
		t.Fatal(err)
	}
	return must[*jsonschema.Schema](t)(c.Compile("linkd.json#" + pointer))
}

// accepts is the validator's word on each document of a text that is YAML.
func accepts(schema *jsonschema.Schema, text string) error {
	for dec := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue
		}
		if err := schema.Validate(jsonValue(doc.Content[0])); err != nil {
			return err
		}
	}
}

// jsonValue is how an editor reads a node: by YAML 1.2, as yaml.v3 does but for yes and its like, whose tag it leaves a
// string's.
func jsonValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return nil
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			object[n.Content[i].Value] = jsonValue(n.Content[i+1])
		}
		return object
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, jsonValue(item))
		}
		return list
	}
	var value any
	switch n.Tag {
	case "!!int", "!!float", "!!bool", "!!null":
		if err := n.Decode(&value); err == nil {
			return value
		}
	}
	return n.Value
}

// written is what anybody wrote in linkd's language: examples, the files in stories, the texts in Go tests. By its place.
func written(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".yaml":
			texts[path] = string(must[[]byte](t)(os.ReadFile(path)))
		case ".txtar":
			for _, f := range must[*txtar.Archive](t)(txtar.ParseFile(path)).Files {
				if spec.IsConfigName(f.Name) {
					texts[path+":"+f.Name] = string(f.Data)
				}
			}
		case ".go":
			if strings.HasSuffix(path, "_test.go") {
				literals(t, path, texts)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func literals(t *testing.T, path string, texts map[string]string) {
	t.Helper()
	files := token.NewFileSet()
	f := must[*ast.File](t)(parser.ParseFile(files, path, nil, parser.SkipObjectResolution))
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, is := n.(*ast.BasicLit); is && lit.Kind == token.STRING {
			text := must[string](t)(strconv.Unquote(lit.Value))
			for i, frame := range frames {
				if framed := fmt.Sprintf(frame, text); isYAML(framed) {
					texts[fmt.Sprintf("%s, frame %d", files.Position(lit.Pos()), i)] = framed
				}
			}
		}
		return true
	})
}

// frames are what a test may have around a text, to make a file of it.
var frames = []string{
	"%s",
	"namespaces: {lab: {}}\nlinks: {cable: %s}",
	"namespaces: {lab: {}}\nlinks: {cable: {kind: bridge, %s}}",
	"namespaces: {lab: %s}",
	"namespaces: {lab: {%s}}",
}

func isYAML(text string) bool {
	var n yaml.Node
	return yaml.Unmarshal([]byte(text), &n) == nil && len(n.Content) == 1 && n.Content[0].Kind == yaml.MappingNode
}

// structural are the errors that a schema can find.
var structural = regexp.MustCompile(`^(unknown key|expected|"\w+" is missing($|:)|\w+ is -?\d+ (to -?\d+|at least|at most)$)|is not one of|is out of range|^version`)

// isRepeated: a JSON value has a key once.
func isRepeated(e *spec.Error) bool { return strings.Contains(e.Message, "is here twice") }

func TestTheSchemaAgreesWithTheDecoder(t *testing.T) {
	schema := compiled(t, "")
	taken, refused := 0, 0
	for place, text := range written(t) {
		_, errs := spec.Compile(language, []spec.File{{Path: "a.yaml", Text: []byte(text)}})
		if slices.ContainsFunc(errs, isRepeated) {
			continue
		}
		found := accepts(schema, text)
		if len(errs) == 0 {
			taken++
			if found != nil {
				t.Errorf("%s is valid, and the schema refuses it: %v", place, found)
			}
			continue
		}
		for _, e := range errs {
			if structural.MatchString(e.Message) {
				refused++
				if found == nil {
					t.Errorf("%s: the schema does not see what is wrong: %s\n%s", place, e.Message, text)
				}
				break
			}
		}
	}
	if taken < 50 || refused < 20 {
		t.Errorf("only %d valid texts, and %d others, were found", taken, refused)
	}
	t.Logf("%d valid, %d not", taken, refused)
}
