package graph

import (
	"fmt"
	"strings"

	"linkd/pkg/plain"
)

// dot writes the picture for Graphviz (https://graphviz.org/doc/info/lang.html): a cluster for each namespace.
func dot(p *Picture) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`graph linkd {`)
	line(`	rankdir=LR; compound=true; bgcolor="%s"; fontname="sans-serif"; fontcolor="%s"`, paper, ink)
	line(`	node [shape=box, style="filled,rounded", fontname="monospace", fontsize=11, fontcolor="%s", margin="0.12,0.06"]`, ink)
	line(`	edge [fontname="sans-serif", fontsize=10]`)
	nodes := map[End]string{}
	node := func(end End, name, tooltip, shape string, m Mark, text []string) {
		nodes[end] = fmt.Sprintf("n%d", len(nodes))
		style := "filled,rounded"
		if paints[m.State].dashed {
			style += ",dashed"
		}
		line(`		%s [label="%s", tooltip="%s", color="%s", fillcolor="%s", style="%s"%s]`, nodes[end],
			dotLines(append([]string{name}, text...)), dotText(tooltip), paints[m.State].line, paints[m.State].fill, style, shape)
	}
	for i, box := range p.Namespaces {
		style := "rounded,filled"
		if paints[box.State].dashed {
			style += ",dashed"
		}
		line(`	subgraph cluster_%d {`, i)
		line(`		label="%s"; labeljust=l; tooltip="%s"; color="%s"; fillcolor="%s"; style="%s"`, dotLines(box.title()),
			dotText(box.hint(box.Name)), paints[box.State].line, inside, style)
		if len(box.Interfaces) == 0 {
			// Graphviz leaves out a cluster with nothing in it.
			line(`		empty%d [style=invis, label="", width=0.3, height=0.1]`, i)
		}
		for _, c := range box.Interfaces {
			node(End{box.Name, c.Name}, c.heading(), c.hint(box.Name+"/"+c.Name), "", c.Mark, c.lines())
		}
		line(`	}`)
	}
	for _, r := range p.Remotes {
		node(End{Name: r.Name}, r.Name, r.hint(r.Name), ", shape=ellipse", r.Mark, nil)
	}
	for _, w := range lay(p).wires {
		l := w.Line
		style := joinStyles[l.Join]
		if paints[l.State].dashed {
			style = "dashed"
		}
		line(`	%s -- %s [color="%s", style="%s", penwidth=%s, tooltip="%s"]`, nodes[w.a.end()], nodes[w.b.end()],
			paints[l.State].line, style, joinWidths[l.Join], dotText(l.hint(string(l.Join))))
	}
	if states := p.legend(); len(states) > 0 {
		var rows []string
		for _, s := range states {
			rows = append(rows, fmt.Sprintf(`<font color="%s">&#9632;</font> %s`, paints[s].line, s.legend()))
		}
		line(`	label=<%s>; labelloc=b; fontsize=11`, strings.Join(rows, "&nbsp;&nbsp; "))
	}
	line(`}`)
	return b.String()
}

var joinStyles = map[Join]string{Cable: "solid", Port: "solid", Parent: "dashed", Tunnel: "dotted"}

var joinWidths = map[Join]string{Cable: "2", Port: "1.2", Parent: "1.2", Tunnel: "2"}

// dotText is text in a quoted string: in one, Graphviz also reads what HTML calls entities, and escapes of its own.
func dotText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(plain.Text(text))
}

func dotLines(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(dotText(l) + `\l`)
	}
	return b.String()
}
