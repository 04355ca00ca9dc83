package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// pageWidth is the longest line, in characters, before a list or a mapping is written on several lines.
const pageWidth = 110

// YAML returns the document as a user would write it: a blank line between the sections, a list on one line if it
// fits, and a mapping too if it contains only words.
func (p *Document) YAML() ([]byte, error) {
	var out bytes.Buffer
	doc := p.document()
	quote(doc)
	if p.adopts(doc) {
		out.WriteString(adoptRemark)
	}
	for i := 0; i < len(doc.Content); i += 2 {
		if i > 0 {
			out.WriteByte('\n')
		}
		section := doc.Content[i+1]
		arrange(section, 0, 2, 2)
		enc := yaml.NewEncoder(&out)
		enc.SetIndent(2)
		if err := enc.Encode(&yaml.Node{Kind: yaml.MappingNode, Content: doc.Content[i : i+2]}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

const adoptRemark = `# adopt: true: linkd owns the interface from then on, and deletes it when you remove it from the files.
`

func (p *Document) adopts(doc *yaml.Node) bool {
	links := ValueOf(doc, "links")
	return links != nil && slices.ContainsFunc(links.Content, func(n *yaml.Node) bool { return ValueOf(n, "adopt") != nil })
}

// oldFlags are words that YAML 1.1 reads as true or false.
var oldFlags = []string{"y", "n", "yes", "no", "on", "off"}

// quote adds quotes to the words that need them.
func quote(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && (slices.Contains(oldFlags, strings.ToLower(n.Value)) ||
		strings.HasPrefix(oneLine(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{n}}), "['")) {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		quote(child)
	}
}

// arrange chooses between one line, which would begin at the column start, and several, which begin at indent. The
// first levels of a section are its entries, which always have lines of their own.
func arrange(n *yaml.Node, start, indent, levels int) {
	if n.Kind == yaml.ScalarNode {
		return
	}
	short := len(n.Content) == 0 || (levels <= 0 && isSimple(n))
	if short && start+len(oneLine(n)) <= pageWidth {
		n.Style = yaml.FlowStyle
		return
	}
	for i, child := range n.Content {
		at := indent + len("- ")
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			at = indent + len(n.Content[i-1].Value+": ")
		}
		arrange(child, at, indent+2, levels-1)
	}
}

// isSimple reports whether a tree is short enough to read on one line: a mapping of words, a list of words, or a list
// with one such mapping.
func isSimple(n *yaml.Node) bool {
	return !slices.ContainsFunc(n.Content, func(child *yaml.Node) bool {
		return child.Kind != yaml.ScalarNode &&
			(n.Kind == yaml.MappingNode || len(n.Content) > 1 || child.Kind == yaml.SequenceNode || !isSimple(child))
	})
}

// oneLine returns a tree on one line.
func oneLine(n *yaml.Node) string {
	flow := *n
	flow.Style = yaml.FlowStyle
	text, err := yaml.Marshal(&flow)
	if err != nil {
		return strings.Repeat(" ", pageWidth+1)
	}
	return strings.TrimSpace(string(text))
}

// JSON returns the document without remarks. The result is valid YAML, too.
func (p *Document) JSON() ([]byte, error) {
	var out bytes.Buffer
	if err := writeJSON(&out, p.document()); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// writeJSON keeps the order of keys, which a Go map would lose.
func writeJSON(out *bytes.Buffer, n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!str" {
		if number, err := strconv.ParseUint(n.Value, 0, 64); err == nil {
			// JSON has no 0x10.
			fmt.Fprint(out, number)
		} else {
			out.WriteString(n.Value)
		}
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		text, err := json.Marshal(n.Value)
		out.Write(text)
		return err
	}
	brackets := "[]"
	if n.Kind == yaml.MappingNode {
		brackets = "{}"
	}
	out.WriteByte(brackets[0])
	for i, child := range n.Content {
		switch {
		case i > 0 && n.Kind == yaml.MappingNode && i%2 == 1:
			out.WriteByte(':')
		case i > 0:
			out.WriteByte(',')
		}
		if err := writeJSON(out, child); err != nil {
			return err
		}
	}
	out.WriteByte(brackets[1])
	return nil
}

// Remarks returns the comments of YAML, each with the namespace or link that it is about.
func (p *Document) Remarks() (lines []string) {
	for name, section := range map[string]string{"namespaces": "", "links": "links/"} {
		entries := ValueOf(p.document(), name)
		if entries == nil {
			continue
		}
		for i := 0; i < len(entries.Content); i += 2 {
			key := entries.Content[i]
			for line := range strings.Lines(key.HeadComment) {
				lines = append(lines, section+key.Value+": "+strings.TrimSpace(strings.TrimPrefix(line, "# ")))
			}
		}
	}
	slices.Sort(lines)
	return lines
}
