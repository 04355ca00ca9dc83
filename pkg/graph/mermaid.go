package graph

import (
	"fmt"
	"regexp"
	"strings"

	"linkd/pkg/plain"
)

// mermaid writes the picture as a flowchart (https://mermaid.js.org/syntax/flowchart.html), which many forges and wikis
// draw where it stands in a page.
func mermaid(p *Picture) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("flowchart LR")
	nodes, classes := map[End]string{}, map[State][]string{}
	node := func(end End, open, shut string, m Mark, text []string) {
		id := fmt.Sprintf("n%d", len(nodes))
		nodes[end] = id
		classes[m.State] = append(classes[m.State], id)
		line(`    %s%s"%s"%s`, id, open, mermaidLines(text), shut)
	}
	for i, box := range p.Namespaces {
		line(`  subgraph s%d["%s"]`, i, mermaidLines(box.title()))
		for _, c := range box.Interfaces {
			node(End{box.Name, c.Name}, "[", "]", c.Mark, append([]string{c.heading()}, c.lines()...))
		}
		line(`  end`)
		classes[box.State] = append(classes[box.State], fmt.Sprintf("s%d", i))
	}
	for _, r := range p.Remotes {
		node(End{Name: r.Name}, "([", "])", r.Mark, []string{r.Name})
	}
	for i, w := range lay(p).wires {
		line(`  %s %s %s`, nodes[w.a.end()], mermaidLinks[w.Join], nodes[w.b.end()])
		style := "stroke:" + paints[w.State].line
		if paints[w.State].dashed {
			style += ",stroke-dasharray:6 4"
		}
		line(`  linkStyle %d %s`, i, style)
	}
	for _, s := range p.In() {
		style := fmt.Sprintf("stroke:%s,fill:%s,color:%s", paints[s].line, paints[s].fill, ink)
		if paints[s].dashed {
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

// mermaidPlain are the characters that mean nothing but themselves to Mermaid, to HTML and to Markdown, wherever they
// stand in a line but at its start, where they could make it one of a list.
const mermaidPlain = " ./:,_-()"

var listNumber = regexp.MustCompile(`^[0-9]+[.)] `)

// mermaidLines are lines of text in a quoted label. Mermaid has numbered entities for all other characters.
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
