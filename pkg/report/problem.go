package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// block is one cause, and the resources that it affects.
type block struct {
	// word is the state of the resources that have the cause, and reasons are the reasons: all alike.
	word    string
	reasons []string
	// roots are the resources whose reason it is, and affected those that wait for them.
	roots, affected []reconcile.ResourceStatus
	rank            int
}

// Problem is what Problems says about one cause. State is its first word, and IDs are the resources that it concerns.
type Problem struct {
	State string   `json:"state"`
	Lines []string `json:"lines"`
	IDs   []string `json:"ids,omitempty"`
}

// EachProblem returns one problem for each file that is not in force, or for several with the same error, for each cause that keeps
// resources from the desired state, and for each warning.
func EachProblem(s *reconcile.Status, style Style) (problems []Problem) {
	files := s.NotInForce()
	for i := range files {
		last := i+1 == len(files) || files[i+1].Error != files[i].Error
		lines := style.file(files[i], last)
		if i > 0 && files[i-1].Error == files[i].Error {
			same := &problems[len(problems)-1]
			same.Lines = append(same.Lines, lines...)
			continue
		}
		problems = append(problems, Problem{State: files[i].State, Lines: lines})
	}
	for _, b := range causes(s.Resources) {
		p := Problem{State: b.word, Lines: style.block(b)}
		for _, r := range append(slices.Clone(b.roots), b.affected...) {
			p.IDs = append(p.IDs, r.ID)
		}
		problems = append(problems, p)
	}
	for _, warning := range s.Warnings {
		problems = append(problems, Problem{State: "warning", Lines: style.headline("warning", plain.Text(warning))})
	}
	return problems
}

// Problems returns the lines of EachProblem, with empty lines between them.
func Problems(s *reconcile.Status, style Style) (lines []string) {
	for i, p := range EachProblem(s, style) {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, p.Lines...)
	}
	return lines
}

// file returns the lines about a file that is not in force; with its errors, unless the next file has the same.
func (s Style) file(f spec.FileState, errors bool) []string {
	head := plain.Text(f.Path) + ": its last valid content is in force"
	if f.State != "kept" {
		head = plain.Text(f.Path) + ": nothing in it is in force"
	}
	lines := s.headline(f.State, head)
	if !errors {
		return lines
	}
	n := 0
	for line := range strings.SplitSeq(strings.TrimRight(f.Error, "\n"), "\n") {
		if strings.HasPrefix(line, " ") {
			// A line of the file, or what points into it.
			lines = append(lines, Indent+plain.Text(line))
			continue
		}
		if n++; s.Width > 0 && n > mostItems {
			return append(lines, Indent+"… and more: linkd validate")
		}
		wrapped := s.wrap(plain.Text(line), len(Indent), Indent)
		wrapped[0] = Indent + wrapped[0]
		lines = append(lines, wrapped...)
	}
	return lines
}

// causes sorts the resources that are not as they should be by causes. A resource that is ok and has a remark is one of them.
func causes(resources []reconcile.ResourceStatus) (blocks []*block) {
	ids := map[string]*reconcile.ResourceStatus{}
	for i := range resources {
		ids[resources[i].ID] = &resources[i]
	}
	byWhy := map[string]*block{}
	for _, r := range resources {
		if r.Reason == "" && r.State == reconcile.OK {
			continue
		}
		root, why := rootOf(r, ids)
		why = withoutID(why, root.ID)
		netns := root.NetNS
		if root.Kind == "netns" {
			netns = root.Key
		}
		pattern := patternOf(why, netns)
		b := byWhy[pattern]
		if b == nil {
			b = &block{rank: len(attention) + 1}
			byWhy[pattern] = b
			blocks = append(blocks, b)
		}
		b.reasons = append(b.reasons, why)
		if root.ID == r.ID || ids[root.ID] == nil {
			b.roots = append(b.roots, r)
		} else {
			b.affected = append(b.affected, r)
		}
	}
	for _, b := range blocks {
		b.word = "note"
		for _, r := range append(slices.Clone(b.roots), b.affected...) {
			if n := Rank(r.State); n < b.rank {
				b.rank = n
				if r.State != reconcile.OK {
					b.word = string(r.State)
				}
			}
		}
	}
	slices.SortStableFunc(blocks, func(a, b *block) int { return cmp.Compare(a.rank, b.rank) })
	return blocks
}

// rootOf returns what causes the state of a resource, and the reason without what only names that.
func rootOf(r reconcile.ResourceStatus, ids map[string]*reconcile.ResourceStatus) (root reconcile.ResourceStatus, why string) {
	why, root = r.Reason, r
	if r.Cause == "" {
		return root, why
	}
	if known := ids[r.Cause]; known != nil {
		root = *known
	} else {
		root = reconcile.NewResourceStatus(r.Cause)
	}
	for _, prefix := range []string{"waits for ", "blocked by "} {
		rest, is := strings.CutPrefix(why, prefix)
		for at := 0; is && at < len(rest); {
			n := strings.Index(rest[at:], ": ")
			if n < 0 {
				break
			}
			at += n
			switch id := rest[:at]; {
			case ids[id] != nil:
				return root, rest[at+2:]
			case id == r.Cause:
				// Nothing else names it.
				return root, rest
			}
			at += 2
		}
	}
	return root, why
}

// attempts says what could not be done to a resource, by the verb of its op.
var attempts = map[string]string{"create": "cannot create it", "update": "cannot change it", "replace": "cannot replace it", "delete": "cannot delete it"}

// withoutID returns the reason why an op failed without the ID of its resource.
func withoutID(why, id string) string {
	verb, rest, _ := strings.Cut(why, " ")
	if text, is := strings.CutPrefix(rest, id+": "); is && attempts[verb] != "" {
		return attempts[verb] + ": " + text
	}
	return why
}

// Indent is the beginning of each line of a problem but the first.
const Indent = "          "

// headline returns the first lines of a block: the state, and a text.
func (s Style) headline(word, text string) []string {
	lines := s.wrap(text, len(Indent), Indent)
	lines[0] = s.Paint(word, word) + Indent[min(len(word), len(Indent)-1):] + lines[0]
	return lines
}

// mostItems is how many items a list on a terminal has: a screen has 24 lines.
const mostItems = 6

func (s Style) block(b *block) []string {
	why := foldReasons(b.reasons)
	roots := fold(b.roots)
	var lines []string
	if len(roots) == 1 {
		lines = s.headline(b.word, roots[0].text+": "+why)
		if source := (item{source: roots[0].source, same: roots[0].same}).String(); source != "" {
			lines = append(lines, Indent+strings.TrimSpace(source))
		}
	} else {
		lines = s.headline(b.word, why)
		lines = append(lines, s.items("", roots)...)
	}
	for _, state := range append(slices.Clone(attention), reconcile.OK) {
		var affected []reconcile.ResourceStatus
		for _, r := range b.affected {
			if r.State == state {
				affected = append(affected, r)
			}
		}
		lines = append(lines, s.items(string(state)+": ", fold(affected))...)
	}
	return lines
}

// items returns one line for each item; on a terminal at most mostItems.
func (s Style) items(prefix string, items []item) (lines []string) {
	more := 0
	if s.Width > 0 && len(items) > mostItems {
		more = len(items) - (mostItems - 1)
		items = items[:mostItems-1]
	}
	for _, i := range items {
		wrapped := s.wrap(prefix+i.String(), len(Indent), Indent+"  ")
		wrapped[0] = Indent + wrapped[0]
		lines = append(lines, wrapped...)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("%s%s… and %d more: linkd status --all", Indent, prefix, more))
	}
	return lines
}
