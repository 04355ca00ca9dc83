package spec

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Field is one key of a mapping, as a field of a Go struct declares it by its tags:
//
//	MTU *int `yaml:"mtu" min:"68" max:"65535" doc:"largest packet in bytes"`
//
// yaml is the name of the key and doc its meaning. required:"true" makes the key mandatory. The decoder checks min
// and max of a number, and the words of a string in oneof:"inet inet6". default is the value of an absent key, and
// absent describes its meaning in words. An absent key with neither is not managed. also are the words that other tools have
// for it, for a hint to who writes one of them: also:"gateway gateway4".
type Field struct {
	Name, Doc string
	Type      reflect.Type
	Required  bool
	// Default and Absent say what an absent key means.
	Default, Absent string
	Words           []string
	Also            []string
	// Min and Max are nil if only the type limits a number.
	Min, Max *int64

	index []int
}

// FieldsOf returns the keys that the struct type t declares, in order, including those of embedded structs. It panics
// if a tag does not fit its type.
func FieldsOf(t reflect.Type) []Field { return layoutOf(t).fields }

// layout describes a struct type for the decoder.
type layout struct {
	fields []Field
	byName map[string]int // the place of each in fields
	// sources are the fields of type Source.
	sources [][]int
}

var layouts sync.Map // reflect.Type -> *layout

func layoutOf(t reflect.Type) *layout {
	if known, ok := layouts.Load(t); ok {
		return known.(*layout)
	}
	l := &layout{byName: map[string]int{}}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Type == sourceType:
			l.sources = append(l.sources, f.Index)
		case name != "":
			l.byName[name] = len(l.fields)
			l.fields = append(l.fields, newField(t, f, name))
		}
	}
	layouts.Store(t, l)
	return l
}

func newField(t reflect.Type, f reflect.StructField, name string) Field {
	field := Field{
		Name: name, Doc: f.Tag.Get("doc"), Type: f.Type, index: f.Index,
		Required: f.Tag.Get("required") == "true", Default: f.Tag.Get("default"), Absent: f.Tag.Get("absent"),
		Also: strings.Fields(f.Tag.Get("also")),
	}
	value := f.Type
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	for key, bound := range map[string]**int64{"min": &field.Min, "max": &field.Max} {
		text, given := f.Tag.Lookup(key)
		if !given {
			continue
		}
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || !isNumber(value) {
			panic(fmt.Sprintf("%v: %s of %s: %q is no bound of a %v", t, key, name, text, value))
		}
		*bound = &number
	}
	if words, given := f.Tag.Lookup("oneof"); given {
		if value.Kind() != reflect.String {
			panic(fmt.Sprintf("%v: %s is a %v, and oneof is for words", t, name, value))
		}
		field.Words = strings.Fields(words)
	}
	return field
}

func isNumber(t reflect.Type) bool {
	zero := reflect.Zero(t)
	return zero.CanInt() || zero.CanUint()
}

// ValueOr returns the value of an optional field, or otherwise if it is absent.
func ValueOr[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}

// check returns what is wrong with a value of the right type.
func (f Field) check(v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	var number int64
	switch {
	case f.Words != nil:
		return OneOf(f.Name, v.String(), f.Words...)
	case v.CanInt():
		number = v.Int()
	case v.CanUint():
		number = int64(min(v.Uint(), math.MaxInt64))
	default:
		return nil
	}
	switch {
	case f.Min != nil && f.Max != nil && (number < *f.Min || number > *f.Max):
		return fmt.Errorf("%s is %d to %d", f.Name, *f.Min, *f.Max)
	case f.Min != nil && number < *f.Min:
		return fmt.Errorf("%s is %d at least", f.Name, *f.Min)
	case f.Max != nil && number > *f.Max:
		return fmt.Errorf("%s is %d at most", f.Name, *f.Max)
	}
	return nil
}
