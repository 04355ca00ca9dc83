package path

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/observe"
)

// passBridges follows the packet through the rules of iptables to which bridges on its way pass what they forward from port to port
// (br_nf_forward in net/bridge/br_netfilter_hooks.c). It does not follow translations of such packets.
func (w *walk) passBridges(to endpoint) {
	for i := 1; i+1 < len(to.by); i++ {
		at := to.by[i]
		if at.link.Kind != "bridge" || to.by[i-1].link.Master != at.link.Index || to.by[i+1].link.Master != at.link.Index {
			continue
		}
		if why := w.callsIPTables(at); why != "" {
			w.passBridge(at, why)
		}
		if w.stopped() {
			return
		}
	}
}

// callsIPTables says which setting has a bridge pass packets to iptables; "" if none does.
func (w *walk) callsIPTables(at station) (setting string) {
	const attr, attr6 = 36, 37 // IFLA_BR_NF_CALL_IPTABLES, IFLA_BR_NF_CALL_IP6TABLES
	name, own := "net.bridge.bridge-nf-call-iptables", at.link.Data[attr]
	if w.family() == unix.AF_INET6 {
		name, own = "net.bridge.bridge-nf-call-ip6tables", at.link.Data[attr6]
	}
	if len(own) == 1 && own[0] != 0 {
		return "nf_call_iptables of " + at.String() + " is 1"
	}
	if value, err := settingOf(at.ns, name); err == nil && value != "0" {
		return fmt.Sprintf("%s is %s", name, value)
	}
	return ""
}

// settingOf reads a setting that no message of the kernel has. The error is fs.ErrNotExist if the kernel does not have it.
func settingOf(ns *observe.NS, name string) (value string, err error) {
	err = ns.Do(func() error {
		text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
		value = strings.TrimSpace(string(text))
		return err
	})
	return value, err
}

func (w *walk) passBridge(at station, why string) {
	known := w.rules(at.ns)
	if known.err != nil {
		w.note(Firewall, Doubtful, "the bridge %s passes the packet to iptables (%s), and linkd cannot read the rules: %v", at, why, known.err)
		return
	}
	w.begin(at.ns)
	t := w.tracks[at.ns.Identity]
	p := w.packetAt(at.ns, at.link.Name, at.link.Name, t)
	for _, d := range known.Follow("FORWARD", p) {
		for _, r := range d.Doubtful {
			w.note(Firewall, Doubtful, "the bridge %s passes the packet to iptables (%s), and linkd cannot tell whether a rule of the table %s is for it: %s", at, why, d.Table, r)
		}
		switch d.Verdict {
		case iptables.Accepted:
			w.note(Firewall, "", "the bridge %s passes it to iptables (%s), and %s %s accepts it: %s", at, why, d.Table, d.Chain, d.Rule)
		case iptables.Dropped:
			if d.Table == "nftables" {
				// The hooks of nftables for IP are called as well (nf_hook_thresh).
				w.stop(Firewall, fmt.Sprintf("the bridge %s passes it to the hooks of IP (%s), and %s", at, why, d.Rule), w.dropAdvice(at.ns, d, at.link.Name, at.link.Name))
				return
			}
			w.stop(Firewall, fmt.Sprintf("the bridge %s passes it to iptables (%s), and there %s %s drops it: %s", at, why, d.Table, d.Chain, d.Rule),
				fmt.Sprintf("declare sysctls: {%s: 0} in %s, or %s", w.bridgeSetting(), at.ns.Name, w.dropAdvice(at.ns, d, at.link.Name, at.link.Name)))
			return
		}
	}
}

func (w *walk) bridgeSetting() string {
	if w.family() == unix.AF_INET6 {
		return "net.bridge.bridge-nf-call-ip6tables"
	}
	return "net.bridge.bridge-nf-call-iptables"
}
