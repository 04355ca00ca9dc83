package kind_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind"
	"linkd/pkg/kind/conform"
	"linkd/pkg/kind/link"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

// sources are the packages in a folder, without their tests.
func sources(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	conform.Must(t, err)
	for _, path := range paths {
		if !strings.HasSuffix(path, "_test.go") {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			conform.Must(t, err)
			files = append(files, f)
		}
	}
	return files
}

// A kind that is in no list is never looked at: each folder that registers one is in All, and under one name.
func TestEveryKindIsListed(t *testing.T) {
	listed, names := map[string]bool{}, map[string]bool{}
	for _, r := range kind.All() {
		if names[r.Name] || r.Name == "" {
			t.Errorf("two kinds are called %q", r.Name)
		}
		names[r.Name] = true
		if len(r.Topics) == 0 && !r.Silent {
			t.Errorf("%s hears nothing, and is not looked at from time to time either", r.Name)
		}
		itself := reflect.ValueOf(r).FieldByName("erased").Elem().Field(0).Elem().Type()
		if _, shows := itself.MethodByName("Show"); !shows {
			t.Errorf("%s is not among what show says", r.Name)
		}
		listed[filepath.Base(itself.PkgPath())] = true
	}
	folders, err := os.ReadDir(".")
	conform.Must(t, err)
	registered := map[string]bool{}
	for _, folder := range folders {
		for _, file := range sources(t, folder.Name()) {
			ast.Inspect(file, func(n ast.Node) bool {
				if call, is := n.(*ast.SelectorExpr); is && call.Sel.Name == "Register" && fmt.Sprint(call.X) == "reconcile" {
					registered[folder.Name()] = true
				}
				return true
			})
		}
	}
	if d := cmp.Diff(registered, listed); d != "" {
		t.Errorf("kinds (-registered +listed):\n%s", d)
	}
	for folder := range registered {
		if !conforms(t, folder) {
			t.Errorf("%s does not pass the suite of package conform", folder)
		}
	}
}

func conforms(t *testing.T, folder string) bool {
	t.Helper()
	tests, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	conform.Must(t, err)
	for _, path := range tests {
		text, err := os.ReadFile(path)
		conform.Must(t, err)
		if strings.Contains(string(text), "conform.Conform(t, ") {
			return true
		}
	}
	return false
}

// makesTypes are the functions that return a type of link.
var makesTypes = map[string]bool{"tunnel": true, "greTunnel": true}

// Likewise each type of link.
func TestEveryTypeOfLinkIsListed(t *testing.T) {
	var declared, listed []string
	for _, file := range sources(t, "link") {
		for _, decl := range file.Decls {
			vars, is := decl.(*ast.GenDecl)
			if !is || vars.Tok != token.VAR {
				continue
			}
			for _, s := range vars.Specs {
				v := s.(*ast.ValueSpec)
				for i, value := range v.Values {
					if address, is := value.(*ast.UnaryExpr); is {
						if made, is := address.X.(*ast.CompositeLit); is && fmt.Sprint(made.Type) == "Type" {
							declared = append(declared, v.Names[i].Name)
						}
					}
					// Types that are lines of a table are made by a function.
					if call, is := value.(*ast.CallExpr); is && makesTypes[fmt.Sprint(call.Fun)] {
						declared = append(declared, v.Names[i].Name)
					}
					if list, is := value.(*ast.CompositeLit); is && v.Names[i].Name == "Types" {
						for _, element := range list.Elts {
							listed = append(listed, fmt.Sprint(element))
						}
					}
				}
			}
		}
	}
	slices.Sort(declared)
	slices.Sort(listed)
	if d := cmp.Diff(declared, listed); d != "" || len(listed) != len(link.Types) {
		t.Errorf("types (-declared +listed):\n%s", d)
	}
	names := map[string]bool{}
	for _, typ := range link.Types {
		if names[typ.Name] || typ.Name == "" || typ.Doc == "" {
			t.Errorf("%+v has no name of its own, or nothing is said of it", typ)
		}
		names[typ.Name] = true
	}
}

