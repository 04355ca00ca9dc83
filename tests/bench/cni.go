package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"

	"linkd/tests/bench/job"
)

const (
	cniDir    = "/usr/lib/cni"
	cniBridge = cniDir + "/bridge"
)

// cni calls the plugin as a container runtime does: once per container, the network on stdin. The addresses
// are given (ipam static), so that no allocation is timed.
func cni(_ string, wires []job.Wire) ([]*exec.Cmd, error) {
	type object = map[string]any
	var commands []*exec.Cmd
	for _, w := range wires {
		network, err := json.Marshal(object{
			"cniVersion": "1.0.0",
			"name":       "bench",
			"type":       "bridge",
			"bridge":     w.Bridge.Name,
			"isGateway":  false,
			"ipam": object{
				"type":      "static",
				"addresses": []object{{"address": w.Address.String(), "gateway": w.Bridge.Gateway.Addr().String()}},
				"routes":    []object{{"dst": "0.0.0.0/0"}},
			},
		})
		if err != nil {
			return nil, err
		}
		c := exec.Command(cniBridge)
		c.Stdin = strings.NewReader(string(network))
		c.Env = []string{
			"CNI_COMMAND=ADD",
			"CNI_CONTAINERID=" + w.Namespace,
			"CNI_NETNS=" + filepath.Join(job.NetNS, w.Namespace),
			"CNI_IFNAME=" + job.Inside,
			"CNI_PATH=" + cniDir,
		}
		commands = append(commands, c)
	}
	return commands, nil
}
