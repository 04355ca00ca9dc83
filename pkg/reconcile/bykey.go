package reconcile

import (
	"iter"
	"slices"
)

// byKey are values for the resources of one scope, by their keys. Most scopes have one or two resources, and there may be
// 40,000 scopes: a map has room for eight, so few values are in a list. All methods but put work on nil.
type byKey[V any] struct {
	few  []keyed[V]
	many map[string]V // instead of few once there were more than mostFew
}

type keyed[V any] struct {
	key   string
	value V
}

// mostFew is how many values a list has.
const mostFew = 8

// newByKey returns an empty byKey with room for n values.
func newByKey[V any](n int) *byKey[V] {
	if n > mostFew {
		return &byKey[V]{many: make(map[string]V, n)}
	}
	return &byKey[V]{few: make([]keyed[V], 0, n)}
}

// get returns the value of a key, or the zero value.
func (b *byKey[V]) get(key string) (value V) {
	if b == nil {
		return value
	}
	if b.many != nil {
		return b.many[key]
	}
	if i := b.index(key); i >= 0 {
		return b.few[i].value
	}
	return value
}

func (b *byKey[V]) index(key string) int {
	return slices.IndexFunc(b.few, func(k keyed[V]) bool { return k.key == key })
}

// put sets the value of a key.
func (b *byKey[V]) put(key string, value V) {
	i := b.index(key)
	switch {
	case b.many != nil:
		b.many[key] = value
	case i >= 0:
		b.few[i].value = value
	case len(b.few) < mostFew:
		b.few = append(b.few, keyed[V]{key, value})
	default:
		b.many = make(map[string]V, len(b.few)+1)
		for _, k := range b.few {
			b.many[k.key] = k.value
		}
		b.many[key], b.few = value, nil
	}
}

// remove removes a key.
func (b *byKey[V]) remove(key string) {
	if b == nil {
		return
	}
	if b.many != nil {
		delete(b.many, key)
	} else if i := b.index(key); i >= 0 {
		b.few = slices.Delete(b.few, i, i+1)
	}
}

func (b *byKey[V]) len() int {
	if b == nil {
		return 0
	}
	return len(b.few) + len(b.many)
}

// keys iterates over the keys, in no order.
func (b *byKey[V]) keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for key := range b.all() {
			if !yield(key) {
				return
			}
		}
	}
}

// all iterates over the keys and values, in no order. The caller must not change them meanwhile.
func (b *byKey[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if b == nil {
			return
		}
		for _, k := range b.few {
			if !yield(k.key, k.value) {
				return
			}
		}
		for key, value := range b.many {
			if !yield(key, value) {
				return
			}
		}
	}
}
