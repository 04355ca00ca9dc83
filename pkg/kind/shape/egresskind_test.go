package shape

import (
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

var language = conform.Language(nil, Keys())

// read returns what a key of eth0 in the lab declares.
func read(t *testing.T, key string) []spec.Resource {
	t.Helper()
	return conform.Read(t, language, "namespaces: {lab: {}}\nlinks: {x: {netns: lab, name: eth0, "+key+"}}")
}

func egress(t *testing.T, keys string) *Egress {
	t.Helper()
	return read(t, "egress: {"+keys+"}")[0].(*Egress)
}

const cable = "link add eth0 type veth peer name eth1\nlink add eth2 type veth peer name eth3\nlink set eth0 up\nlink set eth1 up\n"

// theirs are qdiscs and filters that nobody is to touch.
const theirs = `qdisc add dev eth2 root handle 1: htb default 10
class add dev eth2 parent 1: classid 1:10 htb rate 10mbit
qdisc add dev eth3 root handle 6c64: htb
qdisc add dev eth1 root handle 7: tbf rate 1mbit burst 10kb latency 50ms
`

func TestEgressConforms(t *testing.T) {
	conform.Conform(t, Egresses, conform.Example{
		Setup: cable, Traffic: theirs,
		Want: []spec.Resource{egress(t, "rate: 2mbit")},
		Changes: []conform.Change{
			conform.To(egress(t, "rate: 4mbit"), "rate: 2mbit -> 4mbit", "burst: 3036b -> 5000b"),
			conform.To(egress(t, "rate: 4mbit, burst: 10kb"), "burst: 5000b -> 10kb"),
			conform.To(egress(t, "rate: 4mbit, burst: 10kb, latency: 200ms"), "latency: 50ms -> 200ms"),
			conform.To(egress(t, "rate: 4mbit, burst: 10kb, limit: 64kb"), "limit: 110240b -> 64kb"),
			conform.To(egress(t, "rate: 100gbit"), "rate: 4mbit -> 100gbit", "burst: 10kb -> 125000000b", "latency: 110592us -> 50ms"),
		},
	})
}

// Others' qdisc makes room where a file says so, and comes back.
func TestAnAdoptedPlaceConforms(t *testing.T) {
	for name, test := range map[string]string{
		"nothing": "",
		"fifo":    "qdisc add dev eth0 root handle 9: pfifo limit 77\n",
		"tbf":     "qdisc add dev eth0 root handle 9: tbf rate 3mbit burst 20kb latency 70ms\n",
	} {
		t.Run(name, func(t *testing.T) {
			says := []string{"rate: 2mbit -> 5mbit", "burst: 3036b -> 6250b"}
			conform.Conform(t, Egresses, conform.Example{
				Setup: cable, Traffic: theirs + test,
				Want:    []spec.Resource{egress(t, "rate: 2mbit, adopt: true")},
				Changes: []conform.Change{conform.To(egress(t, "rate: 5mbit, adopt: true"), says...)},
			})
		})
	}
}

func TestNetemConforms(t *testing.T) {
	conform.NeedsTraffic(t, "sch_netem")
	conform.Conform(t, Egresses, conform.Example{
		Setup: cable, Traffic: theirs,
		Want: []spec.Resource{egress(t, "delay: 100ms")},
		Changes: []conform.Change{
			conform.To(egress(t, "delay: 200ms, jitter: 1500us, rate: 50gbit, limit: 50"),
				"rate: (none) -> 50gbit", "limit: 1000 -> 50", "delay: 100ms -> 200ms", "jitter: (none) -> 1500us"),
			conform.To(egress(t, `loss: 1% 25%, duplicate: 0.5%, corrupt: 0.1%`),
				"rate: 50gbit -> (none)", "limit: 50 -> 1000", "delay: 200ms -> (none)", "jitter: 1500us -> (none)",
				"loss: (none) -> 1% 25%", "duplicate: (none) -> 0.5%", "corrupt: (none) -> 0.1%"),
			conform.To(egress(t, "delay: 10ms, reorder: 25% 50%"),
				"delay: (none) -> 10ms", "loss: 1% 25% -> (none)", "duplicate: 0.5% -> (none)", "corrupt: 0.1% -> (none)", "reorder: (none) -> 25% 50%"),
			conform.To(egress(t, "rate: 1mbit"), "qdisc: netem 6c65: -> tbf", "rate: (none) -> 1mbit", "burst: (none) -> 3036b", "latency: (none) -> 50ms"),
			conform.To(egress(t, "loss: 100%"), "qdisc: tbf 6c64: -> netem", "limit: (none) -> 1000", "loss: (none) -> 100%"),
		},
	})
}
