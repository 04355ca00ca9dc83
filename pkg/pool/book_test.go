package pool

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// files are the files of a test: the text of pools, and ends by name, each with the list of its addresses.
type files struct {
	pools string
	ends  map[string]string
}

func (f files) text() string {
	text := "pools:\n" + f.pools + "links:\n  nothing: {kind: dummy}\n"
	for _, name := range slices.Sorted(maps.Keys(f.ends)) {
		text += fmt.Sprintf("  %s: {kind: dummy, addresses: [%s]}\n", name, f.ends[name])
	}
	return text
}

// load does what the daemon does when it reads the files: it returns the addresses of the ends, and why others have none.
func load(t testing.TB, b *Book, f files) (has, lacks map[string]string, notKept error) {
	lang := kind.Language()
	lang.Pools = b.State
	d, notKept, err := b.Keep(func() (*spec.Desired, bool, error) {
		d, errs := spec.Compile(lang, []spec.File{{Path: "/a.yaml", Text: []byte(f.text())}})
		if len(errs) > 0 {
			t.Fatalf("%v\n%s", errs, f.text())
		}
		return d, d.Unknown == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	has, lacks = map[string]string{}, map[string]string{}
	for _, r := range d.Resources.All() {
		if r.ID().Kind != "address" {
			continue
		}
		dev, address, _ := strings.Cut(r.ID().Key, "/")
		if strings.HasPrefix(address, "pool ") {
			lacks[dev] = address
		} else {
			has[dev] = address
		}
	}
	return has, lacks, notKept
}

func newBook(t testing.TB, path string) *Book {
	b := Look(path)
	b.Write()
	return b
}

const fromLAN = "{pool: lan}"

// An end has its address for as long as it is in the files, whatever comes and goes beside it, and gets it again when it comes back.
func TestAnEndKeepsItsAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", FileName)
	b := newBook(t, path)
	f := files{"  lan: {range: 10.8.0.0/29, exclude: [10.8.0.2]}\n", map[string]string{"b": fromLAN, "c": fromLAN}}
	check := func(step string, want map[string]string) {
		t.Helper()
		has, lacks, notKept := load(t, b, f)
		maps.Copy(has, lacks)
		if d := cmp.Diff(want, has); d != "" || notKept != nil {
			t.Errorf("%s (-want +got): %v\n%s", step, notKept, d)
		}
	}
	check("two ends", map[string]string{"b": "10.8.0.1/29", "c": "10.8.0.3/29"})
	f.ends["a"] = fromLAN
	check("another end, which is before both", map[string]string{"a": "10.8.0.4/29", "b": "10.8.0.1/29", "c": "10.8.0.3/29"})
	delete(f.ends, "b")
	check("an end leaves", map[string]string{"a": "10.8.0.4/29", "c": "10.8.0.3/29"})
	f.ends["d"] = fromLAN
	check("a new end gets an address that nobody has had", map[string]string{"a": "10.8.0.4/29", "c": "10.8.0.3/29", "d": "10.8.0.5/29"})
	b = newBook(t, path)
	f.ends["b"] = fromLAN
	check("the end comes back after a restart", map[string]string{"a": "10.8.0.4/29", "b": "10.8.0.1/29", "c": "10.8.0.3/29", "d": "10.8.0.5/29"})
	f.ends["e"], f.ends["f"] = fromLAN, fromLAN
	check("the pool is full", map[string]string{"a": "10.8.0.4/29", "b": "10.8.0.1/29", "c": "10.8.0.3/29", "d": "10.8.0.5/29", "e": "10.8.0.6/29", "f": "pool lan"})
	delete(f.ends, "c")
	check("at once when an end leaves", map[string]string{"a": "10.8.0.4/29", "b": "10.8.0.1/29", "d": "10.8.0.5/29", "e": "10.8.0.6/29", "f": "10.8.0.3/29"})
	f.ends["c"] = "10.8.0.5/29"
	check("a file gives an address to a certain end", map[string]string{"a": "10.8.0.4/29", "b": "10.8.0.1/29", "c": "10.8.0.5/29", "d": "pool lan", "e": "10.8.0.6/29", "f": "10.8.0.3/29"})
	f.pools = "  lan: {range: 10.8.1.0/28, length: 24}\n"
	check("another range", map[string]string{"a": "10.8.1.1/24", "b": "10.8.1.2/24", "c": "10.8.0.5/29", "d": "10.8.1.3/24", "e": "10.8.1.4/24", "f": "10.8.1.5/24"})
}

// An address that cannot be kept is not used, and the others stay. It is given as soon as it can be kept.
func TestWhatCannotBeKeptIsNotGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	b := newBook(t, path)
	f := files{"  lan: {range: 10.8.0.0/24}\n", map[string]string{"a": fromLAN}}
	load(t, b, f)
	// Nothing can take the place of a directory that has files.
	if err := os.MkdirAll(filepath.Join(path+".new", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.ends["b"] = fromLAN
	has, lacks, notKept := load(t, b, f)
	if notKept == nil || has["a"] != "10.8.0.1/24" || lacks["b"] == "" {
		t.Errorf("has %v, lacks %v: %v", has, lacks, notKept)
	}
	delete(f.ends, "a")
	if _, _, notKept = load(t, b, f); notKept == nil {
		t.Error("it returned an address that the file still has")
	}
	if err := os.RemoveAll(path + ".new"); err != nil {
		t.Fatal(err)
	}
	f.ends["a"] = fromLAN
	if has, _, notKept = load(t, b, f); notKept != nil || has["a"] != "10.8.0.1/24" || has["b"] != "10.8.0.2/24" {
		t.Errorf("has %v: %v", has, notKept)
	}
}

// Who cannot read which addresses are given gives none, and says what to do.
func TestADamagedBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	f := files{"  lan: {range: 10.8.0.0/24}\n", map[string]string{"a": fromLAN}}
	load(t, newBook(t, path), f)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"", "{", `{"version": 2}`,
		`{"version":1,"pools":{"lan":{"held":[{"netns":"a","device":"b","address":"10.8.0.1"},{"netns":"c","device":"b","address":"10.8.0.1"}]}}}`,
		`{"version":1,"pools":{"lan":{"held":[{"netns":"a","device":"b","address":"10.8.0.1"},{"netns":"a","device":"b","address":"10.8.0.2"}]}}}`,
	} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		b := newBook(t, path)
		has, lacks, _ := load(t, b, f)
		state := b.State()
		if len(has) > 0 || lacks["a"] == "" || !strings.HasSuffix(fmt.Sprint(state.Closed), "Repair the file, or remove it: then linkd gives all addresses anew") {
			t.Errorf("%s: has %v, lacks %v: %v", damaged, has, lacks, state.Closed)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != damaged {
			t.Errorf("the file is now %q: %v", now, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if has, _, _ := load(t, b, f); has["a"] != "10.8.0.1/24" {
			t.Errorf("after the repair: %v", has)
		}
	}
}

// Two linkds with one book do not give one address twice: the second one notices.
func TestTwoBooksOnOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	one, two := newBook(t, path), newBook(t, path)
	pools := "  lan: {range: 10.8.0.0/24}\n"
	load(t, one, files{pools, map[string]string{"a": fromLAN}})
	has, lacks, notKept := load(t, two, files{pools, map[string]string{"b": fromLAN}})
	if len(has) > 0 || lacks["b"] == "" || !strings.HasSuffix(fmt.Sprint(notKept), "run one linkd with this state directory") {
		t.Errorf("has %v, lacks %v: %v", has, lacks, notKept)
	}
	if !two.Write() {
		t.Error("it does not say that the book has changed")
	}
	if has, _, _ = load(t, two, files{pools, map[string]string{"a": fromLAN, "b": fromLAN}}); has["a"] != "10.8.0.1/24" || has["b"] != "10.8.0.2/24" {
		t.Errorf("has %v", has)
	}
}

// Whoever only looks keeps nothing.
func TestALookKeepsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	has, _, _ := load(t, Look(path), files{"  lan: {range: 10.8.0.0/24}\n", map[string]string{"a": fromLAN}})
	if _, err := os.Stat(path); !os.IsNotExist(err) || has["a"] != "10.8.0.1/24" {
		t.Errorf("has %v, and the file: %v", has, err)
	}
}

