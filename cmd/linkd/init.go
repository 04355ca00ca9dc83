package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"linkd/pkg/bounded"
	"linkd/pkg/durable"
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// firstFile is the name of the file that linkd init writes.
const firstFile = "first.yaml"

func newInit(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write a first file, with examples for this machine",
		Long: "Write the file " + firstFile + " in the configuration directory, which linkd makes if it is missing. The file has examples for " +
			"what linkd finds: the uplink, bridges and Docker. All of them are comments, so the file changes nothing until you remove " +
			"a #. linkd never overwrites a file. The exit status is 0 if the file is written, 1 if it is there already or cannot be " +
			"written.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			path := o.config[0]
			if !spec.IsConfigName(filepath.Base(path)) || isDirectory(path) {
				path = filepath.Join(path, firstFile)
			}
			if err := writeFirst(path); err != nil {
				return exit(exitFailed, err)
			}
			fmt.Fprintf(stdout, "wrote %s: edit it, and run `linkd validate` and `linkd diff`\n", plain.Text(path))
			return nil
		},
	}
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func writeFirst(path string) error {
	text, err := firstText(surroundings())
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// The name appears with the whole content, and only if nothing has it: link(2) replaces nothing.
	temporary := filepath.Join(dir, ".linkd-init")
	defer os.Remove(temporary)
	if err := durable.Create(temporary, text, 0o644); err != nil {
		return err
	}
	err = os.Link(temporary, path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: linkd init overwrites nothing", path)
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

// found is what linkd init finds on a machine. Names are written as YAML.
type found struct {
	// Uplink is the interface of the IPv4 default route, "" if there is none, or several.
	Uplink  string
	Bridges []foundBridge
	// Docker is the bridge docker0 with an address, or nil.
	Docker *foundBridge
}

type foundBridge struct {
	Name string
	// Number counts the bridges from 1.
	Number int
	// Address is the first IPv4 address with its length, "" if there is none. Next is another address of that subnet.
	Address, Gateway, Next string
}

func surroundings() (f found) {
	f.Uplink = yamlName(uplink())
	interfaces, err := net.Interfaces()
	if err != nil {
		return f
	}
	for _, i := range interfaces {
		if _, err := os.Stat(filepath.Join("/sys/class/net", i.Name, "bridge")); err != nil {
			continue
		}
		b := foundBridge{Name: yamlName(i.Name)}
		b.Address, b.Gateway, b.Next = addressesOf(i)
		if i.Name == "docker0" && b.Next != "" {
			f.Docker = &b
			continue
		}
		if b.Name != "" {
			b.Number = len(f.Bridges) + 1
			f.Bridges = append(f.Bridges, b)
		}
	}
	return f
}

// addressesOf returns the first IPv4 address of an interface, with and without its length, and another one of the subnet.
func addressesOf(i net.Interface) (address, gateway, next string) {
	addresses, err := i.Addrs()
	if err != nil {
		return "", "", ""
	}
	for _, a := range addresses {
		subnet, is := a.(*net.IPNet)
		if !is || subnet.IP.To4() == nil {
			continue
		}
		length, bits := subnet.Mask.Size()
		if length > bits-3 {
			continue
		}
		// Not the first ones, which others are likely to have.
		other := slices.Clone(subnet.IP.Mask(subnet.Mask).To4())
		for other[3] += 5; other.Equal(subnet.IP); other[3]++ {
		}
		return subnet.String(), subnet.IP.String(), fmt.Sprintf("%s/%d", other, length)
	}
	return "", "", ""
}

// maxRoutes is how much of the list of routes is read, in bytes.
const maxRoutes = 1 << 20

// uplink returns the interface of the IPv4 default route.
func uplink() string {
	text, err := bounded.ReadFile("/proc/thread-self/net/route", maxRoutes)
	if err != nil {
		return ""
	}
	var devices []string
	for line := range strings.Lines(string(text)) {
		// Iface Destination Gateway Flags RefCnt Use Metric Mask ... (fib_route_seq_show in net/ipv4/fib_trie.c)
		fields := strings.Fields(line)
		if len(fields) > 7 && fields[1] == "00000000" && fields[7] == "00000000" {
			devices = append(devices, fields[0])
		}
	}
	if len(slices.Compact(devices)) != 1 {
		return ""
	}
	return devices[0]
}

// yamlName returns a name of an interface as a YAML value. Other users can choose names with any character in them.
func yamlName(name string) string {
	if name == "" || spec.CheckIfName(name) != nil || strings.ContainsAny(name, ":#{}[]&*!|>'\"%@`,? ") || plain.Text(name) != name {
		return ""
	}
	return name
}

// firstText returns the first file. A line of YAML has no blank after its #, but for the indentation.
func firstText(f found) ([]byte, error) {
	var out bytes.Buffer
	err := firstTemplate.Execute(&out, f)
	return out.Bytes(), err
}

var firstTemplate = template.Must(template.New("").Parse(`# Configuration of linkd. Everything below is a comment, so this file changes nothing yet.
#
# Remove the # in front of the lines that you need, and adapt them. Then run:
# - linkd validate, to find mistakes in the file
# - linkd diff, to see what would change
# - linkd reload, to apply the file
# On a remote machine, change a copy of the file and run "linkd try COPY". Without a confirmation, linkd reverts the change.
# All keys are in linkd.yaml(5).
version: 1

#namespaces:

# The host, whose interfaces and rules are not in a namespace of their own.
#  host:
#    sysctls: {net.ipv4.ip_forward: 1}
{{- if .Uplink}}
# {{.Uplink}} leads to the other networks: what comes from the namespace below gets the host's address there.
#    iptables:
#      masquerade: [{source: 10.108.0.0/24, out: {{.Uplink}}}]
{{- end}}

# A namespace that linkd makes. "ip netns exec lab ..." runs a program in it.
#  lab:
#    create: true
{{- if .Docker}}

# A container, started with: docker run --detach --name web --network none IMAGE
#  web:
#    from: docker:web
{{- end}}

#links:

# A cable between the host and the namespace.
#  lab:
#    kind: veth
#    ends:
#      - {netns: host, name: veth-lab, addresses: [10.108.0.1/24]}
#      - {netns: lab, name: eth0, addresses: [10.108.0.2/24], routes: [{to: default, via: 10.108.0.1}]}
{{- with .Docker}}

# A cable between Docker's bridge {{.Name}} ({{.Address}}) and the container. Choose an address that no other container has.
#  web:
#    kind: veth
#    ends:
#      - {netns: host, name: veth-web, master: {{.Name}}}
#      - {netns: web, name: eth0, addresses: [{{.Next}}], routes: [{to: default, via: {{.Gateway}}}]}
{{- end}}
{{- range .Bridges}}

# A cable from the namespace to the bridge {{.Name}}{{if .Address}} ({{.Address}}){{end}}.
#  lab{{.Number}}:
#    kind: veth
#    ends:
#      - {netns: host, name: veth-lab{{.Number}}, master: {{.Name}}}
#      - {netns: lab, name: eth{{.Number}}{{if .Next}}, addresses: [{{.Next}}]{{end}}}
{{- end}}
`))
