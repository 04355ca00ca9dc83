package wireguard

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

// language is that of links which are all of the type wireguard.
var language = spec.Language{Link: spec.Link{Decode: func(c *spec.Context, _ string, n *yaml.Node) {
	var own struct {
		Netns string      `yaml:"netns" required:"true"`
		Name  spec.IfName `yaml:"name" required:"true"`
		Adopt bool        `yaml:"adopt"`
	}
	var o Options
	if _, ok := c.Fields(n, nil, &own, &o); ok {
		on := c.On(own.Netns, string(own.Name))
		on.Adopt = own.Adopt
		o.Add(on, n, own.Netns)
	}
}}}

// read returns the resources of a kind that an entry declares.
func read(t *testing.T, kind, entry string) (some []spec.Resource) {
	t.Helper()
	for _, r := range conform.Read(t, language, "namespaces: {lab: {}}\nlinks:\n  tunnel: {netns: lab, name: wg0, "+entry+"}") {
		if r.ID().Kind == kind {
			some = append(some, r)
		}
	}
	return some
}

// key returns a private key that is the same for the same number, and its public key.
func key(n byte) (private string, public string) {
	secret := [keySize]byte{0: n << 3, keySize - 1: 0x40}
	known, err := publicOf(secret)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(secret[:]), known.String()
}

// keyFile writes a private key into a file.
func keyFile(t *testing.T, n byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprint("key", n))
	private, _ := key(n)
	conform.Must(t, os.WriteFile(path, []byte(private+"\n"), 0o600))
	return path
}

func TestConform(t *testing.T) {
	conform.NeedsLink(t, deviceKind)
	_, public7 := key(7)
	_, public8 := key(8)
	device := func(entry string) spec.Resource { return read(t, deviceKind, entry)[0] }
	peers := func(entry string) []spec.Resource { return read(t, peerKind, "peers: ["+entry+"]") }
	const setup = "link add wg0 type wireguard\nlink add wg1 type wireguard\nlink set wg0 up\n"
	t.Run("devices", func(t *testing.T) {
		conform.Conform(t, Kind, conform.Example{
			Setup: setup,
			Want:  []spec.Resource{device("listen_port: 51820, fwmark: 51820")},
			Changes: []conform.Change{
				conform.To(device("listen_port: 51820, fwmark: 7"), "fwmark: 0xca6c -> 0x7"),
				conform.To(device("listen_port: 51821"), "listen_port: 51820 -> 51821"),
			},
		})
	})
	t.Run("peers", func(t *testing.T) {
		conform.Conform(t, PeerKind, conform.Example{
			Setup: setup,
			Want: append(peers("{public_key: "+public7+", endpoint: '192.0.2.1:51820', allowed_ips: [10.0.0.0/24, 'fd00::/64'], keepalive: 25}"),
				peers("{public_key: "+public8+"}")...),
			Changes: []conform.Change{
				conform.To(peers("{public_key: " + public7 + ", endpoint: '[2001:db8::1]:1', allowed_ips: ['fd00::/64', 10.0.1.0/24]}")[0],
					"allowed_ips: 10.0.0.0/24,fd00::/64 -> 10.0.1.0/24,fd00::/64", "keepalive: 25 -> off"),
				conform.To(peers("{public_key: " + public7 + "}")[0], "allowed_ips: 10.0.1.0/24,fd00::/64 -> (none)"),
			},
		})
	})
}

