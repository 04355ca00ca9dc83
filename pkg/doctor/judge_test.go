package doctor

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/netns"
	"linkd/pkg/spec"
)

// What no machine at hand can be brought to show is judged by what would be seen.
func TestJudgements(t *testing.T) {
	far := &spec.Desired{
		Namespaces: map[string]spec.Namespace{"job": {Name: "job", Selector: spec.Selector{Scheme: "process", Value: "sleep 1"}}},
		Resources:  &spec.Set{},
	}
	none := &spec.Desired{Resources: &spec.Set{}}
	lab := &spec.Desired{Resources: &spec.Set{}}
	lab.Resources.Add(&netns.Name{Host: spec.Host, Name: "lab", Made: true, Source: spec.Source{File: "a.yaml", Line: 2}})
	all := ^uint64(0)
	for name, test := range map[string]struct{ have, want []Finding }{
		"another version": {judgeDaemon(none, versions{"1.0", "1.1"}), []Finding{{
			Level: Warning, Text: "the daemon is linkd 1.0, and this program is linkd 1.1",
			Advice: "restart it (systemctl restart linkd): everything that it configured stays meanwhile",
		}}},
		"the same version": {judgeDaemon(none, versions{"1.1", "1.1"}), nil},
		"an old kernel": {judgeAddressMarks(none, false), []Finding{{
			Level: OK, Text: "this kernel is older than 5.18 and cannot mark addresses: the journal in the runtime directory says which addresses are linkd's",
		}}},
		"a newer kernel": {judgeAddressMarks(none, true), nil},
		"all rights":     {judgeRights(far, effective{all, "the daemon"}), nil},
		"no right to look into processes": {judgeRights(far, effective{all &^ (1 << unix.CAP_SYS_PTRACE), "the daemon"}), []Finding{{
			Level: Warning, Text: "the daemon has no CAP_SYS_PTRACE, so it cannot open the namespaces of other users' processes",
			Advice: "run linkd as root, and allow it CAP_SYS_PTRACE in its unit or container",
		}}},
		"a right that nothing needs": {judgeRights(none, effective{1 << unix.CAP_NET_ADMIN, "the daemon"}), nil},
		"mounts that are shared":     {judgeMounts(lab, mounts{mountView{"mnt:[1]", "shared:7"}, mountView{"mnt:[2]", "shared:7"}, "the daemon"}), nil},
		"mounts that are not": {judgeMounts(lab, mounts{mountView{"mnt:[1]", "shared:8"}, mountView{"mnt:[2]", "shared:7"}, "the daemon"}), []Finding{{
			Level: Error, Text: "the daemon is in a mount namespace of its own, so other programs cannot see /run/netns/lab, which it creates",
			Advice:   "remove ProtectSystem, ProtectHome, PrivateTmp, ReadWritePaths and similar directives from linkd's unit, and restart it",
			Resource: "host/netns/lab", Source: "a.yaml:2",
		}}},
	} {
		if d := cmp.Diff(test.want, test.have); d != "" {
			t.Errorf("%s: -want +have\n%s", name, d)
		}
	}
}
