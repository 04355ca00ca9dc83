package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"linkd/tests/bench/job"
)

// linkdApply keeps the runtime directory beside the file, so that a second apply in the same directory knows
// what the first one made.
func linkdApply(binary string) func(string, []job.Wire) ([]*exec.Cmd, error) {
	return func(dir string, wires []job.Wire) ([]*exec.Cmd, error) {
		config, runtimeDir, err := writeConfig(dir, wires)
		if err != nil {
			return nil, err
		}
		return []*exec.Cmd{exec.Command(binary, "apply", "--config", config, "--runtime-dir", runtimeDir)}, nil
	}
}

func writeConfig(dir string, wires []job.Wire) (config, runtimeDir string, err error) {
	config, runtimeDir = filepath.Join(dir, "links.yaml"), filepath.Join(dir, "run")
	return config, runtimeDir, os.WriteFile(config, []byte(desired(wires)), 0o644)
}

func desired(wires []job.Wire) string {
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
      - {netns: host, name: %s, master: %s}
      - netns: %s
        name: %s
        addresses: [%s]
        routes: [{to: default, via: %s}]
`, w.Host, w.Host, job.Bridge, w.Namespace, job.Inside, w.Address, job.Gateway.Addr())
	}
	return b.String()
}
