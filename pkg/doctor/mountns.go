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

var mountNamespace = newCheck("mount-namespace", "namespaces that linkd makes are to be seen by all",
	"A namespace that linkd makes (`create: true`) is a mount in `/run/netns`. From a mount namespace of linkd's own, which\n`ProtectSystem`, `PrivateTmp` and their like in a unit give it, that does not get out: others find an empty file there, and\n`ip netns exec` fails. With `--mount-namespace`, as linkd's own unit has it, the daemon makes the mount in another one.",
	func(ctx context.Context, m *Machine) (mounts, error) {
		if len(made(m.Desired)) == 0 {
			return mounts{}, needless("the files make no namespace")
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

// mounts are where linkd and the machine's first process see NetnsDir.
type mounts struct {
	linkds, everybodys mountView
	who                string
}

// mountView is a mount namespace, and the peer group of the mount that NetnsDir is on there, or "": what is mounted below
// one is mounted below all peers (mount_namespaces(7)).
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
		// proc_pid_mountinfo(5): the fifth field is where, and from the seventh on are tags until a dash.
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
