package reference

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"linkd/pkg/spec"
)

// frame is a file with one object of the language in it, to write keys into.
type frame struct {
	*object
	around func(keys string) string
}

// everyFrame finds each object by the way that the decoder takes to it.
func everyFrame(m *model) (found []frame) {
	var into func(v value, around func(string) string)
	object := func(o *object, around func(string) string, before string) {
		found = append(found, frame{o, around})
		for _, k := range o.all() {
			into(k.value, func(inner string) string { return around(before + k.name + ": " + inner) })
		}
	}
	into = func(v value, around func(string) string) {
		if v.object != nil {
			object(v.object, func(keys string) string { return around("{" + keys + "}") }, "")
		}
		if v.list != nil {
			into(*v.list, func(inner string) string {
				return around("[" + inner + strings.Repeat(", {}", max(v.items-1, 0)) + "]")
			})
		}
		if v.entries != nil {
			into(*v.entries, func(inner string) string { return around("{x: " + inner + "}") })
		}
		if v.links {
			for _, o := range m.kinds {
				object(o, func(keys string) string { return around("{kind: " + o.kind + ", " + keys + "}") }, "")
			}
		}
	}
	object(m.document, func(keys string) string { return "{" + keys + "}" }, "")
	return found
}

// words are all that could be a key: every tag and every name in the source of the language.
func words(t *testing.T) []string {
	t.Helper()
	all := map[string]bool{}
	pattern := regexp.MustCompile("yaml:\"(\\w+)|\"([A-Za-z_0-9]+)\"")
	for _, dir := range []string{"../spec", "../kind"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				for _, m := range pattern.FindAllStringSubmatch(string(must[[]byte](t)(os.ReadFile(path))), -1) {
					all[m[1]+m[2]] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	delete(all, "kind") // it is in the frame of each link
	delete(all, "null") // YAML reads no word there
	return slices.Sorted(maps.Keys(all))
}

func TestASchemaHasTheKeysThatTheDecoderTakes(t *testing.T) {
	m := newModel(language)
	root := Schema(language)
	words := words(t)
	for _, f := range everyFrame(m) {
		properties := root.Properties
		if f.object != m.document {
			properties = root.Defs[f.name].Properties
		}
		var taken, listed []string
		for _, word := range words {
			_, errs := spec.Compile(language, []spec.File{{Path: "a.yaml", Text: []byte(f.around(word + ": x"))}})
			if !strings.Contains(errs.Error(), fmt.Sprintf("unknown key %q", word)) {
				taken = append(taken, word)
			}
		}
		for name := range properties {
			if name != "kind" {
				listed = append(listed, name)
			}
		}
		slices.Sort(listed)
		if d := cmp.Diff(taken, listed); d != "" {
			t.Errorf("%s (-taken by the decoder +in the schema):\n%s", f.around("..."), d)
		}
	}
}

func TestEveryKeySaysWhatItTakesAndMeans(t *testing.T) {
	m := newModel(language)
	for typ := range m.silent {
		t.Errorf("%v reads itself, and does not say what it takes: give it a method Syntax (spec.Described)", typ)
	}
	schema := Schema(language)
	looked := map[string]bool{}
	for _, f := range everyFrame(m) {
		for _, k := range f.keys {
			name := f.name + "." + k.name
			if looked[name] {
				continue
			}
			looked[name] = true
			if k.doc == "" {
				t.Errorf("%s: nothing says what it means (tag doc)", name)
			}
			if syntax := k.value.syntax; syntax != nil && syntax.Name == "" && syntax.Max > 1<<62 {
				t.Errorf("%s: nothing bounds the number (tags min and max)", name)
			}
			if k.def == "" {
				continue
			}
			pointer := "/properties/" + k.name
			if f.object != m.document {
				if schema.Defs[f.name] == nil {
					continue // one that is only ever a part of others
				}
				pointer = "/$defs/" + f.name + pointer
			}
			if err := accepts(compiled(t, pointer), k.def); err != nil {
				t.Errorf("%s cannot be its default, %s: %v", name, k.def, err)
			}
		}
	}
}

// reader reads a text as one of these types would, by way of a language that has nothing else.
func reader(typ reflect.Type) func(text string) bool {
	lang := spec.Language{Namespace: []spec.Key{{Name: "x", Decode: func(c *spec.Context, n *yaml.Node) {
		c.Decode(n, reflect.New(typ).Interface())
	}}}}
	return func(text string) bool {
		_, errs := spec.Compile(lang, []spec.File{{Path: "a.yaml", Text: []byte("namespaces: {lab: {x: " + text + "}}")}})
		return len(errs) == 0
	}
}

// What a syntax lists the decoder takes, and what the decoder takes the schema does not refuse.
func TestASyntaxIsWhatTheDecoderTakes(t *testing.T) {
	atoms := []string{
		"default", "forever", "host", "lab", "main", "eth0", "eth0.100", "10.0.0.1", "10.0.0.0", "fd00::1", "::", "2001:db8::", "/24",
		"/64", "/", "02:00:00:00:00:01", "02-00-00-00-00-01", "0200.0000.0001", "name:", "pid:", "path:/", "process:", "!", "+", "-",
		"0", "1", "10", "0x10", "1e3", "1.5", ".", ":", "_", "#", "a", "true", "yes", "~", "'", "é", "[", "4294967295", "{", ", ",
	}
	for typ, syntax := range newModel(language).described {
		if !readsItself(typ) {
			continue // a string that is looked at later
		}
		t.Run(typ.String(), func(t *testing.T) {
			takes := reader(typ)
			for _, word := range syntax.Words {
				if !takes(word) {
					t.Errorf("the decoder refuses %s", word)
				}
			}
			if syntax.Number() && (!takes(fmt.Sprint(syntax.Min)) || !takes(fmt.Sprint(syntax.Max))) {
				t.Errorf("the decoder refuses %d or %d", syntax.Min, syntax.Max)
			}
			if syntax.Number() && (takes(fmt.Sprint(syntax.Min-1)) || takes(fmt.Sprint(syntax.Max+1))) {
				t.Errorf("the decoder takes %d or %d", syntax.Min-1, syntax.Max+1)
			}
			schema := compile(t, map[string]any{"properties": map[string]any{"x": scalar(syntax)}}, "")
			agree := func(t interface{ Fatalf(string, ...any) }, text string) {
				if takes(text) {
					if err := accepts(schema, "{x: "+text+"}"); err != nil {
						t.Fatalf("the decoder takes %s: %v", text, err)
					}
				}
			}
			for _, text := range append(atoms, syntax.Words...) {
				agree(t, text)
			}
			t.Run("at random", rapid.MakeCheck(func(t *rapid.T) {
				agree(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(atoms), 1, 4).Draw(t, "text"), ""))
			}))
		})
	}
}
