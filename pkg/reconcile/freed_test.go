package reconcile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An IP address that moves is gone from where it was before linkd creates it where it will be.
func TestAnAddressMovesAfterItIsFree(t *testing.T) {
	for name, test := range map[string]struct{ want, have, plan string }{
		"the address alone": {
			"host/box/a\nlab/box/b\nlab/box/1 needs=lab/box/b sole=fd00::1",
			"host/box/a mark\nlab/box/b mark\nhost/box/9 needs=host/box/a sole=fd00::1 mark",
			"- host/box/9\n+ lab/box/1\n",
		},
		"another address": {
			"host/box/a\nlab/box/b\nlab/box/1 needs=lab/box/b sole=fd00::1",
			"host/box/a mark\nlab/box/b mark\nhost/box/9 needs=host/box/a sole=fd00::2 mark",
			"+ lab/box/1\n- host/box/9\n",
		},
		"together with its interface": {
			"lab/box/b\nlab/box/1 needs=lab/box/b sole=fd00::1",
			"host/box/a mark\nlab/box/b mark\nhost/box/9 needs=host/box/a sole=fd00::1 mark",
			"- host/box/9\n- host/box/a\n+ lab/box/1\n",
		},
		"together with what it needs": {
			"lab/box/b\nlab/box/1 needs=lab/box/b sole=fd00::1",
			"host/note/a mark\nlab/box/b mark\nhost/box/9 needs=host/note/a sole=fd00::1",
			"- host/note/a\n+ lab/box/1\n",
		},
		"two that change places": {
			"host/box/a\nlab/box/b\nhost/box/1 needs=host/box/a sole=fd00::1\nlab/box/2 needs=lab/box/b sole=fd00::2",
			"host/box/a mark\nlab/box/b mark\nlab/box/1 needs=lab/box/b sole=fd00::1 mark\nhost/box/2 needs=host/box/a sole=fd00::2 mark",
			"- host/box/2\n+ lab/box/2\n- lab/box/1\n+ host/box/1\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan, _ := situation{want: test.want, have: test.have}.comparison().run()
			if d := cmp.Diff(test.plan, plan.String()); d != "" {
				t.Error(d)
			}
			for i, op := range plan {
				if ip := op.takes(); ip.IsValid() && strings.HasPrefix(test.plan, "-") && i > 0 && len(op.after) == 0 {
					t.Errorf("%s does not wait for what frees %s", op, ip)
				}
			}
		})
	}
}
