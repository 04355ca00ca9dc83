package port

import (
	"cmp"
	"encoding/json"
)

// The journal's entry for a port is a JSON object with the earlier master, managed options and VLANs.
type (
	// wasIn is the earlier master. Options and VLANs are all options and VLANs that the port had there: a port that returns to
	// its earlier master starts with the defaults.
	wasIn struct {
		Name    string   `json:"name"`
		Options *Options `json:"options,omitempty"`
		VLANs   *VLANs   `json:"vlans,omitempty"`
	}

	// wasOption is the earlier value of an option. In is the bridge in which it had the value; "" means any.
	wasOption struct {
		In  string `json:"in,omitempty"`
		Was int32  `json:"was"`
	}

	// wasVLANs are the earlier VLANs; nil means the bridge's default.
	wasVLANs struct {
		In  string `json:"in,omitempty"`
		Was *VLANs `json:"was"`
	}
)

const (
	masterValue = "master"
	vlansValue  = "vlans"
)

// Before returns what the journal records about the port before linkd changes it. The values of a port that joins a bridge, and of
// a bridge that linkd creates, are the kernel's defaults.
func (kind) Before(want, have *Port) (string, bool) {
	fresh := have == nil
	if fresh {
		have = &Port{Options: unmanaged}
	}
	parts := map[string]any{}
	// The VLANs of a bridge itself do not depend on its master.
	stays := !fresh && (want.Master == nil || *want.Master == have.master() || have.found.bridge)
	if want.Master != nil {
		was := wasIn{Name: have.master()}
		if !stays && have.found.masterKind == bridge {
			was.Options, was.VLANs = &have.Options, have.VLANs
		}
		parts[masterValue] = was
	}
	in := cmp.Or(want.master(), have.master())
	if have.found.bridge {
		in = ""
	}
	for i, value := range want.Options {
		was := wasOption{In: in, Was: have.Options[i]}
		if !stays {
			was.Was = int32(options[i].initial)
		}
		if value != absent && was.Was != absent {
			parts[options[i].name] = was
		}
	}
	if want.VLANs != nil {
		was := wasVLANs{In: in, Was: have.VLANs}
		if !stays {
			was.Was = nil
		}
		if !stays || have.VLANs != nil {
			parts[vlansValue] = was
		}
	}
	text, err := json.Marshal(parts)
	return string(text), err == nil
}

// Prior returns the port to restore. It ignores options and VLANs of another bridge than the one that the port is in.
func (kind) Prior(have *Port, before string) *Port {
	prior := &Port{NS: have.NS, Dev: have.Dev, Options: unmanaged, former: true}
	var parts savedValues
	_ = json.Unmarshal([]byte(before), &parts)
	in := have.master()
	var master wasIn
	if parts.read(masterValue, &master) {
		prior.Master = &master.Name
		if master.Name != in && master.Options != nil {
			prior.Options, prior.VLANs = *master.Options, master.VLANs
		}
		in = master.Name
	}
	for i, o := range options {
		var was wasOption
		if parts.read(o.name, &was) && (was.In == "" || was.In == in) {
			prior.Options[i] = was.Was
		}
	}
	var vlans wasVLANs
	if parts.read(vlansValue, &vlans) && (vlans.In == "" || vlans.In == in) {
		if prior.VLANs = vlans.Was; prior.VLANs == nil {
			initial := inDefault(have.found.pvid)
			prior.VLANs = &initial
		}
	}
	return prior
}

type savedValues map[string]json.RawMessage

func (p savedValues) read(name string, into any) bool {
	text, there := p[name]
	return there && json.Unmarshal(text, into) == nil
}

// Fill returns want with the values of prior for everything that want does not manage.
func (kind) Fill(want, prior *Port) *Port {
	full := *want
	full.Options, full.VLANs = want.Options.fill(prior.Options), cmp.Or(want.VLANs, prior.VLANs)
	if want.Master == nil && prior.Master != nil {
		full.Master, full.former = prior.Master, true
	}
	return &full
}
