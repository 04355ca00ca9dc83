package link

import "linkd/pkg/spec"

// kinds returns the YAML mapping of each type of link.
func kinds(endKeys []spec.Key) []spec.LinkKind {
	link := spec.Mapping{Name: "link", Structs: []any{common{}}}
	end := endMapping(endKeys)
	kinds := make([]spec.LinkKind, len(Types))
	for i, t := range Types {
		m := spec.Mapping{Name: "link." + t.Name, Keys: t.keys(endKeys), With: []spec.Mapping{link}}
		if t.New != nil {
			m.Structs = []any{t.New()}
		}
		if !t.Paired {
			m.With = append(m.With, end)
		}
		kinds[i] = spec.LinkKind{Name: t.Name, Doc: t.Doc, Mapping: m}
	}
	return kinds
}

func endMapping(endKeys []spec.Key) spec.Mapping {
	return spec.Mapping{Name: "end", Structs: []any{endFields{}}, Keys: endKeys}
}

const endsKey, parentKey = "ends", "parent"

// keys returns the keys of a link of the type that the decoder decodes apart from its other fields.
func (t *Type) keys(endKeys []spec.Key) (keys []spec.Key) {
	if t.Paired {
		keys = append(keys, spec.Key{
			Name: endsKey, Doc: "exactly two, in any two namespaces, or both in one", Required: true,
			Type: [2]spec.Mapping{endMapping(endKeys), endMapping(endKeys)},
			Also: []string{"endpoints", "peers", "peer", "interfaces"},
		})
	}
	if t.Parent != NoParent {
		keys = append(keys, spec.Key{
			Name: parentKey, Required: t.Parent == NeedsParent, Type: parentRef{},
			Also: []string{"link", "lower", "lower_device", "base-iface", "base_iface", "master", "physdev", "dev"},
			Doc:  "the interface below this one: a name in this namespace if the files declare it there, otherwise in the host",
		})
	}
	if t.Underlay {
		keys = append(keys, spec.Key{
			Name: birthKey, Type: spec.NSRef(""),
			Also: []string{"birth_netns", "link-netns", "socket_netns"},
			Doc:  "the namespace whose network carries its packets, if that is another one: linkd creates the interface there, and then moves it",
		})
	}
	return keys
}
