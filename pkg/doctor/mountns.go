package doctor

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"linkd/pkg/kind/netns"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var mountNamespace = newCheck("mount-namespace", "other programs see the namespaces that linkd creates",
	"A namespace that linkd creates (`create: true`) is a mount in `/run/netns`. If `ProtectSystem`, `PrivateTmp` or a similar\ndirective gives linkd a mount namespace of its own, the mount exists only there: other programs see an empty file, and\n`ip netns exec` fails. With `--mount-namespace`, as in linkd's unit, the daemon creates the mount in another mount namespace.",
	func(ctx context.Context, m *Machine) (mounts, error) {
		if len(made(m.Desired)) == 0 {
			return mounts{}, needless("the files create no namespace")
		}
		pid, who := m.linkd(ctx)
		own, err := mountNamespaceOf(pid)
		if err != nil {
			return mounts{}, err
		}
		if id, err := m.running(ctx); err == nil && id.MountNamespace != "" {
			own = mountView{namespace: id.MountNamespace}
		}
		everybodys, err := mountNamespaceOf(1)
		return mounts{own, everybodys, who}, err
	}, judgeMounts)

// mounts has the views of NetnsDir of linkd and of the machine's first process.
type mounts struct {
	linkds, everybodys mountView
	who                string
}

// mountView is a mount namespace, and the peer group of the mount that contains NetnsDir there, or "". The kernel propagates a
// mount below one member of the group to all others (mount_namespaces(7)).
type mountView struct{ namespace, group string }

func mountNamespaceOf(pid int) (v mountView, err error) {
	if v.namespace, err = os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid)); err != nil {
		return v, err
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		return v, err
	}
	defer file.Close()
	longest := ""
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// Fields in proc_pid_mountinfo(5): the fifth is the mount point, and those from the seventh on are tags, up to a hyphen.
		fields := strings.Fields(lines.Text())
		if len(fields) < 7 || len(fields[4]) < len(longest) || !strings.HasPrefix(observe.NetnsDir+"/", strings.TrimSuffix(fields[4], "/")+"/") {
			continue
		}
		longest, v.group = fields[4], ""
		for _, tag := range fields[6:] {
			if tag == "-" {
				break
			}
			if strings.HasPrefix(tag, "shared:") {
				v.group = tag
			}
		}
	}
	return v, lines.Err()
}

func judgeMounts(files *spec.Desired, saw mounts) (findings []Finding) {
	if saw.linkds.namespace == saw.everybodys.namespace || saw.linkds.group != "" && saw.linkds.group == saw.everybodys.group {
		return nil
	}
	for _, name := range made(files) {
		findings = append(findings, Finding{
			Level:  Error,
			Text:   fmt.Sprintf("%s is in a mount namespace of its own, so other programs cannot see %s/%s, which it creates", saw.who, observe.NetnsDir, name.Name),
			Advice: "remove ProtectSystem, ProtectHome, PrivateTmp, ReadWritePaths and similar directives from linkd's unit, and restart it",
		}.of(name))
	}
	return findings
}

// made returns the names of the namespaces that linkd creates.
func made(files *spec.Desired) (names []*netns.Name) {
	for _, r := range files.Resources.All() {
		if name, is := r.(*netns.Name); is && name.Made {
			names = append(names, name)
		}
	}
	return names
}