// Of any history of files, failures and restarts: no address is given twice, one that is used is on the disk, an end keeps its address
// while nothing speaks against it, and it lacks one only if none is left.
func TestPoolsKeepTheirPromise(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), FileName)
		b := newBook(t, path)
		f := files{ends: map[string]string{}}
		ranges := []string{"10.8.0.0/29", "10.8.0.8/29", "10.8.0.0/28", "fd00::/125", "10.8.0.4/30, length: 28"}
		subnet, excluded := 0, 0
		refused := map[string]bool{}
		before := map[string]string{}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			fails := false
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				b = newBook(t, path)
				refused = map[string]bool{}
			case 1:
				fails = true
			case 2:
				subnet = rapid.IntRange(0, len(ranges)-1).Draw(rt, "range")
			case 3:
				excluded = rapid.IntRange(0, 7).Draw(rt, "excluded")
			case 4:
				ip := fmt.Sprintf("10.8.0.%d", rapid.IntRange(0, 15).Draw(rt, "refused"))
				b.Refuse(netip.MustParseAddr(ip), "another host has it")
				refused[ip] = true
			case 5:
				f.ends[fmt.Sprintf("s%d", rapid.IntRange(0, 1).Draw(rt, "fixed"))] = fmt.Sprintf("10.8.0.%d/28", rapid.IntRange(1, 14).Draw(rt, "fixed at"))
			default:
				name := fmt.Sprintf("e%d", rapid.IntRange(0, 9).Draw(rt, "end"))
				if _, is := f.ends[name]; is {
					delete(f.ends, name)
				} else {
					f.ends[name] = fromLAN
				}
			}
			in := netip.MustParsePrefix(strings.Split(ranges[subnet], ",")[0])
			f.pools = fmt.Sprintf("  lan: {range: %s, exclude: [", ranges[subnet])
			out := netip.Addr{}
			if out = netip.MustParseAddr(fmt.Sprintf("10.8.0.%d", excluded)); in.Contains(out) {
				f.pools += out.String()
			}
			f.pools += "]}\n"
			if fails {
				_ = os.MkdirAll(filepath.Join(path+".new", "full"), 0o700)
			}
			has, lacks, notKept := load(t, b, f)
			_ = os.RemoveAll(path + ".new")

			book := Look(path).State()
			holder := map[string]string{}
			given := 0
			fits := func(address string) bool {
				p := netip.MustParsePrefix(address)
				for dev, fixed := range f.ends {
					if dev[0] == 's' && strings.HasPrefix(fixed, p.Addr().String()+"/") {
						return false
					}
				}
				length := in.Bits()
				if _, text, is := strings.Cut(ranges[subnet], "length: "); is {
					fmt.Sscan(text, &length)
				}
				network := netip.PrefixFrom(p.Addr(), length).Masked()
				ends := p.Addr() == network.Addr() || p.Addr().Is4() && !network.Contains(p.Addr().Next())
				return in.Contains(p.Addr()) && p.Addr() != out && !refused[p.Addr().String()] && !ends && p.Bits() == length
			}
			for dev, address := range has {
				ip := netip.MustParsePrefix(address).Addr().String()
				if other, twice := holder[ip]; twice && dev[0] == 'e' && other[0] == 'e' {
					rt.Fatalf("%s and %s have %s", dev, other, ip)
				}
				holder[ip] = dev
				if dev[0] != 'e' {
					continue
				}
				given++
				if !fits(address) {
					rt.Fatalf("%s has %s, and %s", dev, address, f.text())
				}
				if kept := book.Held[spec.PoolEnd{Pool: "lan", NS: "host", Device: dev}].Addr; kept.String() != ip {
					rt.Fatalf("%s has %s, and the book says %s", dev, ip, kept)
				}
			}
			for dev, address := range before {
				if dev[0] == 'e' && f.ends[dev] != "" && fits(address) && has[dev] != address {
					rt.Fatalf("%s had %s, and has %q", dev, address, has[dev])
				}
			}
			if len(lacks) > 0 && notKept == nil {
				for ip := in.Addr(); in.Contains(ip); ip = ip.Next() {
					length := in.Bits()
					if strings.Contains(ranges[subnet], "length: 28") {
						length = 28
					}
					if address := netip.PrefixFrom(ip, length).String(); fits(address) && holder[ip.String()] == "" {
						rt.Fatalf("%v lack an address, and %s is free", lacks, ip)
					}
				}
			}
			before = has
		}
	})
}

