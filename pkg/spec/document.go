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

// Document is a file that is being written: what was found, in the language that Compile reads. Each kind says its part.
type Document struct {
	lang       Language
	namespaces map[string]*documentNamespace
	ends       map[End]*Keys
	links      []LinkEntry
	remarks    map[End]*remarks
}

// End is an interface's place: a namespace and a name in it. A namespace's own place has no name.
type End struct{ NS, Dev string }

// LinkEntry is an entry of links.
type LinkEntry struct {
	// ID is what the link is called by its mark. Without one, or where others have the same, it gets the first of Names that
	// no other link would like, or the last of them.
	ID    string
	Names []string
	// Ends are its interfaces. The entry stands on the page if one of them is in a namespace that is shown.
	Ends []End
	// OnlyWithKeys: without a value for one of its end's keys there is no need for the entry.
	OnlyWithKeys bool
	// Write makes the entry, once its ID is settled.
	Write func(id string) any
}

type documentNamespace struct {
	selector Selector
	shown    bool
	// referenced: a key refers to it by its name, because a selector in place cannot say the user.
	referenced bool
	keys       *Keys
}

// NewDocument is an empty page.
func NewDocument(lang Language) *Document {
	return &Document{lang: lang, namespaces: map[string]*documentNamespace{}, ends: map[End]*Keys{}, remarks: map[End]*remarks{}}
}

// Declare makes a namespace known to the page; shown says whether its own keys are to be on it, and not only interfaces
// of it that belong to links of others.
func (p *Document) Declare(ns Namespace, shown bool) {
	p.namespaces[ns.Name] = &documentNamespace{selector: ns.Selector, shown: shown, keys: p.keys(p.lang.Namespace)}
}

func (p *Document) keys(order []Key) *Keys { return &Keys{order: order, values: map[string]any{}} }

// Namespace are the keys of a namespace that was declared.
func (p *Document) Namespace(name string) *Keys { return p.namespaces[name].keys }

// Selector is how a namespace that was declared is found.
func (p *Document) Selector(name string) Selector { return p.namespaces[name].selector }

// Reference is how a key names a namespace that was declared.
func (p *Document) Reference(name string) string {
	ns := p.namespaces[name]
	if !ns.shown && ns.selector.User == "" {
		return ns.selector.text()
	}
	ns.referenced = true
	return name
}

// End are the keys of an interface, beside those that the link's own kind writes.
func (p *Document) End(ns, dev string) *Keys {
	at := End{ns, dev}
	if p.ends[at] == nil {
		p.ends[at] = p.keys(p.lang.Link.End)
	}
	return p.ends[at]
}

// Link adds an entry to links.
func (p *Document) Link(e LinkEntry) { p.links = append(p.links, e) }

// LeaveOut notes something that is there and cannot or need not be said: 2 routes of bird. An interface that has no
// entry has its namespace's.
func (p *Document) LeaveOut(ns, dev, noun, of string) { p.at(ns, dev).count(noun, of) }

// Absent says that a namespace is not on the page, and why.
func (p *Document) Absent(ns Namespace, why error) {
	p.Remark(Host, "", "not shown: the namespace %s, because %v", ns.Name, why)
}

// Remark notes a sentence about an interface, or about a namespace where dev is "".
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

// remarks are what is said of a place in comments.
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

// document is the page as a tree, with the remarks as comments.
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

// nameAll settles the IDs, and puts the entries in their order.
func nameAll(entries []LinkEntry) {
	dropWrongIDs(entries)
	taken, asked := map[string]bool{}, map[string]int{}
	for _, e := range entries {
		taken[e.ID] = true
		for _, name := range e.Names {
			asked[name]++
		}
	}
	// What a link is called must depend neither on which comes first nor on which are linkd's already.
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

// dropWrongIDs takes from entries the IDs that cannot be written, and those that several have: one with an end in linkd's own
// namespace keeps it. Whoever is root in a namespace can set any mark there.
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

// Shown are the namespaces whose own keys are on the page, linkd's own first.
func (p *Document) Shown() []string {
	return p.names(func(ns *documentNamespace) bool { return ns.shown })
}

// names are the namespaces of which which is true, linkd's own first.
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

// comment puts lines above a key. What others named must not end a comment before its time.
func comment(key *yaml.Node, lines []string) {
	for i, line := range lines {
		lines[i] = "# " + plain.Text(line)
	}
	key.HeadComment = strings.Join(lines, "\n")
}
