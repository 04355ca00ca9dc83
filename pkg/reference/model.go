// Package reference says what can be written in a file: as a JSON Schema for editors, and as a page for people. Both
// are made of the types that the decoder reads into.
package reference

import (
	"fmt"
	"reflect"

	"linkd/pkg/spec"
)

// object is a mapping with known keys. Those of another object that it takes over are in with.
type object struct {
	// name is a path: of the mapping that the language names, and then of keys. routes is end.routes for an interface.
	name, doc string
	// kind is that of a link.
	kind string
	keys []key
	with []*object
}

// all are the keys of the object, with those that it takes over, which come first.
func (o *object) all() (keys []key) {
	for _, other := range o.with {
		keys = append(keys, other.all()...)
	}
	return append(keys, o.keys...)
}

type key struct {
	name, doc string
	required  bool
	// def is the value that an absent key stands for, and absent says what it means in words.
	def, absent string
	value       value
}

// value is what can stand for a value: one of the forms that are given, and anything where none is.
type value struct {
	boolean bool
	syntax  *spec.Syntax
	object  *object
	// list are the items of a list, and items their number, if that is fixed.
	list  *value
	items int
	// entries are the values of a mapping whose keys are up to its author, who calls them by what names says.
	entries *value
	// links: a link of any kind, of which the key kind says which one it is.
	links bool
}

// model is the language as objects.
type model struct {
	document *object
	// objects are all of them, in the order in which they are met, each before what its keys hold.
	objects []*object
	// kinds are the kinds of link.
	kinds []*object
	// described are the types that say what they take, and silent the ones that read themselves and do not.
	described map[reflect.Type]spec.Syntax
	silent    map[reflect.Type]bool

	byName map[string]*object
	byType map[reflect.Type]*object
}

func newModel(lang spec.Language) *model {
	m := &model{
		described: map[reflect.Type]spec.Syntax{}, silent: map[reflect.Type]bool{},
		byName: map[string]*object{}, byType: map[reflect.Type]*object{},
	}
	m.document = m.mapping("", lang.Document())
	return m
}

// named is a new object, unless there is one of that name. Two objects of one name would be one in the schema.
func (m *model) named(name, doc string) (o *object, isNew bool) {
	if known := m.byName[name]; known != nil {
		return known, false
	}
	o = &object{name: name, doc: doc}
	m.byName[name] = o
	m.objects = append(m.objects, o)
	return o, true
}

func (m *model) mapping(doc string, from spec.Mapping) *object {
	o, isNew := m.named(from.Name, doc)
	if !isNew {
		return o
	}
	for _, other := range from.With {
		o.with = append(o.with, m.mapping("", other))
	}
	for _, s := range from.Structs {
		t := reflect.TypeOf(s)
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		m.fields(o, t)
	}
	for _, k := range from.Keys {
		o.keys = append(o.keys, key{name: k.Name, doc: k.Doc, required: k.Required, value: m.value(o.name+"."+k.Name, reflect.ValueOf(k.Type))})
	}
	return o
}

func (m *model) fields(o *object, t reflect.Type) {
	for _, f := range spec.FieldsOf(t) {
		v := m.typ(o.name+"."+f.Name, f.Type)
		if f.Words != nil {
			v.syntax = &spec.Syntax{Words: f.Words}
		}
		if number := v.syntax; number != nil && number.Number() && (f.Min != nil || f.Max != nil) {
			// It is not that of its type any more.
			number.Name = ""
			if f.Min != nil {
				number.Min = *f.Min
			}
			if f.Max != nil {
				number.Max = *f.Max
			}
		}
		o.keys = append(o.keys, key{name: f.Name, doc: f.Doc, required: f.Required, def: f.Default, absent: f.Absent, value: v})
	}
}

// value is that of a declared key: its type says all, unless it holds mappings that are put together at run time.
func (m *model) value(name string, v reflect.Value) value {
	switch of := v.Interface().(type) {
	case spec.Mapping:
		return value{object: m.mapping("", of)}
	case []spec.LinkKind:
		for _, k := range of {
			kind := m.mapping(k.Doc, k.Mapping)
			kind.kind = k.Name
			m.kinds = append(m.kinds, kind)
		}
		m.nameKinds()
		return value{links: true}
	}
	switch t := v.Type(); {
	case t.Kind() == reflect.Array:
		item := m.value(name, v.Index(0))
		return value{list: &item, items: v.Len()}
	case t.Kind() == reflect.Map && v.Len() > 0:
		entry := m.value(name, v.MapIndex(v.MapKeys()[0]))
		return value{entries: &entry}
	default:
		return m.typ(name, t)
	}
}

// nameKinds makes the kinds of link the words of the key kind.
func (m *model) nameKinds() {
	kinds := &spec.Syntax{}
	for _, o := range m.kinds {
		kinds.Words = append(kinds.Words, o.kind)
		for _, shared := range o.with {
			for i := range shared.keys {
				if shared.keys[i].name == "kind" {
					shared.keys[i].value = value{syntax: kinds}
				}
			}
		}
	}
}

// readsItself tells whether a type is its own decoder: then only it knows what it takes.
func readsItself(t reflect.Type) bool {
	switch reflect.New(t).Interface().(type) {
	case spec.NodeDecoder, spec.WordDecoder:
		return true
	}
	return false
}

// typ is what the decoder takes for a value of type t.
func (m *model) typ(name string, t reflect.Type) (v value) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if described, is := reflect.New(t).Interface().(spec.Described); is && described.Syntax().Bool {
		v.boolean = true
	} else if is {
		syntax := described.Syntax()
		v.syntax = &syntax
		m.described[t] = syntax
		m.share(t, syntax)
	}
	isStruct := t.Kind() == reflect.Struct && len(spec.FieldsOf(t)) > 0
	if isStruct {
		v.object = m.structure(name, t)
	}
	switch {
	case v.syntax != nil || v.boolean || isStruct:
		return v
	case readsItself(t):
		m.silent[t] = true
		return v
	}
	switch t.Kind() {
	case reflect.Bool:
		v.boolean = true
	case reflect.Slice:
		item := m.typ(name, t.Elem())
		v.list = &item
	case reflect.Map:
		entry := m.typ(name, t.Elem())
		v.entries = &entry
	case reflect.String:
		v.syntax = &spec.Syntax{}
	default:
		v.syntax = bounds(t)
	}
	return v
}

// share holds types whose syntaxes have one name to one syntax: what is said of it is said once.
func (m *model) share(t reflect.Type, syntax spec.Syntax) {
	for other, of := range m.described {
		if of.Name == syntax.Name && !reflect.DeepEqual(of, syntax) {
			panic(fmt.Sprintf("%v and %v take different values, and call both %q", t, other, syntax.Name))
		}
	}
}

func (m *model) structure(name string, t reflect.Type) *object {
	if known := m.byType[t]; known != nil {
		return known
	}
	o, isNew := m.named(name, "")
	if !isNew {
		panic(fmt.Sprintf("%s is two things, and one of them is a %v", name, t))
	}
	m.byType[t] = o
	m.fields(o, t)
	return o
}

// bounds are those of a whole number that only its type bounds.
func bounds(t reflect.Type) *spec.Syntax {
	zero := reflect.Zero(t)
	switch {
	case zero.CanUint():
		return &spec.Syntax{Max: 1<<min(t.Bits(), 63) - 1}
	case zero.CanInt():
		return &spec.Syntax{Min: -1 << (t.Bits() - 1), Max: 1<<(t.Bits()-1) - 1}
	}
	panic(fmt.Sprintf("the decoder does not read a %v", t))
}
