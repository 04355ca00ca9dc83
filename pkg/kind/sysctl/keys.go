package sysctl

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

const keyName = "sysctls"

// NamespaceKey returns the key sysctls of a namespace.
func NamespaceKey() spec.Key {
	return key("kernel settings of the namespace, below net.",
		func(c *spec.Context, name string) (Sysctl, error) { return ofNamespace(c.NS, name) })
}

// EndKey returns the key sysctls of an end.
func EndKey() spec.Key {
	return key("kernel settings of the interface: ipv4.proxy_arp is net.ipv4.conf.DEV.proxy_arp",
		func(c *spec.Context, name string) (Sysctl, error) { return ofDevice(c.NS, c.Device, name) })
}

func key(doc string, resource func(c *spec.Context, name string) (Sysctl, error)) spec.Key {
	return spec.Key{Name: keyName, Doc: doc, Also: []string{"sysctl"}, Type: map[string]value{}, Decode: func(c *spec.Context, n *yaml.Node) {
		var values map[string]value
		if !c.Decode(n, &values) {
			return
		}
		for i := 0; i < len(n.Content); i += 2 {
			name := n.Content[i]
			s, err := resource(c, name.Value)
			if err != nil {
				c.Errorf(name, "sysctl %s: %v", name.Value, err)
				continue
			}
			s.Value, s.Adopt, s.Source = inKernelForm(s.Path, string(values[name.Value])), c.Adopt, c.At(name).Source()
			if s.opensForwarding("ipv4") || s.opensForwarding("ipv6") {
				s.firewall = new([]spec.ID)
			}
			if s.opensForwarding("ipv6") {
				s.acceptRA = new([]spec.ID)
			}
			if s.Dev != "" && len(overwriters(s.Path)) > 0 {
				s.overwritten = new([]spec.ID)
			}
			c.At(name).Later(func() {
				s.order(c.At(name))
				s.warn(c.At(name))
			})
			checkAlias(c.At(name), s)
			c.Add(s)
		}
	}}
}

// value is the value of a setting in YAML: one word or several.
type value string

func (v *value) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		words := make([]string, len(n.Content))
		for i, item := range n.Content {
			word, err := decodeWord(c, item)
			if err != nil {
				c.Errorf(item, "%v", err)
			}
			words[i] = word
		}
		*v = value(strings.Join(words, " "))
		return nil
	}
	word, err := decodeWord(c, n)
	*v = value(word)
	return err
}

func (value) Syntax() spec.Syntax {
	return spec.Syntax{
		Name: "sysctl value",
		Doc:  "A number or a text, as for sysctl(8). Write several numbers as one text or as a list: `net.ipv4.tcp_rmem: [4096, 131072, 6291456]`.",
		List: true,
	}
}

// decodeWord returns a word of a value. It converts a number to the kernel's form, in which 0x10 is 16, and refuses 010, which the
// kernel would read as 8.
func decodeWord(c *spec.Context, n *yaml.Node) (string, error) {
	if n.Tag == "!!int" {
		var number int64
		c.Decode(n, &number)
		return strconv.FormatInt(number, 10), nil
	}
	var word string
	c.Decode(n, &word)
	switch strings.ToLower(word) {
	case "true", "yes", "on":
		return "", fmt.Errorf("a sysctl has no %s: write 1", word)
	case "false", "no", "off":
		return "", fmt.Errorf("a sysctl has no %s: write 0", word)
	}
	return fold(word), nil
}

// fold reduces white space to one space between words. The kernel prints tabs between numbers, and accepts any white space
// (do_proc_dointvec in kernel/sysctl.c).
func fold(text string) string { return strings.Join(strings.Fields(text), " ") }