// 200 containers at once get 200 addresses, and each keeps its own when others go.
func TestManyContainersAtOnce(t *testing.T) {
	b := newBook(t, filepath.Join(t.TempDir(), FileName))
	var running []spec.Instance
	for i := range 200 {
		name := fmt.Sprintf("web-%d", i)
		running = append(running, spec.Instance{Name: name, ID: fmt.Sprintf("%064d", i), Selector: spec.Selector{Scheme: "docker", Value: name}})
	}
	lang := kind.Language()
	lang.Pools = b.State
	lang.Instances = func(spec.Selector) ([]spec.Instance, error) { return running, nil }
	const text = `
pools: {lan: {range: 10.8.0.0/24}}
namespaces: {web: {from: "docker:label=web"}}
links:
  web: {kind: veth, ends: [{name: "ve{name}"}, {netns: web, name: eth0, addresses: [{pool: lan}]}]}
`
	addresses := func() map[string]string {
		d, notKept, err := b.Keep(func() (*spec.Desired, bool, error) {
			d, errs := spec.Compile(lang, []spec.File{{Path: "/a.yaml", Text: []byte(text)}})
			if len(errs) > 0 || len(d.Misfits) > 0 {
				t.Fatal(errs, d.Misfits)
			}
			return d, true, nil
		})
		if notKept != nil || err != nil {
			t.Fatal(notKept, err)
		}
		holder := map[string]string{}
		for end, has := range d.Given {
			if other, twice := holder[has.Addr.String()]; twice {
				t.Fatalf("%s and %s have %s", end.NS, other, has.Addr)
			}
			holder[has.Addr.String()] = end.NS
		}
		return holder
	}
	all := addresses()
	if len(all) != 200 {
		t.Errorf("%d addresses", len(all))
	}
	running = running[:150]
	for ip, ns := range addresses() {
		if all[ip] != ns {
			t.Errorf("%s is now of %s, and was of %s", ip, ns, all[ip])
		}
	}
	running = running[:200]
	if d := cmp.Diff(all, addresses()); d != "" {
		t.Errorf("after they came back (-before +now):\n%s", d)
	}
}
