package conform

import (
	"testing"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// Language returns a minimal language with a kind's keys: a link has netns, name and the keys of an end.
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

// OnEth0 returns a file with a list at a key of eth0 in the lab. Indent each line of the list by six spaces.
func OnEth0(key, list string) string {
	return "namespaces: {lab: {}}\nlinks:\n  cable:\n    netns: lab\n    name: eth0\n    " + key + ":\n" + list
}

// Compile compiles text as the file a.yaml. It returns the resources in the order of their IDs, and one line per error.
func Compile(lang spec.Language, text string) (resources []spec.Resource, errs string) {
	desired, wrong := spec.Compile(lang, []spec.File{{Path: "a.yaml", Text: []byte(text)}})
	return desired.Resources.All(), wrong.Error()
}

// Read compiles text, and fails the test if it is invalid.
func Read(t *testing.T, lang spec.Language, text string) []spec.Resource {
	t.Helper()
	resources, errs := Compile(lang, text)
	if errs != "" {
		t.Fatalf("%s\n%s", errs, text)
	}
	return resources
}
