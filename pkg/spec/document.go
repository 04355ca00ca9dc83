package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/plain"
)

// Document is a file to be written: observed resources in the language that Compile reads. Each kind writes its part.
type Document struct {
	// Leases are the leases of DHCP clients, whose addresses and routes are written as a client.
	Leases map[LeaseClient]Lease

	lang       Language
	namespaces map[string]*documentNamespace
	ends       map[End]*Keys
	links      []LinkEntry
	remarks    map[End]*remarks
}

// End is an interface: a namespace and a name in it. A namespace itself has no Dev.
type End struct{ NS, Dev string }

// LinkEntry is an entry of links.
type LinkEntry struct {
	// ID is the link's ID from its mark. If the link has no mark, or several links have the same, it gets the first
	// of Names that no other link can get, or else the last of them.
	ID    string
	Names []string
	// Ends are the link's interfaces. The entry is written if one of them is in a shown namespace.
	Ends []End
	// OnlyWithKeys: the entry is written only if one of its end's keys has a value.
	OnlyWithKeys bool
	// Write makes the entry after its ID has been decided.
	Write func(id string) any
}

type documentNamespace struct {
	selector Selector
	shown    bool
	// referenced: a key refers to the namespace by its name, because an inline selector has no user.
	referenced bool
	keys       *Keys
}

// NewDocument returns an empty document.
func NewDocument(lang Language) *Document {
	return &Document{lang: lang, namespaces: map[string]*documentNamespace{}, ends: map[End]*Keys{}, remarks: map[End]*remarks{}}
}

// Declare adds a namespace; shown says whether its own keys are written, and not only its interfaces at the other end
// of shown links.
func (p *Document) Declare(ns Namespace, shown bool) {
	p.namespaces[ns.Name] = &documentNamespace{selector: ns.Selector, shown: shown, keys: p.keys(p.lang.Namespace)}
}

func (p *Document) keys(order []Key) *Keys { return &Keys{order: order, values: map[string]any{}} }

// Namespace returns the keys of a declared namespace.
func (p *Document) Namespace(name string) *Keys { return p.namespaces[name].keys }

// Selector returns the selector of a declared namespace.
func (p *Document) Selector(name string) Selector { return p.namespaces[name].selector }

// Reference returns the value of a key that names a declared namespace.
func (p *Document) Reference(name string) string {
	ns := p.namespaces[name]
	if !ns.shown && ns.selector.User == "" {
		return ns.selector.text()
	}
	ns.referenced = true
	return name
}

// End returns the keys of an interface, except those that the link's kind writes.
func (p *Document) End(ns, dev string) *Keys {
	at := End{ns, dev}
	if p.ends[at] == nil {
		p.ends[at] = p.keys(p.lang.Link.End)
	}
	return p.ends[at]
}

// Link adds an entry to links.
func (p *Document) Link(e LinkEntry) { p.links = append(p.links, e) }

// LeaveOut counts something that exists and is not written, for a remark such as "2 routes of bird". The remark of an
// interface without an entry is written at its namespace.
func (p *Document) LeaveOut(ns, dev, noun, of string) { p.at(ns, dev).count(noun, of) }

// Absent adds a remark that a namespace is not shown, and why.
func (p *Document) Absent(ns Namespace, why error) {
	p.Remark(Host, "", "not shown: the namespace %s, because %v", ns.Name, why)
}

// Remark adds a sentence about an interface, or about a namespace if dev is "".
func (p *Document) Remark(ns, dev, format string, args ...any) {
	r := p.at(ns, dev)
	r.sentences = append(r.sentences, fmt.Sprintf(format, args...))
}

func (p *Document) at(ns, dev string) *remarks {
	at := End{ns, dev}
	if p.remarks[at] == nil {
		p.remarks[at] = &remarks{counts: map[[2]string]int{}}
	}
	return p.remarks[at]
}

// remarks are the comments about a namespace or an interface.
type remarks struct {
	sentences []string
	counts    map[[2]string]int
}

func (r *remarks) count(noun, of string) { r.counts[[2]string{noun, of}]++ }

func (r *remarks) lines() []string {
	if r == nil {
		return nil
	}
	lines := slices.Clone(r.sentences)
	for _, what := range slices.SortedFunc(maps.Keys(r.counts), func(a, b [2]string) int {
		return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	}) {
		noun, n := what[0], r.counts[what]
		if n > 1 && strings.HasSuffix(noun, "s") {
			noun += "es"
		} else if n > 1 {
			noun += "s"
		}
		lines = append(lines, fmt.Sprintf("not shown: %d %s %s", n, noun, what[1]))
	}
	return lines
}

