package port

import (
	"encoding/json"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show writes the ports as YAML.
func (kind) Show(doc *spec.Document, found []*Port, kept reconcile.JournalLookup) {
	for _, p := range found {
		var managed savedValues
		wrote, _ := kept(p.ID())
		_ = json.Unmarshal([]byte(wrote), &managed)
		if p.master() != "" {
			if spec.CheckIfName(p.master()) != nil {
				doc.Remark(p.NS, p.Dev, "not shown: its master %q, whose name cannot be written", p.master())
				continue
			}
			doc.End(p.NS, p.Dev).Set(masterKey, spec.IfName(p.master()))
		}
		if f := p.fields(managed); f != (fields{}) {
			doc.End(p.NS, p.Dev).Set(portKey, f)
		}
	}
}

// fields returns the options and VLANs that differ from the bridge's defaults or that linkd has set.
func (p *Port) fields(managed savedValues) (f fields) {
	said := func(i int) bool {
		value, o := p.Options[i], options[i]
		return value != absent && (managed[o.name] != nil || !o.isUsual(value))
	}
	numbers := f.numbers()
	for i := range numbers {
		if number := int(p.Options[i]); said(i) {
			*numbers[i] = &number
		}
	}
	for i, flag := range f.flags() {
		if on := p.Options[len(numbers)+i] != 0; said(len(numbers) + i) {
			*flag = &on
		}
	}
	if p.VLANs != nil && (managed[vlansValue] != nil || !slices.Equal(*p.VLANs, inDefault(p.found.pvid))) {
		vlans := make(list, len(*p.VLANs))
		for i, v := range *p.VLANs {
			vlans[i].VID, vlans[i].PVID, vlans[i].Untagged = vids{first: v.First, last: v.Last}, v.PVID, v.Untagged
		}
		f.VLANs = &vlans
	}
	return f
}

// usualCosts are the default path costs, which depend on the speed of the interface (port_cost in net/bridge/br_if.c).
var usualCosts = []int32{1, 2, 4, 19, 100}

func (o option) isUsual(value int32) bool {
	if o.initial == absent {
		return slices.Contains(usualCosts, value)
	}
	return value == int32(o.initial)
}

func (v vids) EncodeNode() *yaml.Node {
	if v.first == v.last {
		return spec.Number(uint64(v.first))
	}
	return spec.Word(fmt.Sprintf("%d-%d", v.first, v.last))
}
