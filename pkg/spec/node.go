package spec

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Node is the machine for which files are compiled, as its fleet.yaml names it.
type Node struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// NodeSelector says which nodes of a fleet a document is for: the value of its key nodes.
type NodeSelector struct {
	// All: every node. Otherwise those with one of the names, or those with all of the labels.
	All    bool              `json:"all,omitempty"`
	Names  []string          `json:"names,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Matches reports whether the document is for a node.
func (s NodeSelector) Matches(n Node) bool {
	switch {
	case s.All:
		return true
	case len(s.Labels) == 0:
		return slices.Contains(s.Names, n.Name)
	}
	for key, value := range s.Labels {
		if has, is := n.Labels[key]; !is || has != value {
			return false
		}
	}
	return true
}

const (
	nodesKey    = "nodes"
	allNodes    = "all"
	namePattern = `[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?`
)

var (
	nodeName   = regexp.MustCompile("^" + namePattern + "$")
	labelValue = regexp.MustCompile(`^[A-Za-z0-9._:/@+-]{1,128}$`)
	// nodeVariable matches {node.name} and {node.label.KEY}.
	nodeVariable = regexp.MustCompile(`\{node\.(name|label\.(` + namePattern + `))\}`)
)

// CheckNodeName refuses a name that could not be the common name of a certificate, or a part of a key in etcd.
func CheckNodeName(name string) error {
	if !nodeName.MatchString(name) {
		return fmt.Errorf("%s cannot name a node: use 1 to 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends", quoted(name))
	}
	return nil
}

// CheckLabel refuses a label of a node that no file could name.
func CheckLabel(key, value string) error {
	switch {
	case !nodeName.MatchString(key):
		return fmt.Errorf("%s cannot name a label: use 1 to 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends", quoted(key))
	case !labelValue.MatchString(value):
		return fmt.Errorf("%s cannot be the value of a label: use 1 to 128 letters, digits and . _ : / @ + -", quoted(value))
	}
	return nil
}

// DecodeNode decodes all, a list of names, or a mapping of labels.
func (s *NodeSelector) DecodeNode(c *Context, n *yaml.Node) error {
	switch n.Kind {
	case yaml.SequenceNode:
		if c.Decode(n, &s.Names) && len(s.Names) == 0 {
			return errors.New("the list names no node: write all, a list of names as in [n1, n2], or labels as in {rack: a}")
		}
		for i, name := range s.Names {
			if err := CheckNodeName(name); err != nil {
				c.Errorf(n.Content[i], "%v", err)
			}
		}
	case yaml.MappingNode:
		if c.Decode(n, &s.Labels) && len(s.Labels) == 0 {
			return errors.New("the mapping has no label: write all, a list of names as in [n1, n2], or labels as in {rack: a}")
		}
		for i := 0; i+1 < len(n.Content) && len(s.Labels) > 0; i += 2 {
			if err := CheckLabel(n.Content[i].Value, n.Content[i+1].Value); err != nil {
				c.Errorf(n.Content[i], "%v", err)
			}
		}
	default:
		if s.All = n.Value == allNodes; !s.All {
			return fmt.Errorf("expected all, a list of names or a mapping of labels, found %s%s", describe(n), listOfOne(n))
		}
	}
	return nil
}

func (NodeSelector) Syntax() Syntax {
	return Syntax{
		Name: "nodes", Words: []string{allNodes}, Selects: true,
		Doc: "The word `all`, a list of names (`[n1, n2]`), or a mapping of labels (`{rack: a, role: leaf}`), all of which the node has.",
	}
}

// forNode reports whether a document is for the machine for which linkd compiles. It replaces the variables of the node in it. A document
// with an error about either is for no node.
func (lang Language) forNode(file string, root *yaml.Node) (is bool, errs Errors) {
	ctx := &Context{file: file, node: root, errs: &errs}
	n := ValueOf(root, nodesKey)
	var self *Node
	if lang.Node != nil {
		self = lang.Node()
	}
	if n == nil && self == nil {
		return true, nil
	}
	if n != nil {
		var nodes NodeSelector
		switch ok := ctx.Decode(n, &nodes); {
		case !ok:
			return false, errs
		case self == nil:
			ctx.Errorf(n, "linkd does not know which node this machine is: write /etc/linkd/fleet.yaml, or name it with --fleet")
			return false, errs
		case !nodes.Matches(*self):
			return false, nil
		}
	}
	self.replaceVariables(ctx, root)
	if key := duplicateKey(root); key != nil {
		ctx.Errorf(key, "%s is here twice on node %s", quoted(key.Value), self.Name)
	}
	return len(errs) == 0, errs
}

// replaceVariables replaces {node.name} and {node.label.KEY} in the keys and values of n.
func (node Node) replaceVariables(c *Context, n *yaml.Node) {
	for _, child := range n.Content {
		node.replaceVariables(c, child)
	}
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "{node.") {
		return
	}
	text := nodeVariable.ReplaceAllStringFunc(n.Value, func(variable string) string {
		m := nodeVariable.FindStringSubmatch(variable)
		value, known := node.Name, true
		if key := m[2]; key != "" {
			if value, known = node.Labels[key]; !known {
				c.Errorf(n, "node %s has no label %s%s", node.Name, quoted(key), c.DidYouMean(key, maps.Keys(node.Labels)))
			}
		}
		return value
	})
	if text != n.Value {
		// The braces are why the text is in quotes, so it may be a number.
		n.Value, n.Style = text, 0
	}
}

// NodesOf returns for which nodes the documents of a file are: a document without the key nodes is for all. A file with an error that
// keeps linkd from telling that has none.
func NodesOf(f File) (selectors []NodeSelector, errs Errors) {
	roots, errs := parse(f)
	for _, root := range roots {
		nodes := NodeSelector{All: true}
		if n := ValueOf(root.Node, nodesKey); n != nil {
			nodes = NodeSelector{}
			(&Context{file: f.Path, node: root.Node, errs: &errs}).Decode(n, &nodes)
		}
		selectors = append(selectors, nodes)
	}
	if errs = errs.sorted(); len(errs) > 0 {
		errs.addExcerpts([]File{f})
		return nil, errs
	}
	return selectors, nil
}