// The keys in the kernel are compared with those in the files, which may change at any time. A file that cannot be read
// leaves the kernel's key as it is.
func TestKeys(t *testing.T) {
	conform.NeedsLink(t, deviceKind)
	lab := conform.Open(t)
	lab.IP(t, "link add wg0 type wireguard\n")
	file, preshared := keyFile(t, 1), keyFile(t, 2)
	_, public := key(7)
	want := map[string]spec.Resource{
		deviceKind: read(t, deviceKind, "private_key_file: "+file)[0],
		peerKind:   read(t, peerKind, "peers: [{public_key: "+public+", preshared_key_file: "+preshared+"}]")[0],
	}
	kinds := []reconcile.Registered{Kind, PeerKind}
	look := func(k reconcile.Registered) spec.Resource {
		t.Helper()
		lab.NS.Forget()
		found, err := k.Observe(t.Context(), lab.NS, reconcile.Query[spec.Resource]{Wanted: []spec.Resource{want[k.Name]}})
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %d found: %v", k.Name, len(found), err)
		}
		return found[0]
	}
	for _, k := range kinds {
		conform.Must(t, k.Create(t.Context(), lab.NS, want[k.Name]))
	}
	for i, step := range []struct{ text, says, health string }{
		{"", "", ""},
		{"nonsense", "", "FILE: this is no key of WireGuard: 32 bytes in base64, as wg(8) prints them"},
		{"key 3", "CHANGED", ""},
		{"key 3", "", ""},
	} {
		for _, k := range kinds {
			path := map[string]string{deviceKind: file, peerKind: preshared}[k.Name]
			switch secret, _ := key(3); step.text {
			case "":
			case "key 3":
				conform.Must(t, os.WriteFile(path, []byte(secret), 0o600))
			default:
				conform.Must(t, os.WriteFile(path, []byte(step.text), 0o600))
			}
			have := look(k)
			fields := k.Diff(want[k.Name], have)
			if (step.says != "") != (len(fields) == 1) {
				t.Errorf("step %d: %s differs: %v", i, k.Name, fields)
			}
			if len(fields) > 0 {
				conform.Must(t, k.Update(t.Context(), lab.NS, want[k.Name], have))
			}
		}
		device, one := look(Kind).(*Device), look(PeerKind).(*Peer)
		for path, reason := range map[string]string{
			file: keyCondition("private_key_file", device.fileErr).Reason, preshared: keyCondition("preshared_key_file", one.fileErr).Reason,
		} {
			_, text, _ := strings.Cut(reason, "_file: ")
			if text = strings.ReplaceAll(text, path, "FILE"); text != step.health {
				t.Errorf("step %d: health %q", i, reason)
			}
		}
	}
}

// The kernel moves the endpoint of a peer that roams. That is no difference unless the files have another one than before.
func TestAPeerThatRoams(t *testing.T) {
	_, public := key(7)
	want := read(t, peerKind, "peers: [{public_key: "+public+", endpoint: '192.0.2.1:51820'}]")[0].(*Peer)
	have := read(t, peerKind, "peers: [{public_key: "+public+", endpoint: '192.0.2.9:7'}]")[0].(*Peer)
	have.isInFile = true
	if fields := (peers{}).Diff(want, have); fields != nil {
		t.Errorf("differs: %v", fields)
	}
	value, strict := (peers{}).Roams(want)
	if d := conform.Differences([]string{"192.0.2.1:51820", "[endpoint: 192.0.2.9:7 -> 192.0.2.1:51820]"}, []string{value, fmt.Sprint((peers{}).Diff(strict, have))}); d != "" {
		t.Error(d)
	}
}