// No key is declared twice, and each says what it is for.
func TestTheLanguageIsWhole(t *testing.T) {
	names := map[string]bool{}
	for _, key := range kind.Language().Namespace {
		if names[key.Name] || key.Doc == "" || key.Decode == nil {
			t.Errorf("%q is there twice, or nothing is said of it", key.Name)
		}
		names[key.Name] = true
	}
}

// daemon is all kinds at work in a sandbox, in which a lab is found.
type daemon struct {
	*testing.T
	lab     *conform.Lab
	engine  *reconcile.Engine
	journal string
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{T: t, lab: conform.Open(t), journal: filepath.Join(t.TempDir(), "journal")}
	d.lab.World.Release()
	d.restart()
	return d
}

// restart is a new run, which has the journal of the last.
func (d *daemon) restart() {
	journal := reconcile.OpenJournal(d.journal)
	d.Cleanup(journal.Close)
	d.engine = reconcile.NewEngine(kind.All(), d.lab.World, journal, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// wants makes text the desired state, and wants the plan for that to be as told; it is carried out, and nothing is left
// to do. After the plan come the resources that are not all right.
func (d *daemon) wants(text, plan string) {
	d.Helper()
	desired, errs := spec.Compile(kind.Language(), []spec.File{{Path: "a.yaml", Text: []byte(text)}})
	if len(errs) > 0 {
		d.Fatal(errs)
	}
	d.engine.Want(desired, true)
	got := d.engine.Plan(d.Context()).String()
	d.engine.LookAtAll()
	d.engine.Converge(d.Context())
	for _, r := range d.engine.Status(nil).Resources {
		if r.State != reconcile.OK {
			got += fmt.Sprintf("%s %s: %s\n", r.ID, r.State, r.Reason)
		}
	}
	if diff := cmp.Diff(strings.TrimPrefix(plan, "\n"), got); diff != "" {
		d.Errorf("plan (-want +got):\n%s", diff)
	}
	d.engine.LookAtAll()
	if left := d.engine.Plan(d.Context()); len(left) > 0 {
		d.Errorf("left to do:\n%s", left)
	}
}

// shows wants a device in the lab to be shown with all of these words.
func (d *daemon) shows(device string, words ...string) {
	d.Helper()
	out := conform.IP(d.T, "-n lab -d link show "+device)
	for _, word := range words {
		if !regexp.MustCompile(`(^|\s)` + regexp.QuoteMeta(word) + `(\s|$)`).MatchString(out) {
			d.Errorf("%s is without %q:\n%s", device, word, out)
		}
	}
}

func TestAnExistingInterfaceIsPutBack(t *testing.T) {
	d := newDaemon(t)
	d.lab.IP(t, "link add br0 type bridge\nlink add eth0 mtu 1400 txqueuelen 50 address 02:00:00:00:00:08 type veth peer name eth9\n")
	d.wants(`
namespaces: {lab: {}}
links:
  eth0: {kind: existing, netns: lab, mtu: 9000, up: true}
`, `
~ lab/link/eth0  (mtu: 1400 -> 9000, up: false -> true)
`)
	// What is listed later was something else before, too; what is not listed any more goes back at once.
	d.wants(`
namespaces: {lab: {}}
links:
  eth0: {kind: existing, netns: lab, mtu: 9000, mac: "02:00:00:00:00:01", txqueuelen: 7, master: br0}
`, `
~ lab/link/eth0  (mac: 02:00:00:00:00:08 -> 02:00:00:00:00:01, txqueuelen: 50 -> 7, up: true -> false)
~ lab/port/eth0  (master: (none) -> br0)
`)
	d.shows("eth0", "mtu 9000", "qlen 7", "link/ether 02:00:00:00:00:01", "master br0")
	d.restart()
	d.wants("namespaces: {lab: {}}\n", `
~ lab/link/eth0  (mac: 02:00:00:00:00:01 -> 02:00:00:00:00:08, mtu: 9000 -> 1400, txqueuelen: 7 -> 50, put back)
~ lab/port/eth0  (master: br0 -> (none), put back)
`)
	d.shows("eth0", "mtu 1400", "qlen 50", "link/ether 02:00:00:00:00:08", "state DOWN")
}

func TestAMembershipIsPutBackToTheBridgeBefore(t *testing.T) {
	d := newDaemon(t)
	d.lab.IP(t, "link add br0 type bridge\nlink add br1 type bridge\nlink add eth0 type veth peer name eth9\nlink set eth0 master br0\n")
	d.wants("namespaces: {lab: {}}\nlinks: {eth0: {kind: existing, netns: lab, master: br1}}\n",
		"~ lab/port/eth0  (master: br0 -> br1)\n")
	d.shows("eth0", "master br1")
	d.wants("namespaces: {lab: {}}\nlinks: {eth0: {kind: existing, netns: lab}}\n",
		"~ lab/port/eth0  (master: br1 -> br0, put back)\n")
	d.shows("eth0", "master br0")

	// Somebody else's choice since then is theirs.
	d.wants("namespaces: {lab: {}}\nlinks: {eth0: {kind: existing, netns: lab, master: br1}}\n",
		"~ lab/port/eth0  (master: br0 -> br1)\n")
	d.lab.IP(t, "link set eth0 nomaster")
	d.wants("namespaces: {lab: {}}\n", "")
	d.shows("eth0")
}

func TestABridgeWithAPortOfAnothersStays(t *testing.T) {
	d := newDaemon(t)
	d.wants("namespaces: {lab: {}}\nlinks: {br0: {kind: bridge, netns: lab}}\n", "+ lab/link/br0\n")
	d.lab.IP(t, "link add eth0 type veth peer name eth9\nlink set eth0 master br0")
	d.wants("namespaces: {lab: {}}\n", "lab/link/br0 failed: linkd does not delete it, because that would delete resources that it did not make: lab/port/eth0\n")
	d.lab.IP(t, "link set eth0 nomaster")
	d.wants("namespaces: {lab: {}}\n", "- lab/link/br0\n")
}

// What is listed on a link that is taken over is taken over with it: it is marked, and goes when it is not listed.
func TestWhatIsListedOnAnAdoptedLinkIsAdopted(t *testing.T) {
	d := newDaemon(t)
	d.lab.IP(t, `link add br0 type bridge
link add eth0 type veth peer name eth9
link set eth0 master br0 up
link set eth9 up
addr add 10.0.0.1/24 dev eth0
addr add 10.0.0.2/24 dev eth0
addr add 10.0.0.3/24 dev eth0 valid_lft 1000 preferred_lft 1000
addr add fd00::1/64 dev eth0 nodad
route add default via 10.0.0.9 mtu 1400
route add 10.9.0.0/16 via 10.0.0.9 protocol static
route add 10.8.0.0/16 via 10.0.0.9 protocol bird
route add 10.7.0.0/16 via 10.0.0.9 window 1000
route add fd09::/64 via fd00::9
`)
	conform.IP(t, "netns exec lab sysctl -qw net.ipv4.conf.eth0.proxy_arp=1")
	const cable = `
namespaces: {lab: {}}
links:
  cable:
    kind: veth
    adopt: true
    ends:
      - netns: lab
        name: eth0
        %s
      - {netns: lab, name: eth9}
`
	marked := `
~ lab/address/eth0/10.0.0.1/24  (mark: (none) -> linkd)
~ lab/address/eth0/10.0.0.2/24  (mark: (none) -> linkd)`
	if !observe.KernelIs(6, 4) {
		// It does not change the mark of an IPv4 address; the journal has it.
		marked = ""
	}
	d.wants(fmt.Sprintf(cable, `
        master: br0
        addresses: [10.0.0.1/24, 10.0.0.2/24, 10.0.0.3/24, "fd00::1/64"]
        sysctls: {ipv4.proxy_arp: 1}
        routes:
          - {to: default, via: 10.0.0.9}
          - {to: 10.9.0.0/16, via: 10.0.0.9}
          - {to: 10.8.0.0/16, via: 10.0.0.9}
          - {to: 10.7.0.0/16, via: 10.0.0.9}
          - {to: "fd09::/64", via: "fd00::9"}
`), `
~ lab/link/eth0  (mark: (none) -> linkd:cable)
~ lab/link/eth9  (mark: (none) -> linkd:cable)`+marked+`
~ lab/address/eth0/fd00::1/64  (mark: (none) -> linkd)
~ lab/route/10.9.0.0/16  (mark: (none) -> linkd)
~ lab/route/default  (mark: (none) -> linkd)
~ lab/route/fd09::/64  (mark: (none) -> linkd)
`)
	if out := conform.IP(t, "-N -n lab route show default"); out != "default via 10.0.0.9 dev eth0 proto 108 mtu 1400 \n" {
		t.Errorf("the default route is now %s", out)
	}
	d.restart()
	d.wants(fmt.Sprintf(cable, `addresses: [10.0.0.1/24]`), `
~ lab/sysctl/net.ipv4.conf.eth0.proxy_arp  (value: 1 -> the default, put back)
~ lab/port/eth0  (master: br0 -> (none), put back)
- lab/route/10.9.0.0/16
- lab/route/default
- lab/route/fd09::/64
- lab/address/eth0/10.0.0.2/24
- lab/address/eth0/fd00::1/64
`)
	if out := conform.IP(t, "-n lab -4 route show"); !strings.Contains(out, "proto bird") || !strings.Contains(out, "window 1000") {
		t.Errorf("the routes are now\n%s", out)
	}
	d.wants("namespaces: {lab: {}}\n", `
- lab/address/eth0/10.0.0.1/24
- lab/link/eth0
- lab/link/eth9
`)
	conform.IP(t, "-n lab link show br0")
}

func TestANamespaceIsMadeAndRemoved(t *testing.T) {
	d := newDaemon(t)
	const both = `
namespaces: {new: {create: true}}
links:
  cable: {kind: veth, ends: [{netns: new, name: eth0}, {name: eth7}]}
`
	d.wants(both, `
+ host/netns/new
+ new/link/eth0
+ host/link/eth7
`)
	conform.IP(t, "-n new link show eth0")
	d.restart()
	d.wants(both, "")
	// A foreign interface in it is in the way of its end.
	conform.IP(t, "-n new link add eth5 type veth peer name eth6")
	d.wants("", `
- host/link/eth7
- new/link/eth0
host/netns/new failed: linkd does not delete it, because that would delete resources that it did not make: new/link/eth5, new/link/eth6
`)
	conform.IP(t, "-n new link del eth5")
	d.wants("", "- host/netns/new\n")
	if _, err := os.Lstat(observe.NetnsDir + "/new"); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestANamespaceThatStandsAlreadyIsNotOnes(t *testing.T) {
	d := newDaemon(t)
	d.wants("namespaces: {lab: {create: true}}\n", "")
	d.wants("", "")
	conform.IP(t, "-n lab link show lo")
}

func TestANamespaceIsExposedAndHidden(t *testing.T) {
	d := newDaemon(t)
	path := observe.NetnsDir + "/shown"
	d.wants("namespaces: {shown: {from: path:/run/netns/lab, expose: true}}\n", "+ host/netns/shown\n")
	if target, err := os.Readlink(path); target != observe.NetnsDir+"/lab" {
		t.Errorf("it leads to %s: %v", target, err)
	}
	conform.IP(t, "-n shown link show lo")
	d.wants("", "- host/netns/shown\n")
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	conform.IP(t, "-n lab link show lo")

	// A file that somebody put there is left alone.
	conform.Must(t, os.WriteFile(path, []byte("mine"), 0o644))
	t.Cleanup(func() { os.Remove(path) })
	d.wants("namespaces: {shown: {from: path:/run/netns/lab, expose: true}}\n",
		"host/netns/shown failed: host already has a namespace named \"shown\" that linkd did not create (file: a plain file -> -> /run/netns/lab). linkd leaves it alone\n")
}
