package link

import (
	"encoding/json"
	"strconv"

	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// optionsOf returns the options of links of the type.
func (t *Type) optionsOf() []option {
	if t.New == nil {
		return nil
	}
	return t.New().options()
}

// found returns the options of an observed interface that differ from the kernel's defaults, without those that the kernel does not
// report.
func (t *Type) found(l *observe.Link) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, o := range t.optionsOf() {
		value := o.in(l.Data)
		if word := o.format(value); value != nil && word != o.usual && o.name != "" {
			n.Content = append(n.Content, spec.Word(o.name), scalar(word))
		}
	}
	return n
}

// scalar returns a YAML scalar: a number or a boolean if the text looks like one, a string otherwise.
func scalar(text string) *yaml.Node {
	n := spec.Word(text)
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		n.Tag = "!!int"
	} else if text == "true" || text == "false" {
		n.Tag = "!!bool"
	}
	return n
}

// fields returns the attributes of an observed interface that differ from the kernel's defaults.
func (l *Link) fields() *endFields {
	f, have := &endFields{Queues: queuesOf(l.found.link)}, l.found.link
	if l.found.givenMAC {
		mac := spec.MAC(have.MAC)
		f.MAC = &mac
	}
	if mtu, known := standardMTU(l); known && have.MTU != mtu && have.MTU >= minMTU && have.MTU <= typeNamed(l.Type).maxMTU() {
		f.MTU = &have.MTU
	}
	if have.TxQLen != standardQueue(l.Type) && (typeNamed(l.Type) != nil || l.Type == "") {
		f.TxQueueLen = &have.TxQLen
	}
	if down := false; !have.Up() {
		f.Up = &down
	}
	return f
}

// standardQueue returns the length of the transmit queue of a new interface: DEFAULT_TX_QUEUE_LEN in net/core/dev.c for most types.
func standardQueue(name string) int {
	if t := typeNamed(name); t != nil && t.TxQueueLen != 0 {
		return t.TxQueueLen
	}
	return 1000
}

// standardMTU returns the MTU in bytes of a new interface. known is false for types that linkd does not create, except hardware and
// the loopback device (loopback_setup in drivers/net/loopback.c). An interface on a parent takes the parent's MTU.
func standardMTU(l *Link) (mtu int, known bool) {
	t := typeNamed(l.Type)
	switch parent := l.found.parent; {
	case l.Name == loopback:
		return 65536, true
	case t != nil && t.MTU == routedMTU:
		return routedMTU, true
	case parent != nil:
		mtu = parent.found.link.MTU
		if t.Overhead != nil {
			mtu -= t.Overhead(l.found.link)
		}
		return mtu, true
	}
	if t != nil && t.MTU != 0 {
		return t.MTU, true
	}
	return 1500, t != nil || l.Type == ""
}

// minMTU is the smallest MTU, in bytes, that endFields accepts.
const minMTU = 68

// wroteTo adds the attributes of an existing interface that linkd has set, according to the journal.
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
