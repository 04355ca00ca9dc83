package web

import (
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// detail is what is known about an interface.
type detail struct {
	Netns string `json:"netns"`
	Name  string `json:"name"`
	// Resources are the interface and what is on it.
	Resources []reconcile.ResourceStatus `json:"resources"`
	// Blocks are the parts of the files that declare them.
	Blocks []block     `json:"blocks"`
	Events []happening `json:"events"`
	// Counters are those of the kernel. Uncounted says why there are none.
	Counters  *netlink.LinkStatistics64 `json:"counters,omitempty"`
	Uncounted string                    `json:"uncounted,omitempty"`
}

// block is a part of a file: the lines from First on. Marked are the numbers of the lines that declare something of the interface.
type block struct {
	File   string   `json:"file"`
	First  int      `json:"first"`
	Lines  []string `json:"lines"`
	Marked []int    `json:"marked"`
}

// find finds the resources of the interface, their lines and their events.
func (d *detail) find(now State) {
	link := spec.LinkID(d.Netns, d.Name)
	ids, sources := map[string]bool{}, []spec.Source{}
	if now.Wiring.Desired != nil {
		for _, r := range now.Wiring.Desired.Resources.All() {
			if r.ID() == link || r.ID().NS == link.NS && slices.Contains(r.Needs(), link) {
				ids[plain.Text(r.ID().String())] = true
				sources = append(sources, r.Origin())
			}
		}
	}
	for _, r := range now.Status.Resources {
		if ids[r.ID] || r.NetNS == plain.Text(d.Netns) && (r.Key == plain.Text(d.Name) || strings.HasPrefix(r.Key, plain.Text(d.Name)+"/")) {
			ids[r.ID] = true
			d.Resources = append(d.Resources, r)
		}
	}
	slices.SortStableFunc(d.Resources, func(a, b reconcile.ResourceStatus) int {
		switch {
		case a.Kind == link.Kind && b.Kind != link.Kind:
			return -1
		case a.Kind != link.Kind && b.Kind == link.Kind:
			return 1
		}
		return 0
	})
	for i := range now.Events {
		if ids[now.Events[i].ID] {
			d.Events = append(d.Events, happened(&now.Events[i]))
		}
	}
	for _, source := range sources {
		d.show(now.Wiring.Files, source)
	}
}

// show adds the block of a file that has a source, or marks the line if the block is there.
func (d *detail) show(files []spec.File, source spec.Source) {
	at := slices.IndexFunc(files, func(f spec.File) bool { return f.Path == source.File })
	if at < 0 || source.Line == 0 {
		return
	}
	lines := strings.Split(strings.TrimRight(string(files[at].Text), "\n"), "\n")
	if source.Line > len(lines) {
		return
	}
	first, end := enclosing(lines, source.Line-1)
	for i := range d.Blocks {
		if b := &d.Blocks[i]; b.File == source.File && b.First == first+1 {
			if !slices.Contains(b.Marked, source.Line) {
				b.Marked = append(b.Marked, source.Line)
			}
			return
		}
	}
	b := block{File: plain.Text(source.File), First: first + 1, Lines: []string{}, Marked: []int{source.Line}}
	for _, line := range lines[first:end] {
		b.Lines = append(b.Lines, plain.Text(strings.ReplaceAll(line, "\t", "    ")))
	}
	d.Blocks = append(d.Blocks, b)
}

// enclosing returns the lines of the declaration around a line: from the line that is indented least, but more than a key of the
// whole file, up to the next one like that.
func enclosing(lines []string, at int) (first, end int) {
	first = at
	for i := at; i >= 0 && indentOf(lines[i]) != 0; i-- {
		if n := indentOf(lines[i]); n > 0 && n < indentOf(lines[first]) {
			first = i
		}
	}
	for end = at + 1; end < len(lines); end++ {
		if n := indentOf(lines[end]); n >= 0 && n <= indentOf(lines[first]) {
			break
		}
	}
	for end > at+1 && strings.TrimSpace(lines[end-1]) == "" {
		end--
	}
	return first, end
}

// indentOf returns the number of spaces before a line; -1 for an empty line and a comment.
func indentOf(line string) int {
	rest := strings.TrimLeft(line, " ")
	if rest == "" || rest[0] == '#' {
		return -1
	}
	return len(line) - len(rest)
}
