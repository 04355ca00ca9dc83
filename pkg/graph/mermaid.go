package graph

import (
	"fmt"
	"regexp"
	"strings"

	"linkd/pkg/plain"
)

// mermaid returns the picture as a flowchart (https://mermaid.js.org/syntax/flowchart.html). Many forges and wikis draw such a
// flowchart inside a page.
func mermaid(p *Picture) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("flowchart LR")
	nodes, classes := map[End]string{}, map[State][]string{}
	node := func(end End, opening, closing string, m Status, text []string) {
		id := fmt.Sprintf("n%d", len(nodes))
		nodes[end] = id
		classes[m.State] = append(classes[m.State], id)
		line(`    %s%s"%s"%s`, id, opening, mermaidLines(text), closing)
	}
	for i, namespace := range p.Namespaces {
		line(`  subgraph s%d["%s"]`, i, mermaidLines(namespace.title()))
		for _, c := range namespace.Interfaces {
			node(End{namespace.Name, c.Name}, "[", "]", c.Status, append([]string{c.heading()}, c.lines()...))
		}
		line(`  end`)
		classes[namespace.State] = append(classes[namespace.State], fmt.Sprintf("s%d", i))
	}
	for _, r := range p.Remotes {
		node(End{Name: r.Name}, "([", "])", r.Status, []string{r.Name})
	}
	for i, w := range layOut(p).wires {
		line(`  %s %s %s`, nodes[w.a.end()], mermaidLinks[w.Join], nodes[w.b.end()])
		style := "stroke:" + styles[w.State].line
		if styles[w.State].dashed {
			style += ",stroke-dasharray:6 4"
		}
		line(`  linkStyle %d %s`, i, style)
	}
	for _, s := range p.UsedStates() {
		style := fmt.Sprintf("stroke:%s,fill:%s,color:%s", styles[s].line, styles[s].fill, ink)
		if styles[s].dashed {
			style += ",stroke-dasharray:6 4"
		}
		line(`  classDef %s %s`, s, style)
		if len(classes[s]) > 0 {
			line(`  class %s %s`, strings.Join(classes[s], ","), s)
		}
	}
	return b.String()
}

var mermaidLinks = map[Join]string{Cable: "===", Port: "---", Parent: "-.-", Tunnel: "-.-"}

// mermaidPlain are the characters beside letters and digits that have no special meaning in Mermaid, HTML and Markdown, except
// at the start of a line, where some of them begin a list.
const mermaidPlain = " ./:,_-()"

var listNumber = regexp.MustCompile(`^[0-9]+[.)] `)

// mermaidLines escapes lines of text for a quoted label. Mermaid has a numbered entity for each special character.
func mermaidLines(lines []string) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteString("<br>")
		}
		l = plain.Text(l)
		for at, r := range l {
			letter := r >= '0' && r <= '9' && (at > 0 || !listNumber.MatchString(l)) || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x9f
			if letter || at > 0 && strings.ContainsRune(mermaidPlain, r) {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, "#%d;", r)
			}
		}
	}
	return b.String()
}
