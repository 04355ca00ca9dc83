package link

import (
	"strings"

	"linkd/pkg/spec"
)

// contents returns what the link is beyond its name, in the words of ip-link(8): its type, the other end or the parent,
// and the attributes that are not as the kernel makes them.
func contents(l *Link) (text string, lines []string) {
	kind, fields := l.Type, &endFields{MTU: l.MTU, TxQueueLen: l.TxQueueLen, Up: l.Up, Queues: l.Queues}
	if l.MAC != nil {
		mac := spec.MAC(*l.MAC)
		fields.MAC = &mac
	}
	options := spec.Encode(l.Options)
	if l.found != nil {
		kind, fields = l.found.link.Kind, l.fields()
		if t := typeNamed(kind); t != nil {
			options = t.found(l.found.link)
		}
	}
	var words []string
	add := func(key, value string) {
		if value != "" {
			words = append(words, key+" "+value)
		}
	}
	if kind != existing {
		add("type", kind)
	}
	if origin, fetched := l.FetchedFrom(); fetched {
		add("from", origin.NS)
		add("from_name", origin.Key)
		options = nil
	}
	if l.Peer != nil {
		add("peer", l.Peer.Name)
		if l.Peer.NS != l.NS {
			add("netns", l.Peer.NS)
		}
	}
	if l.hasParent() {
		add("parent", l.Parent.Key)
		if l.Parent.NS != l.NS {
			add("netns", l.Parent.NS)
		}
	}
	if birth := l.shownBirth(); birth != "" {
		add(birthKey, birth)
	}
	if options != nil {
		words = append(words, spec.Phrase(options))
	}
	without := []string{"up"}
	words = append(words, spec.Phrase(fields, without...))
	if l.DeclaredDown() || fields.Up != nil && !*fields.Up {
		words = append(words, "down")
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " "), nil
}
