package shape

import (
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
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

// Others may begin to use a qdisc that linkd made.
func TestAClsactThatOthersUseStays(t *testing.T) {
	conform.NeedsTraffic(t, "sch_ingress")
	conform.NeedsTraffic(t, "cls_u32")
	conform.NeedsTraffic(t, "act_mirred")
	lab := conform.Open(t)
	lab.IP(t, cable)
	want := read(t, "ingress: {rate: 1mbit}")[0].(*Clsact)
	conform.Must(t, clsacts{}.Create(t.Context(), lab.NS, want))
	for _, use := range []string{"ingress", "egress"} {
		lab.TC(t, "filter add dev eth0 "+use+" pref 5 protocol ip u32 match u32 0 0 action mirred egress redirect dev eth1\n")
		have := clsact(t, lab, want)
		if have == nil || clsactUnfinished(have) {
			t.Fatalf("with a filter of others for %s, linkd takes %+v for its own", use, have)
		}
		conform.Must(t, clsacts{}.Delete(t.Context(), lab.NS, have))
		if clsact(t, lab, want) == nil {
			t.Fatalf("with a filter of others for %s, it is deleted", use)
		}
		lab.TC(t, "filter del dev eth0 "+use+" pref 5\n")
	}
	have := clsact(t, lab, want)
	if have == nil || !clsactUnfinished(have) {
		t.Fatalf("without filters, linkd takes %+v for others'", have)
	}
	conform.Must(t, clsacts{}.Delete(t.Context(), lab.NS, have))
	if clsact(t, lab, want) != nil {
		t.Error("it is left")
	}
}

// clsact returns the qdisc of eth0; nil if there is none.
func clsact(t *testing.T, lab *conform.Lab, want *Clsact) *Clsact {
	t.Helper()
	lab.NS.Forget()
	found, err := clsacts{}.Observe(t.Context(), lab.NS, reconcile.Query[*Clsact]{Wanted: []*Clsact{want}})
	conform.Must(t, err)
	if len(found) == 0 {
		return nil
	}
	return found[0]
}
