package graph

import (
	"fmt"
	"strings"

	"linkd/pkg/plain"
)

// dot returns the picture in the language of Graphviz (https://graphviz.org/doc/info/lang.html), with a cluster for each
// namespace.
func dot(p *Picture) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`graph linkd {`)
	line(`	rankdir=LR; compound=true; bgcolor="%s"; fontname="sans-serif"; fontcolor="%s"`, paper, ink)
	line(`	node [shape=box, style="filled,rounded", fontname="monospace", fontsize=11, fontcolor="%s", margin="0.12,0.06"]`, ink)
	line(`	edge [fontname="sans-serif", fontsize=10]`)
	nodes := map[End]string{}
	node := func(end End, name, tooltip, shape string, m Status, text []string) {
		nodes[end] = fmt.Sprintf("n%d", len(nodes))
		style := "filled,rounded"
		if styles[m.State].dashed {
			style += ",dashed"
		}
		line(`		%s [label="%s", tooltip="%s", color="%s", fillcolor="%s", style="%s"%s]`, nodes[end],
			dotLines(append([]string{name}, text...)), dotText(tooltip), styles[m.State].line, styles[m.State].fill, style, shape)
	}
	for i, namespace := range p.Namespaces {
		style := "rounded,filled"
		if styles[namespace.State].dashed {
			style += ",dashed"
		}
		line(`	subgraph cluster_%d {`, i)
		line(`		label="%s"; labeljust=l; tooltip="%s"; color="%s"; fillcolor="%s"; style="%s"`, dotLines(namespace.title()),
			dotText(namespace.tooltip(namespace.Name)), styles[namespace.State].line, namespaceFill, style)
		if len(namespace.Interfaces) == 0 {
			// Graphviz does not draw an empty cluster.
			line(`		empty%d [style=invis, label="", width=0.3, height=0.1]`, i)
		}
		for _, c := range namespace.Interfaces {
			node(End{namespace.Name, c.Name}, c.heading(), c.tooltip(namespace.Name+"/"+c.Name), "", c.Status, c.lines())
		}
		line(`	}`)
	}
	for _, r := range p.Remotes {
		node(End{Name: r.Name}, r.Name, r.tooltip(r.Name), ", shape=ellipse", r.Status, nil)
	}
	for _, w := range layOut(p).wires {
		l := w.Line
		style := joinStyles[l.Join]
		if styles[l.State].dashed {
			style = "dashed"
		}
		line(`	%s -- %s [color="%s", style="%s", penwidth=%s, tooltip="%s"]`, nodes[w.a.end()], nodes[w.b.end()],
			styles[l.State].line, style, joinWidths[l.Join], dotText(l.tooltip(string(l.Join))))
	}
	if states := p.legend(); len(states) > 0 {
		var rows []string
		for _, s := range states {
			rows = append(rows, fmt.Sprintf(`<font color="%s">&#9632;</font> %s`, styles[s].line, s.Legend()))
		}
		line(`	label=<%s>; labelloc=b; fontsize=11`, strings.Join(rows, "&nbsp;&nbsp; "))
	}
	line(`}`)
	return b.String()
}

var joinStyles = map[Join]string{Cable: "solid", Port: "solid", Parent: "dashed", Tunnel: "dotted"}

var joinWidths = map[Join]string{Cable: "2", Port: "1.2", Parent: "1.2", Tunnel: "2"}

// dotText escapes text for a quoted string. Graphviz also replaces HTML entities and its own escapes there.
func dotText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(plain.Text(text))
}

// dotLines escapes lines of text for a quoted string, left-aligned.
func dotLines(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(dotText(l) + `\l`)
	}
	return b.String()
}
