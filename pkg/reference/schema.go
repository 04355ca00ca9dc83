package reference

import (
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"linkd/pkg/spec"
)

// Schema is the JSON Schema (draft 2020-12) of one document of a file. It refuses nothing that the decoder takes, but
// for the words that YAML 1.1 has for true and false (yes, off), which an editor reads as text.
func Schema(lang spec.Language) *jsonschema.Schema {
	m := newModel(lang)
	s := schema{kinds: m.kinds, defs: map[string]*jsonschema.Schema{}}
	root := s.object(m.document)
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.Title = "linkd"
	root.Description = "network namespaces, and the links between them"
	root.Defs = s.defs
	return root
}

// Write writes the schema as indented JSON.
func Write(w io.Writer, lang spec.Language) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(Schema(lang))
}

// schema collects the definitions that a schema refers to.
type schema struct {
	kinds []*object
	defs  map[string]*jsonschema.Schema
}

// refer refers to a definition, which is made where there is none of that name.
func (s schema) refer(name string, define func() *jsonschema.Schema) *jsonschema.Schema {
	if _, known := s.defs[name]; !known {
		s.defs[name] = nil
		s.defs[name] = define()
	}
	return &jsonschema.Schema{Ref: "#/$defs/" + name}
}

func (s schema) object(o *object) *jsonschema.Schema {
	object := &jsonschema.Schema{
		Description: o.doc, Type: "object", Properties: map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	for _, k := range o.all() {
		property := s.value(k.value)
		if o.kind != "" && k.name == "kind" {
			var name any = o.kind
			property = &jsonschema.Schema{Const: &name}
		}
		property.Description = k.doc
		if k.absent != "" {
			property.Description += "; default: " + k.absent
		}
		if k.def != "" {
			property.Default = literal(k)
		}
		object.Properties[k.name] = property
		object.PropertyOrder = append(object.PropertyOrder, k.name)
		if k.required {
			object.Required = append(object.Required, k.name)
		}
	}
	return object
}

// literal is the value that an absent key stands for.
func literal(k key) json.RawMessage {
	if syntax := k.value.syntax; k.value.boolean || (syntax != nil && syntax.Number() && json.Valid([]byte(k.def))) {
		return json.RawMessage(k.def)
	}
	text, _ := json.Marshal(k.def)
	return text
}

func (s schema) value(v value) *jsonschema.Schema {
	var forms []*jsonschema.Schema
	if v.boolean {
		forms = append(forms, s.refer("value.boolean", func() *jsonschema.Schema {
			return either([]*jsonschema.Schema{{Type: "boolean"}, substituted()})
		}))
	}
	if v.syntax != nil {
		forms = append(forms, s.syntax(*v.syntax))
	}
	if v.object != nil {
		forms = append(forms, s.refer(v.object.name, func() *jsonschema.Schema { return s.object(v.object) }))
	}
	if v.list != nil {
		list := &jsonschema.Schema{Type: "array", Items: s.value(*v.list)}
		if v.items > 0 {
			list.MinItems, list.MaxItems = &v.items, &v.items
		}
		forms = append(forms, list)
	}
	if v.entries != nil {
		forms = append(forms, &jsonschema.Schema{Type: "object", AdditionalProperties: s.value(*v.entries)})
	}
	if v.links {
		forms = append(forms, s.refer("link", s.link))
	}
	return either(forms)
}

func either(forms []*jsonschema.Schema) *jsonschema.Schema {
	switch len(forms) {
	case 0:
		return &jsonschema.Schema{}
	case 1:
		return forms[0]
	}
	return &jsonschema.Schema{AnyOf: forms}
}

// link is by the key kind, so that an editor offers the keys of that kind, and says what is wrong with these only.
func (s schema) link() *jsonschema.Schema {
	link := &jsonschema.Schema{Type: "object", Required: []string{"kind"}}
	kind := &jsonschema.Schema{Description: "the kind of link:\n"}
	for _, o := range s.kinds {
		var name any = o.kind
		kind.AnyOf = append(kind.AnyOf, &jsonschema.Schema{Const: &name, Description: o.doc})
		kind.Description += "\n- `" + o.kind + "`: " + o.doc
		link.AllOf = append(link.AllOf, &jsonschema.Schema{
			If: &jsonschema.Schema{
				Type:       "object",
				Properties: map[string]*jsonschema.Schema{"kind": {Const: &name}},
				Required:   []string{"kind"},
			},
			Then: s.refer(o.name, func() *jsonschema.Schema { return s.object(o) }),
		})
	}
	link.Properties = map[string]*jsonschema.Schema{"kind": kind}
	return link
}

// syntax refers to the definition of a syntax that has a name, for many keys have the same.
func (s schema) syntax(of spec.Syntax) *jsonschema.Schema {
	if of.Name == "" {
		return scalar(of)
	}
	return s.refer("value."+slug(of.Name), func() *jsonschema.Schema {
		definition := scalar(of)
		definition.Title, definition.Description = of.Name, of.Doc
		return definition
	})
}

func slug(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func scalar(of spec.Syntax) *jsonschema.Schema {
	var forms []*jsonschema.Schema
	if of.Words != nil {
		words := &jsonschema.Schema{Type: "string"}
		for _, w := range of.Words {
			words.Enum = append(words.Enum, w)
		}
		forms = append(forms, words)
	}
	switch {
	case of.Number() && of.Min == of.Max:
		var only any = of.Max
		forms = append(forms, &jsonschema.Schema{Const: &only})
	case of.Number():
		lowest, highest := float64(of.Min), float64(of.Max)
		forms = append(forms, &jsonschema.Schema{Type: "integer", Minimum: &lowest, Maximum: &highest})
	}
	if of.Pattern != "" || forms == nil {
		forms = append(forms, text(of.Pattern))
	}
	if of.Pattern != "" || of.Number() || of.Words != nil {
		forms = append(forms, substituted())
	}
	if of.List {
		forms = append(forms, &jsonschema.Schema{Type: "array", Items: either(forms)})
	}
	if of.Selects {
		word := &jsonschema.Schema{Types: []string{"boolean", "number", "string"}}
		forms = append(forms, &jsonschema.Schema{Type: "array", Items: word}, &jsonschema.Schema{Type: "object", AdditionalProperties: word})
	}
	return either(forms)
}

// substituted is a text of which any part can be a container's, or the value of a variable.
func substituted() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: spec.Substituted.String()}
}

// text is a text that matches the pattern. YAML makes something else of one that looks like a number, or like true and
// false; the decoder reads it as it is written.
func text(pattern string) *jsonschema.Schema {
	types := []string{"string"}
	for name, example := range map[string]string{"number": "10", "boolean": "true"} {
		if regexp.MustCompile(pattern).MatchString(example) {
			types = append(types, name)
		}
	}
	if len(types) == 1 {
		return &jsonschema.Schema{Type: types[0], Pattern: pattern}
	}
	slices.Sort(types)
	return &jsonschema.Schema{Types: types, Pattern: pattern}
}
