package link

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// common has the keys that every link has.
type common struct {
	spec.Repeated
	Kind  string `yaml:"kind" also:"type" required:"true" doc:"the kind of link"`
	Adopt bool   `yaml:"adopt" default:"false" doc:"take over an interface of that name and kind that linkd did not create, with the addresses and routes in the file; linkd deletes it when you remove the link from the files"`
}

// endFields has the keys that every end has, without those that other kinds of resource declare.
type endFields struct {
	NetNS      spec.NSRef  `yaml:"netns" also:"namespace ns network-namespace link-netns" default:"host" doc:"the namespace in which the interface is"`
	Name       spec.IfName `yaml:"name" also:"ifname interface set-name device dev" absent:"the link's ID" doc:"the interface's name"`
	MAC        *spec.MAC   `yaml:"mac" also:"macaddress mac_address mac-address hwaddr address_mac lladdr ether" doc:"link-layer address; by default, linkd gives a new interface the same one each time, also after a reboot, unless another interface on the parent has it"`
	MTU        *int        `yaml:"mtu" min:"68" max:"2147483647" doc:"largest packet in bytes; at most 65535 on most kinds of link"`
	TxQueueLen *int        `yaml:"txqueuelen" also:"qlen tx_queue_len" min:"0" max:"2147483647" doc:"length of the transmit queue in packets"`
	Queues     *queues     `yaml:"queues" also:"channels numtxqueues numrxqueues" absent:"one, or one for each CPU, as the kernel makes the kind" doc:"numbers of queues; linkd creates the interface again to change them"`
	Announce   *bool       `yaml:"announce" default:"true" doc:"announce addresses that linkd adds here to their neighbours (gratuitous ARP, unsolicited neighbour advertisement), so that they reach a moved address at once"`
	Up         *bool       `yaml:"up" also:"state enabled activation-mode admin_state" absent:"true; linkd does not manage it on an existing interface, unless that is fetched" doc:"administratively up"`
}

// Decoder returns the decoder of links. It decodes the keys of links itself, and passes the rest to the kinds of resource that
// declared keys for an end.
func Decoder(endKeys []spec.Key) spec.Link {
	names := make([]string, len(Types))
	for i, t := range Types {
		names[i] = t.Name
	}
	return spec.Link{Kinds: kinds(endKeys), End: endKeys, Decode: func(c *spec.Context, id string, n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			// Fields reports the error.
			c.Fields(n, nil)
			return
		}
		word := spec.ValueOf(n, "kind")
		if word == nil || word.Kind != yaml.ScalarNode {
			c.Errorf(n, `"kind" is missing: one of %s`, strings.Join(names, ", "))
			return
		}
		if err := spec.OneOf("kind", word.Value, names...); err != nil {
			c.Errorf(word, "%v", err)
			return
		}
		d := decoder{c: c, id: id, t: typeNamed(word.Value), endKeys: endKeys}
		if d.t.Paired {
			d.pair(n)
		} else {
			d.single(n)
		}
	}}
}

type decoder struct {
	c       *spec.Context
	id      string
	t       *Type
	endKeys []spec.Key
	common  common
}

func (d *decoder) single(n *yaml.Node) {
	fields := &endFields{NetNS: spec.Host}
	own := []any{&d.common, fields}
	var options Options
	if d.t.New != nil {
		options = d.t.New()
		own = append(own, options)
	}
	rest, ok := d.c.Fields(n, slices.Concat(d.t.keys(d.endKeys), d.endKeys), own...)
	var parent parentRef
	if ref := rest[parentKey]; ref != nil {
		ok = d.c.Decode(ref, &parent) && ok
	}
	if o, is := options.(checked); is && ok {
		if key, why := o.wrong(); why != "" {
			d.c.Errorf(spec.ValueOf(n, key), "%s", why)
		}
	}
	l := d.link(n, fields)
	if l == nil {
		return
	}
	l.Options = options
	if s, is := options.(settler); is {
		s.settle(d.c, n, l)
	}
	if ok {
		d.c.Add(l)
		d.resolveParent(l, parent)
		d.resolveBirth(l, rest[birthKey], rest[parentKey])
		if d.t.Further != nil {
			d.t.Further(d.on(l), n, l)
		}
		if d.t.Claims != nil {
			d.c.Later(func() { d.t.Claims(d.c, l) })
		}
	}
	d.keys(l, rest)
}

