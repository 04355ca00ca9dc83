package device

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// offloadsKey is the key of the offloads of an end.
const offloadsKey = "offloads"

// Keys returns the keys promisc, allmulticast and offloads of an end.
func Keys() []spec.Key {
	return []spec.Key{
		flag(promisc, "promiscuous mode: receive all frames, for any destination").Called("promiscuous", "promisc_mode", "promiscMode"),
		flag(allMulticast, "receive all multicast frames").Called("allmulti", "all-multicast"),
		{Name: offloadsKey, Doc: "what the interface does in place of the kernel (ethtool(8), --offload), by the names of ethtool or of the kernel", Also: []string{"features", "ethtool", "offload"},
			Type: map[string]bool{}, Decode: decodeOffloads},
	}
}

func flag(name, doc string) spec.Key {
	return spec.NewKey(name, doc, func(c *spec.Context, on bool) {
		c.Add(&Switch{NS: c.NS, Dev: c.Device, Name: name, On: on, Adopt: c.Adopt, Source: c.Source()})
	})
}

func decodeOffloads(c *spec.Context, n *yaml.Node) {
	var values map[string]bool
	if !c.Decode(n, &values) {
		return
	}
	places := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content); i += 2 {
		at, key := n.Content[i], n.Content[i].Value
		name := longName(key)
		if known := knownNames(); !slices.Contains(known, key) {
			if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) || key == "" {
				c.Errorf(at, "%q is no name of an offload", key)
				continue
			}
			c.WarnAt(at, "linkd does not know the offload %s%s", key, c.DidYouMean(key, slices.Values(known)))
		}
		contradiction := false
		for _, part := range partsOf(name) {
			other := places[part]
			if other != nil && (values[other.Value] != values[key] || longName(other.Value) == name) {
				c.Errorf(at, "%s is part of %s already (line %d)", key, other.Value, other.Line)
				contradiction = true
				break
			}
			places[part] = at
		}
		if !contradiction {
			c.Add(&Switch{NS: c.NS, Dev: c.Device, Name: name, On: values[key], Adopt: c.Adopt, Source: c.At(at).Source()})
		}
	}
}
