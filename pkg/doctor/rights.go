package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

var rights = newCheck("rights", "linkd has the capabilities that it needs",
	"linkd configures networks with `CAP_NET_ADMIN`, and enters other namespaces with `CAP_SYS_ADMIN`. It receives events from\nthese with `CAP_NET_BROADCAST`, and opens namespaces of other users' processes with `CAP_SYS_PTRACE`. doctor checks the\ncapabilities of the daemon, if one runs.",
	func(ctx context.Context, m *Machine) (effective, error) {
		pid, who := m.linkd(ctx)
		set, err := capabilities(pid)
		return effective{set, who}, err
	}, judgeRights)

// effective has the capabilities of a process (capabilities(7)), one bit each.
type effective struct {
	set uint64
	who string
}

func capabilities(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, "CapEff:"); is {
			return strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no capabilities", pid)
}

func judgeRights(files *spec.Desired, saw effective) (findings []Finding) {
	lacks := func(level Level, bit int, name, what string) {
		if saw.set&(1<<bit) == 0 {
			findings = append(findings, Finding{
				Level: level, Text: fmt.Sprintf("%s has no %s, so it cannot %s", saw.who, name, what),
				Advice: "run linkd as root, and allow it " + name + " in its unit or container",
			})
		}
	}
	lacks(Error, unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", "change the network")
	far, strangers := false, false
	for _, ns := range files.Namespaces {
		far = far || ns.Selector.Scheme != spec.Host
		strangers = strangers || ns.Selector.ByPID() || slices.Contains([]string{"unit", "containerd", "machine"}, ns.Selector.Scheme)
	}
	if far {
		lacks(Error, unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "enter other namespaces")
		lacks(Warning, unix.CAP_NET_BROADCAST, "CAP_NET_BROADCAST", "hear what happens in other namespaces")
	}
	if strangers {
		lacks(Warning, unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "open the namespaces of other users' processes")
	}
	return findings
}
