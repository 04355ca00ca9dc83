package spec

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"
)

// toys is a language small enough to be seen whole: a namespace has rooms, which are resources, and a size; a link is
// a cable with a device, that may need other devices.
var toys = Language{
	Namespace: []Key{
		NewKey("rooms", "the rooms", func(c *Context, rooms []room) {
			for _, r := range rooms {
				c.Add(&toy{id: ID{c.NS, "room", r.Name}, source: r.Source})
			}
		}),
		NewKey("size", "how large", func(c *Context, size uint8) {
			c.Add(&toy{id: ID{c.NS, "size", fmt.Sprint(size)}, source: c.Source()})
		}),
	},
	Link: Link{Decode: func(c *Context, id string, n *yaml.Node) {
		link := struct {
			Netns NSRef             `yaml:"netns"`
			Name  IfName            `yaml:"name"`
			MAC   *MAC              `yaml:"mac"`
			MTU   *int              `yaml:"mtu"`
			Up    *bool             `yaml:"up"`
			Mode  mode              `yaml:"mode"`
			Needs []IfName          `yaml:"needs"`
			Notes map[string]string `yaml:"notes"`
		}{Netns: Host, Name: IfName(id)}
		rest, ok := c.Fields(n, toyEnd, &link)
		t := &toy{id: LinkID(string(link.Netns), string(link.Name)), source: c.Source()}
		for _, need := range link.Needs {
			t.needs = append(t.needs, LinkID(string(link.Netns), string(need)))
		}
		if ok {
			c.Add(t)
		}
		if link.Netns != "" {
			c.On(t.id.NS, t.id.Key).DecodeKeys(toyEnd, rest)
		}
	}},
}

var toyEnd = []Key{NewKey("colour", "of the cable", func(c *Context, colour string) {
	c.Add(&toy{id: ID{c.NS, "colour", c.Device}, needs: []ID{LinkID(c.NS, c.Device)}, source: c.Source()})
})}

type room struct {
	Name   string `yaml:"name" required:"true"`
	Source Source
}

type mode string

func (m *mode) DecodeWord(word string) error {
	*m = mode(word)
	return OneOf("mode", word, "bridge", "private", "vepa")
}

type toy struct {
	id     ID
	needs  []ID
	source Source
}

func (t *toy) ID() ID               { return t.id }
func (t *toy) Needs() []ID          { return t.needs }
func (t *toy) Origin() Source       { return t.source }
func (t *toy) Relations() Relations { return Relations{} }

// files are those of a txtar archive; text without any is a.yaml.
func files(text string) (fs []File) {
	archive := txtar.Parse([]byte(text))
	if len(archive.Files) == 0 {
		return []File{{Path: "a.yaml", Text: []byte(text)}}
	}
	for _, f := range archive.Files {
		fs = append(fs, File{Path: f.Name, Text: f.Data})
	}
	return fs
}

// say is a desired state as text: namespaces and how they are found, then resources, each with its place.
func say(d *Desired) string {
	var b strings.Builder
	names := &Set{}
	for name, ns := range d.Namespaces {
		names.Add(&toy{id: ID{Key: name}, source: ns.Source})
	}
	for _, r := range names.All() {
		name := r.ID().Key
		fmt.Fprintf(&b, "%s = %s at %s\n", name, d.Namespaces[name].Selector, r.Origin())
	}
	for _, r := range d.Resources.All() {
		fmt.Fprintf(&b, "%s at %s\n", r.ID(), r.Origin())
	}
	return b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errDisk = errors.New("input/output error")
