package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"linkd/tests/bench/job"
)

// linkdApply keeps the runtime directory next to the file, so that a second apply in the same directory has the journal of
// the first one. Each end has the extra keys, such as ", queues: {tx: 1, rx: 1}".
func linkdApply(binary, extra string) func(string, []job.Wire) ([]*exec.Cmd, error) {
	return func(dir string, wires []job.Wire) ([]*exec.Cmd, error) {
		config, runtimeDir, err := writeConfig(dir, wires, extra)
		if err != nil {
			return nil, err
		}
		return []*exec.Cmd{exec.Command(binary, "apply", "--config", config, "--runtime-dir", runtimeDir)}, nil
	}
}

func writeConfig(dir string, wires []job.Wire, extra string) (config, runtimeDir string, err error) {
	config, runtimeDir = filepath.Join(dir, "links.yaml"), filepath.Join(dir, "run")
	return config, runtimeDir, os.WriteFile(config, []byte(desired(wires, extra)), 0o644)
}

func desired(wires []job.Wire, extra string) string {
	var b strings.Builder
	b.WriteString("namespaces:\n")
	for _, w := range wires {
		fmt.Fprintf(&b, "  %s: {}\n", w.Namespace)
	}
	b.WriteString("links:\n")
	for _, w := range wires {
		fmt.Fprintf(&b, `  %s:
    kind: veth
    ends:
      - {netns: host, name: %s, master: %s%s}
      - {netns: %s, name: %s, addresses: [%s], routes: [{to: default, via: %s}]%s}
`, w.Host, w.Host, w.Bridge.Name, extra, w.Namespace, job.Inside, w.Address, w.Bridge.Gateway.Addr(), extra)
	}
	return b.String()
}
