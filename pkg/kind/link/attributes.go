package link

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"linkd/pkg/spec"
)

// attributes has the attributes of an existing interface before linkd changed it.
type attributes struct {
	MAC        *string `json:"mac,omitempty"`
	MTU        *int    `json:"mtu,omitempty"`
	TxQueueLen *int    `json:"txqueuelen,omitempty"`
	Up         *bool   `json:"up,omitempty"`
}

// Before returns the observed values of the attributes that the files set.
func (kind) Before(want, have *Link) (string, bool) {
	if want.Type != existing {
		return want.attributesMade(have), false
	}
	a := attributes{MAC: want.MAC, MTU: want.MTU, TxQueueLen: want.TxQueueLen, Up: want.Up}
	if have.found != nil {
		l, up := have.found.link, have.found.link.Up()
		copyIfManaged(&a.MAC, l.MAC)
		copyIfManaged(&a.MTU, l.MTU)
		copyIfManaged(&a.TxQueueLen, l.TxQLen)
		copyIfManaged(&a.Up, up)
	}
	text, err := json.Marshal(a)
	_, fetched := want.FetchedFrom()
	return string(text), err == nil && !fetched
}

func copyIfManaged[T any](managed **T, old T) {
	if *managed != nil {
		*managed = &old
	}
}

// attributesMade returns, as a JSON object, the attributes of a link of linkd's that the files set, with the values that have has. A
// null is what the link would have without the key: it stands for all if have is nil, because linkd creates the link with the values
// of the files. It returns "" if the files set none.
func (l *Link) attributesMade(have *Link) string {
	if l.MAC == nil && l.MTU == nil && l.TxQueueLen == nil && l.Options == nil {
		return ""
	}
	values := map[string]any{}
	if l.MAC != nil {
		values["mac"] = nil
	}
	if l.MTU != nil {
		values["mtu"] = nil
	}
	if l.TxQueueLen != nil {
		values["txqueuelen"] = nil
	}
	switch {
	case have == nil:
	case have.found == nil:
		copyAttributes(values, have.MAC, have.MTU, have.TxQueueLen)
	default:
		f := have.found.link
		copyAttributes(values, &f.MAC, &f.MTU, &f.TxQLen)
	}
	l.addOptions(values, have)
	if len(values) == 0 {
		return ""
	}
	// JSON has a form for all of these values.
	text, _ := json.Marshal(values)
	return string(text)
}

func copyAttributes(into map[string]any, mac *string, mtu, queue *int) {
	for name, value := range map[string]any{"mac": mac, "mtu": mtu, "txqueuelen": queue} {
		if _, managed := into[name]; managed {
			into[name] = value
		}
	}
}

// addOptions adds the options that the files set, as the words of the files.
func (l *Link) addOptions(values map[string]any, have *Link) {
	if l.Options == nil {
		return
	}
	for _, o := range l.Options.options() {
		switch {
		case o.name == "" || len(o.want) == 0 || o.stays:
		case have == nil:
			values[o.name] = nil
		case have.found == nil:
			values[o.name] = o.format(o.want)
		default:
			values[o.name] = o.format(o.in(have.found.link.Data))
		}
	}
}

// born stands for the link-layer address that linkd chooses for a link.
const born = "born"

// Prior returns the link as it was before linkd changed it.
func (kind) Prior(have *Link, before string) *Link {
	prior := &Link{NS: have.NS, Name: have.Name, Type: existing}
	var values map[string]json.RawMessage
	if json.Unmarshal([]byte(before), &values) != nil {
		return prior
	}
	var a attributes
	_ = json.Unmarshal([]byte(before), &a)
	prior.MAC, prior.MTU, prior.TxQueueLen, prior.Up = a.MAC, a.MTU, a.TxQueueLen, a.Up
	isNull := func(name string) bool { return string(values[name]) == "null" }
	if mac := have.usualMAC(); isNull("mac") && mac != "" {
		prior.MAC, prior.instance = &mac, have.found.instance
	}
	if mtu, known := standardMTU(have); known && mtu > 0 && (isNull("mtu") || prior.MTU != nil && *prior.MTU > mtu && have.found.parent != nil) {
		prior.MTU = &mtu
	}
	if queue := standardQueue(have.Type); isNull("txqueuelen") {
		prior.TxQueueLen = &queue
	}
	if t := typeNamed(have.Type); t != nil {
		prior.Options, prior.restored = t.restoreOptions(values)
	}
	return prior
}

// usualMAC returns the address that the link would have without the key mac: that of its parent, or the one that linkd chooses (born).
// It returns "" for a link without one.
func (l *Link) usualMAC() string {
	switch t := typeNamed(l.Type); {
	case t == nil || t == existingType || t.NoMAC:
		return ""
	case t.OwnMAC || t.Parent != NeedsParent:
		return born
	case l.found.parent == nil:
		return ""
	}
	return l.found.parent.found.link.MAC
}

// restoreOptions returns options that have the recorded values, and the names and words of those.
func (t *Type) restoreOptions(values map[string]json.RawMessage) (Options, map[string]string) {
	restored := map[string]string{}
	for _, o := range t.optionsOf() {
		text, recorded := values[o.name]
		var word *string
		if !recorded || json.Unmarshal(text, &word) != nil {
			continue
		}
		if word == nil || *word == "" || *word == o.usual {
			usual := cmp.Or(o.unset, o.usual)
			word = &usual
		}
		if *word != "" {
			restored[o.name] = *word
		}
	}
	if len(restored) == 0 {
		return nil, nil
	}
	return withKeys(t.New(), restored), restored
}

// withKeys returns a copy of options with some keys set to words. It leaves alone a key that does not have the word as a value.
func withKeys(o Options, words map[string]string) Options {
	all := reflect.New(reflect.TypeOf(o).Elem())
	all.Elem().Set(reflect.ValueOf(o).Elem())
	for _, key := range slices.Sorted(maps.Keys(words)) {
		spec.SetField(all.Interface(), key, scalar(words[key]))
	}
	return all.Interface().(Options)
}

// Fill returns the desired link, with the prior values of the attributes that the files do not set.
func (kind) Fill(want, prior *Link) *Link {
	full := *want
	full.MAC, full.MTU = cmp.Or(want.MAC, prior.MAC), cmp.Or(want.MTU, prior.MTU)
	full.TxQueueLen, full.Up = cmp.Or(want.TxQueueLen, prior.TxQueueLen), cmp.Or(want.Up, prior.Up)
	if full.MAC != nil && *full.MAC == born {
		full.MAC = nil
		if key, instance, err := macKey(prior.instance); err == nil {
			mac := want.macFrom(key, instance)
			full.MAC = &mac
		}
	}
	if want.Options != nil && prior.restored != nil {
		full.Options = withKeys(want.Options, prior.restored)
	}
	return &full
}