// document returns the document as a tree, with the remarks as comments.
func (p *Document) document() *yaml.Node {
	said := map[End]bool{}
	links := p.linkNodes(said)
	namespaces := p.namespaceNodes(said)
	doc := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{Word("version"), Number(1)}}
	for _, section := range []struct {
		name string
		node *yaml.Node
	}{{"namespaces", namespaces}, {"links", links}} {
		if len(section.node.Content) > 0 {
			doc.Content = append(doc.Content, Word(section.name), section.node)
		}
	}
	return doc
}

func (p *Document) linkNodes(said map[End]bool) *yaml.Node {
	entries := slices.DeleteFunc(slices.Clone(p.links), func(e LinkEntry) bool {
		return !slices.ContainsFunc(e.Ends, func(end End) bool { return p.namespaces[end.NS].shown }) ||
			(e.OnlyWithKeys && p.End(e.Ends[0].NS, e.Ends[0].Dev).Empty())
	})
	nameAll(entries)
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range entries {
		key := Word(e.ID)
		var lines []string
		for _, end := range e.Ends {
			said[end] = true
			lines = append(lines, p.remarks[end].lines()...)
		}
		comment(key, lines)
		n.Content = append(n.Content, key, Encode(e.Write(e.ID)))
	}
	return n
}

// nameAll decides the IDs and sorts the entries by them.
func nameAll(entries []LinkEntry) {
	dropWrongIDs(entries)
	taken, asked := map[string]bool{}, map[string]int{}
	for _, e := range entries {
		taken[e.ID] = true
		for _, name := range e.Names {
			asked[name]++
		}
	}
	// The ID of a link must depend neither on the order of links nor on which of them linkd owns already.
	for i := range entries {
		e := &entries[i]
		for n := 0; e.ID == ""; n++ {
			switch {
			case n < len(e.Names):
				if name := e.Names[n]; !taken[name] && (asked[name] == 1 || n == len(e.Names)-1) {
					e.ID = name
				}
			default:
				name := fmt.Sprintf("%s-%d", e.Names[len(e.Names)-1], n-len(e.Names)+2)
				if !taken[name] {
					e.ID = name
				}
			}
		}
		taken[e.ID] = true
	}
	slices.SortStableFunc(entries, func(a, b LinkEntry) int { return strings.Compare(a.ID, b.ID) })
}

// dropWrongIDs removes invalid IDs, and IDs that several entries have. An entry with an end in linkd's own namespace
// keeps such an ID, because the root user of a namespace can set any mark there.
func dropWrongIDs(entries []LinkEntry) {
	count, hosts := map[string]int{}, map[string]int{}
	inHost := func(e LinkEntry) bool {
		return slices.ContainsFunc(e.Ends, func(end End) bool { return end.NS == Host })
	}
	for _, e := range entries {
		count[e.ID]++
		if inHost(e) {
			hosts[e.ID]++
		}
	}
	for i := range entries {
		e := &entries[i]
		if checkLinkID(e.ID) != nil || count[e.ID] > 1 && !(hosts[e.ID] == 1 && inHost(*e)) {
			e.ID = ""
		}
	}
}

func (p *Document) namespaceNodes(said map[End]bool) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range p.names(func(ns *documentNamespace) bool { return ns.shown || ns.referenced && ns.selector.User != "" }) {
		ns := p.namespaces[name]
		own := namespace{User: UserName(ns.selector.User)}
		if s := ns.selector; s.Scheme != Host && s != (Selector{Scheme: "name", Value: name}) {
			own.From = selectorText(s.text())
		}
		var lines []string
		for _, at := range slices.SortedFunc(maps.Keys(p.remarks), func(a, b End) int { return strings.Compare(a.Dev, b.Dev) }) {
			if at.NS != name || said[at] {
				continue
			}
			for _, line := range p.remarks[at].lines() {
				if at.Dev != "" {
					line = at.Dev + ": " + line
				}
				lines = append(lines, line)
			}
		}
		if name == Host && ns.keys.Empty() && len(lines) == 0 {
			continue
		}
		key := Word(name)
		comment(key, lines)
		n.Content = append(n.Content, key, MergedMapping{own, ns.keys}.EncodeNode())
	}
	return n
}

// Shown returns the namespaces whose own keys are written, linkd's own first.
func (p *Document) Shown() []string {
	return p.names(func(ns *documentNamespace) bool { return ns.shown })
}

// names returns the namespaces for which which is true, linkd's own first.
func (p *Document) names(which func(ns *documentNamespace) bool) []string {
	names := slices.SortedFunc(maps.Keys(p.namespaces), func(a, b string) int {
		if a == Host || b == Host {
			return cmp.Compare(b2i(b == Host), b2i(a == Host))
		}
		return strings.Compare(a, b)
	})
	return slices.DeleteFunc(names, func(name string) bool { return !which(p.namespaces[name]) })
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// comment puts lines above a key. plain.Text keeps names that others chose from ending a comment.
func comment(key *yaml.Node, lines []string) {
	for i, line := range lines {
		lines[i] = "# " + plain.Text(line)
	}
	key.HeadComment = strings.Join(lines, "\n")
}
