package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"linkd/tests/bench/job"
)

// ipBatch is what a script does that knows iproute2 well: as few processes as it takes, and the order that
// suits the kernel.
func ipBatch(dir string, wires []job.Wire) ([]*exec.Cmd, error) {
	var add, up, join strings.Builder
	for _, w := range wires {
		fmt.Fprintf(&add, "link add %s type veth peer name %s netns %s\n", w.Host, job.Inside, w.Namespace)
		fmt.Fprintf(&up, "link set %s up\n", w.Host)
		fmt.Fprintf(&join, "link set %s master %s\n", w.Host, w.Bridge.Name)
	}
	host := filepath.Join(dir, "host")
	if err := os.WriteFile(host, []byte(add.String()+up.String()+join.String()), 0o644); err != nil {
		return nil, err
	}
	commands := []*exec.Cmd{exec.Command("ip", "-batch", host)}
	for _, w := range wires {
		inside := filepath.Join(dir, w.Namespace)
		lines := fmt.Sprintf("link set %s up\naddr add %s dev %s\nroute add default via %s\n",
			job.Inside, w.Address, job.Inside, w.Bridge.Gateway.Addr())
		if err := os.WriteFile(inside, []byte(lines), 0o644); err != nil {
			return nil, err
		}
		commands = append(commands, exec.Command("ip", "-n", w.Namespace, "-batch", inside))
	}
	return commands, nil
}

// shell is the script that people write.
func shell(dir string, wires []job.Wire) ([]*exec.Cmd, error) {
	var b strings.Builder
	for i, w := range wires {
		peer := fmt.Sprintf("p%04d", i+1)
		fmt.Fprintf(&b, "ip link add %s type veth peer name %s\n", w.Host, peer)
		fmt.Fprintf(&b, "ip link set %s netns %s\n", peer, w.Namespace)
		fmt.Fprintf(&b, "ip -n %s link set %s name %s up\n", w.Namespace, peer, job.Inside)
		fmt.Fprintf(&b, "ip -n %s addr add %s dev %s\n", w.Namespace, w.Address, job.Inside)
		fmt.Fprintf(&b, "ip link set %s master %s up\n", w.Host, w.Bridge.Name)
		fmt.Fprintf(&b, "ip -n %s route add default via %s\n", w.Namespace, w.Bridge.Gateway.Addr())
	}
	script := filepath.Join(dir, "wire.sh")
	if err := os.WriteFile(script, []byte(b.String()), 0o644); err != nil {
		return nil, err
	}
	return []*exec.Cmd{exec.Command("sh", "-e", script)}, nil
}
