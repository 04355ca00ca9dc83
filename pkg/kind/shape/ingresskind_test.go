package shape

import (
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func ingress(t *testing.T, keys string) *Ingress {
	t.Helper()
	return read(t, "ingress: {"+keys+"}")[1].(*Ingress)
}

func TestClsactConforms(t *testing.T) {
	conform.NeedsTraffic(t, "sch_ingress")
	for name, traffic := range map[string]string{
		"there is none":  theirs,
		"others made it": theirs + "qdisc add dev eth3 clsact\n",
	} {
		t.Run(name, func(t *testing.T) {
			conform.Conform(t, Clsacts, conform.Example{Setup: cable, Traffic: traffic, Want: read(t, "ingress: {rate: 1mbit}")[:1]})
		})
	}
}

func TestIngressConforms(t *testing.T) {
	conform.NeedsTraffic(t, "cls_matchall")
	conform.NeedsTraffic(t, "act_police")
	for name, traffic := range map[string]string{
		"clsact":         "qdisc add dev eth0 clsact\n",
		"ingress":        "qdisc add dev eth0 ingress\n",
		"others' filter": "qdisc add dev eth0 clsact\nfilter add dev eth0 ingress pref 1 protocol all matchall action continue\n",
	} {
		t.Run(name, func(t *testing.T) {
			conform.Conform(t, Ingresses, conform.Example{
				Setup: cable, Traffic: traffic,
				Want: []spec.Resource{ingress(t, "rate: 1mbit")},
				Changes: []conform.Change{
					conform.To(ingress(t, "rate: 10mbit"), "rate: 1mbit -> 10mbit", "burst: 80kb -> 125000b"),
					conform.To(ingress(t, "rate: 10mbit, burst: 1mb"), "burst: 125000b -> 1mb"),
					conform.To(ingress(t, "rate: 100gbit"), "rate: 10mbit -> 100gbit", "burst: 1mb -> 1250000000b"),
				},
			})
		})
	}
}
