package link

import (
	"encoding/json"
	"strconv"

	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// optionsOf are the fields that links of the kind have of their own.
func (t *Type) optionsOf() []option {
	if t.New == nil {
		return nil
	}
	return t.New().options()
}

// found are the options of a found interface that are not as the kernel makes them. One that the kernel does not tell
// it does not know.
func (t *Type) found(l *observe.Link) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, o := range t.optionsOf() {
		value := o.in(l.Data)
		if word := o.say(value); value != nil && word != o.usual {
			n.Content = append(n.Content, spec.Word(o.name), scalar(word))
		}
	}
	return n
}

// scalar is a word, a number or a flag, by what it looks like.
func scalar(text string) *yaml.Node {
	n := spec.Word(text)
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		n.Tag = "!!int"
	} else if text == "true" || text == "false" {
		n.Tag = "!!bool"
	}
	return n
}

// fields are the attributes of a found interface that are not as the kernel makes them, and those of an existing one
// that linkd has set.
func (l *Link) fields() *endFields {
	f, have := &endFields{}, l.found.link
	if l.found.givenMAC {
		mac := spec.MAC(have.MAC)
		f.MAC = &mac
	}
	if mtu, known := standardMTU(l); known && have.MTU != mtu && have.MTU >= minMTU && have.MTU <= typeNamed(l.Type).maxMTU() {
		f.MTU = &have.MTU
	}
	if have.TxQLen != standardQueue && (typeNamed(l.Type) != nil || l.Type == "") {
		f.TxQueueLen = &have.TxQLen
	}
	if down := false; !have.Up() {
		f.Up = &down
	}
	return f
}

// standardQueue is DEFAULT_TX_QUEUE_LEN in net/core/dev.c.
const standardQueue = 1000

// standardMTU is the MTU of a new interface; it is not known of the kinds that linkd does not make, but for hardware and
// the loopback device (loopback_setup in drivers/net/loopback.c). What stands on a parent has the parent's.
func standardMTU(l *Link) (mtu int, known bool) {
	switch parent := l.found.parent; {
	case l.Name == loopback:
		return 65536, true
	case parent != nil:
		mtu = parent.found.link.MTU
		if t := typeNamed(l.Type); t.Overhead != nil {
			mtu -= t.Overhead(l.found.link)
		}
		return mtu, true
	}
	if t := typeNamed(l.Type); t != nil && t.MTU != 0 {
		return t.MTU, true
	}
	return 1500, typeNamed(l.Type) != nil || l.Type == ""
}

// minMTU is the least that endFields takes for an MTU.
const minMTU = 68

// wroteTo are the attributes of an existing interface that the journal says linkd has set.
func wroteTo(f *endFields, have *observe.Link, wrote string) {
	var a attributes
	if json.Unmarshal([]byte(wrote), &a) != nil {
		return
	}
	if a.MAC != nil {
		mac := spec.MAC(have.MAC)
		f.MAC = &mac
	}
	if a.MTU != nil {
		f.MTU = &have.MTU
	}
	if a.TxQueueLen != nil {
		f.TxQueueLen = &have.TxQLen
	}
	if up := have.Up(); a.Up != nil {
		f.Up = &up
	}
}