// More allowed addresses than fit into one message, in both directions.
func TestManyAllowedAddresses(t *testing.T) {
	conform.NeedsLink(t, deviceKind)
	_, public := key(7)
	var all []string
	for i := range 3 * someAllowed {
		all = append(all, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
	}
	of := func(some []string) spec.Resource {
		return read(t, peerKind, "peers: [{public_key: "+public+", allowed_ips: ["+strings.Join(some, ", ")+"]}]")[0]
	}
	few, many := of(all[:1]), of(all)
	conform.Conform(t, PeerKind, conform.Example{
		Setup: "link add wg0 type wireguard\n",
		Want:  []spec.Resource{many},
		Changes: []conform.Change{
			conform.To(few, "allowed_ips: "+allowedText(many.(*Peer).AllowedIPs)+" -> 10.0.0.0/24"),
			conform.To(many, "allowed_ips: 10.0.0.0/24 -> "+allowedText(many.(*Peer).AllowedIPs)),
		},
	})
}

// A peer that another program made is not changed, and its presharedkey neither, unless the file adopts it.
func TestAPeerInThePlace(t *testing.T) {
	conform.NeedsLink(t, deviceKind)
	lab := conform.Open(t)
	lab.IP(t, "link add wg0 type wireguard\n")
	_, public := key(7)
	theirs := read(t, peerKind, "peers: [{public_key: "+public+", allowed_ips: [10.0.0.1], preshared_key_file: "+keyFile(t, 3)+"}]")[0]
	conform.Must(t, PeerKind.Create(t.Context(), lab.NS, theirs))
	ours := read(t, peerKind, "peers: [{public_key: "+public+", allowed_ips: [10.0.0.2]}]")[0]
	err := PeerKind.Create(t.Context(), lab.NS, ours)
	if err == nil || err.Error() != "file exists: wg0 already has this peer" {
		t.Errorf("create: %v", err)
	}
	adopted := read(t, peerKind, "adopt: true, peers: [{public_key: "+public+", allowed_ips: [10.0.0.1]}]")[0]
	found, err := PeerKind.Observe(t.Context(), lab.NS, reconcile.Query[spec.Resource]{})
	conform.Must(t, err)
	if fields := PeerKind.Diff(adopted, found[0]); len(found) != 1 || len(fields) != 0 {
		t.Errorf("%d peers; adopted, it differs: %v", len(found), fields)
	}
}

func TestWhatIsWrongWithAKeyFile(t *testing.T) {
	dir := t.TempDir()
	private, _ := key(5)
	for name, test := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"right":  {private, 0o600, ""},
		"blank":  {" " + private + " \n\n", 0o400, ""},
		"open":   {private, 0o640, "FILE can be read by other users than root: run chmod 600 FILE"},
		"cut":    {private[:20], 0o600, "FILE: this is no key of WireGuard: 32 bytes in base64, as wg(8) prints them"},
		"two":    {private + "\n" + private, 0o600, "FILE: this is no key of WireGuard: 32 bytes in base64, as wg(8) prints them"},
		"zeros":  {base64.StdEncoding.EncodeToString(make([]byte, keySize)), 0o600, "FILE: this is no key of WireGuard: 32 bytes in base64, as wg(8) prints them"},
		"long":   {strings.Repeat(private, 100), 0o600, "FILE is too large: linkd reads at most 1 KiB"},
		"absent": {"", 0, "open FILE: no such file or directory"},
	} {
		path := filepath.Join(dir, name)
		if test.mode != 0 {
			conform.Must(t, os.WriteFile(path, []byte(test.text), test.mode))
		}
		_, err := readKey(path)
		said := ""
		if err != nil {
			said = strings.ReplaceAll(err.Error(), path, "FILE")
		}
		if said != test.want || strings.Contains(said, private[:20]) {
			t.Errorf("%s: %s", name, said)
		}
	}
	if _, err := readKey(dir); err == nil || err.Error() != dir+" is no regular file" {
		t.Errorf("a directory: %v", err)
	}
}

func TestWhatIsWrongWithAWireGuard(t *testing.T) {
	private, public := key(5)
	for _, test := range []struct{ entry, want string }{
		{"private_key_file: " + private, "a.yaml:1:78: expected the absolute path of a file with the key, and not the key itself"},
		{"private_key_file: '/" + private[1:] + "'", "a.yaml:1:78: expected the absolute path of a file with the key, and not the key itself"},
		{"private_key_file: key", "a.yaml:1:78: expected the absolute path of a file with the key, and not the key itself"},
		{"private_key: " + private, `a.yaml:1:60: unknown key "private_key"; did you mean "private_key_file"?`},
		{"peers: [{public_key: key}]", "a.yaml:1:81: this is no key of WireGuard: 32 bytes in base64, as wg(8) prints them"},
		{"peers: [{endpoint: '192.0.2.1:1'}]", `a.yaml:1:68: "public_key" is missing`},
		{"peers: [{public_key: " + public + "}, {public_key: " + public + "}]", "a.yaml:1:128: lab/peer/wg0/" + public + " is declared twice, first in a.yaml:1"},
		{"peers: [{public_key: " + public + ", endpoint: 'vpn.example.com:1'}]",
			"a.yaml:1:137: an endpoint is an IP address and a port, such as 192.0.2.1:51820 or [2001:db8::1]:51820; linkd looks up no names"},
		{"peers: [{public_key: " + public + ", allowed_ips: [10.0.0.1/24]}]", "a.yaml:1:141: 10.0.0.1/24 has bits set beyond its length; did you mean 10.0.0.0/24?"},
		{"peers: [{public_key: " + public + ", allowed_ips: [10.0.0.1, 10.0.0.1]}]", "a.yaml:1:68: 10.0.0.1/32 is behind the peer " + public + " already: the kernel would take it from that one"},
	} {
		_, errs := conform.Compile(language, "{namespaces: {lab: {}}, links: {t: {netns: lab, name: wg0, "+test.entry+"}}}")
		if errs != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.entry, errs, test.want)
		}
		if strings.Contains(errs, private[1:]) {
			t.Errorf("the private key is in an error: %s", errs)
		}
	}
}
