package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// DefaultConfig is where linkd looks for the Config.
const DefaultConfig = "/etc/linkd/fleet.yaml"

// Config is the content of fleet.yaml: how to reach etcd, and which node this machine is.
type Config struct {
	Endpoints []endpoint `yaml:"endpoints" required:"true"`
	Prefix    keyPrefix  `yaml:"prefix"`
	// Identity is the node that this machine is; nil on an administrator's machine.
	Identity *Identity `yaml:"node"`
	TLS      *TLS      `yaml:"tls"`
}

// Identity is the name of a node, and the labels by which files choose nodes.
type Identity struct {
	Name   nodeName          `yaml:"name" required:"true"`
	Labels map[string]string `yaml:"labels"`
	Source spec.Source
}

// TLS are the paths of PEM files: the authority that signs etcd's certificates, and this machine's certificate and its key.
type TLS struct {
	CA     filePath `yaml:"ca" required:"true"`
	Cert   filePath `yaml:"cert" required:"true"`
	Key    filePath `yaml:"key" required:"true"`
	Source spec.Source
}

// ErrNoFleet says that a machine is in no fleet.
var ErrNoFleet = errors.New("this machine is in no fleet")

// ReadConfig reads a Config that only root can have written. The error is ErrNoFleet if there is no such file.
func ReadConfig(path string) (*Config, error) { return readConfig(path, spec.ReadTrusted) }

// LookAtConfig does the same for a command that changes nothing on this machine: it takes a file of any user.
func LookAtConfig(path string) (*Config, error) { return readConfig(path, spec.ReadFiles) }

func readConfig(path string, read func([]string) ([]spec.File, error)) (*Config, error) {
	files, err := read([]string{path})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s does not exist", ErrNoFleet, path)
	case err != nil:
		return nil, err
	case len(files) != 1:
		return nil, fmt.Errorf("%s is a directory, and not a file", path)
	}
	c := &Config{Prefix: "/linkd"}
	if errs := spec.DecodeFile(files[0], c); len(errs) > 0 {
		return nil, errors.New(errs.WithExcerpts())
	}
	return c, c.check(path)
}

// check checks the keys against each other.
func (c *Config) check(path string) error {
	secure := slices.ContainsFunc(c.Endpoints, endpoint.secure)
	plain := slices.ContainsFunc(c.Endpoints, func(e endpoint) bool { return !e.secure() })
	switch {
	case len(c.Endpoints) == 0:
		return fmt.Errorf("%s: endpoints names no member of etcd", path)
	case secure && plain:
		return fmt.Errorf("%s: endpoints has both https and http: use https for all", path)
	case secure && c.TLS == nil:
		return fmt.Errorf(`%s: "tls" is missing: https needs {ca: FILE, cert: FILE, key: FILE}`, path)
	case plain && c.TLS != nil:
		return fmt.Errorf("%s: tls has no effect with http: write https in endpoints", c.TLS.Source)
	}
	return nil
}

// Node returns the node that this machine is, for the compiler of the files; nil if it is none.
func (c *Config) Node() *spec.Node {
	if c.Identity == nil {
		return nil
	}
	return &spec.Node{Name: string(c.Identity.Name), Labels: c.Identity.Labels}
}

// urls returns the endpoints for etcd's client.
func (c *Config) urls() []string {
	urls := make([]string, len(c.Endpoints))
	for i, e := range c.Endpoints {
		urls[i] = string(e)
	}
	return urls
}

// endpoint is the URL of a member of etcd.
type endpoint string

func (e endpoint) secure() bool { return strings.HasPrefix(string(e), "https:") }

// DecodeWord parses https://HOST:PORT. Without TLS anybody on the way could tell the machine what to do as root, so http is for
// this machine's own etcd only.
func (e *endpoint) DecodeWord(word string) error {
	u, err := url.Parse(word)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Port() == "" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not the URL of a member of etcd, such as https://etcd1:2379", word)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s would cross the network without TLS: write https, and the key tls", word)
	}
	*e = endpoint(word)
	return nil
}

// keyPrefix is the beginning of all keys in etcd.
type keyPrefix string

func (p *keyPrefix) DecodeWord(word string) error {
	if !strings.HasPrefix(word, "/") || word == "/" || path.Clean(word) != word || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || len(word) > 128 {
		return fmt.Errorf("%q cannot begin the keys: write a path such as /linkd", word)
	}
	*p = keyPrefix(word)
	return nil
}

// nodeName is the name of a node.
type nodeName string

func (n *nodeName) DecodeWord(word string) error {
	*n = nodeName(word)
	return spec.CheckNodeName(word)
}

// DecodeNode decodes the mapping, and checks the labels.
func (id *Identity) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if !c.DecodeMapping(n, id) {
		return nil
	}
	labels := spec.ValueOf(n, "labels")
	for key, value := range id.Labels {
		if err := spec.CheckLabel(key, value); err != nil {
			c.Errorf(spec.ValueOf(labels, key), "%v", err)
		}
	}
	return nil
}

// filePath is the absolute path of a file.
type filePath string

func (p *filePath) DecodeWord(word string) error {
	if !path.IsAbs(word) {
		return fmt.Errorf("expected the absolute path of a file, found %q", word)
	}
	*p = filePath(word)
	return nil
}