// settler is implemented by Options that change more of the link than their attributes.
type settler interface {
	settle(c *spec.Context, n *yaml.Node, l *Link)
}

// endNode is the node of an end. pair decodes it later, because other kinds declare some of its keys.
type endNode struct{ *yaml.Node }

func (e *endNode) DecodeNode(_ *spec.Context, n *yaml.Node) error {
	e.Node = n
	return nil
}

func (d *decoder) pair(n *yaml.Node) {
	own := []any{&d.common}
	var options Options
	if d.t.New != nil {
		options = d.t.New()
		own = append(own, options)
	}
	rest, ok := d.c.Fields(n, d.t.keys(d.endKeys), own...)
	var ends []endNode
	if !ok || !d.c.Decode(rest[endsKey], &ends) {
		return
	}
	if len(ends) != 2 {
		d.c.Errorf(rest[endsKey], "a %s has exactly two ends, not %d", d.t.Name, len(ends))
		return
	}
	var links [2]*Link
	var rests [2]map[string]*yaml.Node
	for i, e := range ends {
		fields := &endFields{NetNS: spec.Host}
		var fine bool
		rests[i], fine = d.c.Fields(e.Node, d.endKeys, fields)
		links[i] = d.link(e.Node, fields)
		ok = ok && fine && links[i] != nil
	}
	if ok {
		links[0].Peer, links[1].Peer, links[1].Second = links[1], links[0], true
		links[0].Options, links[1].Options = options, options
		warnOfEnds(d.c, ends, links)
	}
	for i, l := range links {
		if ok {
			d.c.Add(l)
		}
		if l != nil {
			d.keys(l, rests[i])
		}
	}
}

// keys passes the remaining keys of an end to the kinds that declared them.
func (d *decoder) keys(l *Link, rest map[string]*yaml.Node) { d.on(l).DecodeKeys(d.endKeys, rest) }

// on returns the context for what an end declares on its interface.
func (d *decoder) on(l *Link) *spec.Context {
	on := d.c.On(l.NS, l.Name)
	on.Adopt, on.Quiet = l.Adopt, l.Quiet
	if l.Type != existing {
		on.Kind = l.Type
	}
	return on
}

// link returns the desired interface of an end; nil if it has no valid namespace or name.
func (d *decoder) link(n *yaml.Node, f *endFields) *Link {
	l := &Link{
		NS: string(f.NetNS), Name: string(f.Name), Cable: d.id, Type: d.t.Name,
		MTU: f.MTU, TxQueueLen: f.TxQueueLen, Up: f.Up, Queues: f.Queues, Adopt: d.common.Adopt, Quiet: !spec.ValueOr(f.Announce, true),
		Source: d.c.At(n).Source(),
	}
	if !d.t.Paired {
		// The source of a link is its ID; an end has no ID of its own.
		l.Source = d.c.Source()
	}
	if f.Name == "" {
		l.Name = d.id
		if err := spec.CheckIfName(d.id); spec.ValueOf(n, "name") == nil && err != nil {
			d.c.Errorf(n, `"name" is missing, and the link's ID cannot stand for it: %v`, err)
		}
	}
	if f.MTU != nil && *f.MTU > d.t.maxMTU() {
		d.c.Errorf(spec.ValueOf(n, "mtu"), "the mtu of a %s is at most %d", d.t.Name, d.t.maxMTU())
	}
	if f.MAC != nil && d.t.NoMAC {
		d.c.Errorf(spec.ValueOf(n, "mac"), "a %s has no link-layer address that can be set", d.t.Name)
	}
	if why := d.t.noQueues(); f.Queues != nil && why != "" {
		d.c.Errorf(spec.ValueOf(n, "queues"), "%s", why)
	}
	warnOfMTU(d.c, spec.ValueOf(n, "mtu"), l)
	if f.MAC != nil {
		mac := string(*f.MAC)
		l.MAC = &mac
	}
	if f.Up == nil && d.t.Name != existing {
		up := true
		l.Up = &up
	}
	if l.NS == "" || spec.CheckIfName(l.Name) != nil {
		return nil
	}
	return l
}
