package shape

import (
	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// Keys returns the keys egress and ingress of an end.
func Keys() []spec.Key {
	return []spec.Key{
		spec.NewKey(egressKind, "traffic shaping: rate, delay and loss of the packets that the interface sends (tc-tbf(8), tc-netem(8))",
			func(c *spec.Context, k egressKeys) {
				c.Add(&Egress{NS: c.NS, Dev: c.Device, Shape: k.shape(), Adopt: k.Adopt || c.Adopt, Source: c.Source()})
			}).Called("shaping", "tc", "qdisc", "netem", "bandwidth"),
		spec.NewKey(ingressKind, "policing: the rate of received packets; the kernel drops packets above it (tc-police(8))",
			func(c *spec.Context, k ingressKeys) {
				c.Add(&Ingress{NS: c.NS, Dev: c.Device, Rate: k.Rate, Burst: spec.ValueOr(k.Burst, 0), Source: c.Source()})
				c.Add(&Clsact{NS: c.NS, Dev: c.Device, Source: c.Source()})
			}).Called("policing", "police"),
	}
}

// egressKeys are the keys of egress.
type egressKeys struct {
	Rate      *Rate   `yaml:"rate" doc:"the highest rate of sent packets, with frame headers"`
	Burst     *Size   `yaml:"burst" absent:"what the rate sends in 10 ms, or two packets if that is more" doc:"the amount that it sends at once after a pause; at least a full packet"`
	Latency   *Time   `yaml:"latency" absent:"50ms" doc:"the longest time that a packet waits in the queue; the kernel drops packets that would wait longer"`
	Limit     *Limit  `yaml:"limit" absent:"that of latency; 1000 packets with delay, loss and similar keys" doc:"the length of the queue: a size, or a number of packets with delay, loss and similar keys"`
	Delay     *Time   `yaml:"delay" doc:"the delay of each packet"`
	Jitter    *Time   `yaml:"jitter" doc:"the variation of the delay, up and down"`
	Loss      *Chance `yaml:"loss" doc:"the share of dropped packets"`
	Duplicate *Chance `yaml:"duplicate" doc:"the share of packets that are sent twice"`
	Corrupt   *Chance `yaml:"corrupt" doc:"the share of packets with a wrong bit"`
	Reorder   *Chance `yaml:"reorder" doc:"the share of packets that leave without the delay, and so before others"`
	Adopt     bool    `yaml:"adopt" default:"false" doc:"replace a root qdisc that linkd did not create, and restore it when you remove egress from the file"`
}

// DecodeNode reads the keys, and checks that they go together.
func (k *egressKeys) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if !c.DecodeMapping(n, k) {
		return nil
	}
	s := k.shape()
	at := func(key string) *yaml.Node { return spec.ValueOf(n, key) }
	emulates := s.kind() == netem
	if !emulates && s.Rate == 0 {
		c.Errorf(n, "egress changes nothing: rate, delay, loss, duplicate or corrupt is missing")
		return nil
	}
	if emulates {
		for _, key := range []string{"burst", "latency"} {
			if at(key) != nil {
				c.Errorf(at(key), "with delay, loss and the like, netem keeps the rate packet by packet, without %s: leave it out", key)
			}
		}
	}
	switch {
	case k.Limit != nil && emulates && k.Limit.unit:
		c.Errorf(at("limit"), "with delay, loss and the like, limit is a number of packets")
	case k.Limit != nil && k.Latency != nil && !emulates:
		c.Errorf(at("limit"), "limit and latency both say how long the queue is: leave out one")
	case k.Limit != nil && !emulates && uint32(k.Limit.Size) < uint32(s.Burst):
		c.Errorf(at("limit"), "limit is at least the burst")
	}
	if k.Burst != nil && s.Rate != 0 {
		if err := s.Rate.checkBurst(s.Burst); err != nil {
			c.Errorf(at("burst"), "%v", err)
		}
	}
	for _, key := range []string{"jitter", "reorder"} {
		if at(key) != nil && k.Delay == nil {
			c.Errorf(at(key), "%s is about packets that are delayed: delay is missing", key)
		}
	}
	return nil
}

func (k *egressKeys) shape() *Shape {
	s := &Shape{
		Rate: spec.ValueOr(k.Rate, 0), Burst: spec.ValueOr(k.Burst, 0), Latency: spec.ValueOr(k.Latency, 0),
		Delay: spec.ValueOr(k.Delay, 0), Jitter: spec.ValueOr(k.Jitter, 0), Loss: spec.ValueOr(k.Loss, Chance{}),
		Duplicate: spec.ValueOr(k.Duplicate, Chance{}), Corrupt: spec.ValueOr(k.Corrupt, Chance{}), Reorder: spec.ValueOr(k.Reorder, Chance{}),
	}
	if k.Limit != nil {
		s.Limit = uint32(k.Limit.Size)
	}
	return s
}

// Limit is a size, or a number of packets, which has no unit.
type Limit struct {
	Size
	unit bool
}

func (l *Limit) DecodeWord(word string) error {
	l.unit = word != "" && (word[len(word)-1] < '0' || word[len(word)-1] > '9')
	return l.Size.DecodeWord(word)
}

func (l Limit) String() string { return l.Size.String() }

func (l Limit) EncodeNode() *yaml.Node {
	if l.unit {
		return spec.Word(l.String())
	}
	return spec.Number(uint64(l.Size))
}

func (Limit) Syntax() spec.Syntax {
	s := Size(0).Syntax()
	s.Name, s.Doc = "queue length", "A size as in tc(8): `32kb`; or a number of packets."
	return s
}

// ingressKeys are the keys of ingress.
type ingressKeys struct {
	Rate  Rate  `yaml:"rate" required:"true" doc:"the highest rate of received packets, with frame headers"`
	Burst *Size `yaml:"burst" absent:"what the rate lets in during 100 ms, or 80kb if that is more" doc:"the amount that it accepts at once after a pause; the kernel may join packets into one of up to 64 KiB before it counts them"`
}

// DecodeNode reads the keys, and checks that they go together.
func (k *ingressKeys) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if c.DecodeMapping(n, k) && k.Burst != nil {
		if err := k.Rate.checkBurst(*k.Burst); err != nil {
			c.Errorf(spec.ValueOf(n, "burst"), "%v", err)
		}
	}
	return nil
}
