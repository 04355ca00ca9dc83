package route

import (
	"encoding/hex"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// The attributes of an encapsulation are as ip-route(8) sends them, and read back as the same.
func TestEncapAttributes(t *testing.T) {
	for entry, want := range map[string]struct{ text, attrs string }{
		"{mpls: [100, 200]}": {"mpls 100/200", "0c0001000006400000" + "0c8100"},
		"{seg6: {mode: l2encap, segs: ['fd00::2', 'fd00::3']}}": {
			"seg6 mode l2encap segs fd00::2,fd00::3",
			"3000010002000000" + "0004040101000000" + "fd000000000000000000000000000003" + "fd000000000000000000000000000002",
		},
		"{ip: {id: 7, dst: 192.0.2.1, src: 192.0.2.2, ttl: 9, tos: 4}}": {
			"ip id 7 dst 192.0.2.1 src 192.0.2.2 ttl 9 tos 4",
			"0c000100" + "0000000000000007" + "08000200c0000201" + "08000300c0000202" + "0500040009000000" + "0500050004000000",
		},
	} {
		r := read(t, "{to: 10.9.0.0/16, dev: eth0, encap: "+entry+"}")
		attrs := r.Encap.attrs()
		kind, nest := attrs[0].Serialize(), attrs[1].Serialize()
		const head = 4
		if got := hex.EncodeToString(nest[head:]); got != want.attrs {
			t.Errorf("%s: sends %s, want %s", entry, got, want.attrs)
		}
		all, err := observe.Attrs(append(kind, nest...))
		if err != nil || all[unix.RTA_ENCAP] == nil {
			t.Fatalf("%s: %v", entry, err)
		}
		if got := encapIn(all).String(); got != want.text || got != r.Encap.String() {
			t.Errorf("%s: reads as %q, want %q", entry, got, want.text)
		}
	}
}
