package conform

import (
	"testing"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// Language is the smallest in which a kind's keys can be written: a link is {netns, name} and the keys of an end.
func Language(namespace, end []spec.Key) spec.Language {
	return spec.Language{Namespace: namespace, Link: spec.Link{Decode: func(c *spec.Context, _ string, n *yaml.Node) {
		var own struct {
			Netns string      `yaml:"netns" required:"true"`
			Name  spec.IfName `yaml:"name" required:"true"`
		}
		if nodes, ok := c.Fields(n, end, &own); ok {
			c.On(own.Netns, string(own.Name)).DecodeKeys(end, nodes)
		}
	}}}
}

// OnEth0 is a file with a list under a key of eth0 in the lab, each line of it by six blanks.
func OnEth0(key, list string) string {
	return "namespaces: {lab: {}}\nlinks:\n  cable:\n    netns: lab\n    name: eth0\n    " + key + ":\n" + list
}

// Compile reads text as the file a.yaml: the resources in ID order, and all that is wrong, a line each.
func Compile(lang spec.Language, text string) (resources []spec.Resource, errs string) {
	desired, wrong := spec.Compile(lang, []spec.File{{Path: "a.yaml", Text: []byte(text)}})
	return desired.Resources.All(), wrong.Error()
}

// Read is Compile of what has to be right.
func Read(t *testing.T, lang spec.Language, text string) []spec.Resource {
	t.Helper()
	resources, errs := Compile(lang, text)
	if errs != "" {
		t.Fatalf("%s\n%s", errs, text)
	}
	return resources
}
