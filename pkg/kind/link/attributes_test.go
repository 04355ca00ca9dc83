package link

import (
	"cmp"
	"slices"
	"testing"

	"linkd/pkg/spec"
)

// The page about ownership lists the options that linkd cannot restore.
func TestEachOptionHasADefaultToRestore(t *testing.T) {
	// A file cannot leave them out, or the page names them.
	except := []string{"vlan id", "vrf table", "geneve id", "xfrm if_id", "ipvlan mode", "ipvlan flag", "vxlan dstport", "bond primary",
		"bond arp_ip_target", "tun owner", "tun group", "tap owner", "tap group"}
	for _, of := range Types {
		for _, o := range of.optionsOf() {
			key := of.Name + " " + o.name
			if o.name == "" || slices.Contains(except, key) {
				continue
			}
			set := of.New()
			if word := cmp.Or(o.unset, o.usual); !spec.SetField(set, o.name, scalar(word)) {
				t.Errorf("%s: a file cannot say %q", key, word)
			}
			for _, now := range set.options() {
				if usual := now.format(now.want); now.name == o.name && usual != o.usual && (usual != o.unset || o.usual != "") && usual != "" {
					t.Errorf("%s: restored to %q, and the default is %q", key, usual, cmp.Or(o.usual, o.unset))
				}
			}
		}
	}
}
