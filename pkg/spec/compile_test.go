package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsWrongIsSaidAtItsPlace(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"an unknown key that is near a known one", `
links:
  c1: {nmae: eth0, clour: red}
namespaces:
  lab:
    romms: []
    zebra: 1
namespace: {}
`, `
a.yaml:3:8: unknown key "nmae"; did you mean "name"?
a.yaml:3:20: unknown key "clour"; did you mean "colour"?
a.yaml:6:5: unknown key "romms"; did you mean "rooms"?
a.yaml:7:5: unknown key "zebra"
a.yaml:8:1: unknown key "namespace"; did you mean "namespaces"?
`},
		{"a key that is there twice, at any level", `
links:
  c1: {mtu: 1500, up: true, mtu: 9000}
  c1: {}
links: {}
`, `
a.yaml:3:29: "mtu" is here twice, first on line 3
a.yaml:4:3: "c1" is here twice, first on line 3
a.yaml:5:1: "links" is here twice, first on line 2
`},
		{"anchors, aliases and merge keys", `
links:
  c1: &one {mtu: 1500}
  c2: *one
  c3:
    <<: {mtu: 1500}
`, `
a.yaml:3:7: anchors and aliases are not part of the language: write the value out
a.yaml:4:7: anchors and aliases are not part of the language: write the value out
a.yaml:6:5: merge keys are not part of the language: write the values out
`},
		{"an item that is missing from a list", `
namespaces:
  lab:
  attic: ~
links:
  c1: {mtu: null, needs: [eth0, , eth1]}
  c2: {needs: [~], notes: {a: }}
`, `
a.yaml:6:33: an item is missing before this comma
`},
		{"nulls", `
namespaces:
  lab:
  attic: ~
links:
  c1: {mtu: null, needs: [~], notes: {a: }}
  ~: {}
`, `
a.yaml:3:7: the value is missing (null)
a.yaml:4:10: the value is missing (null)
a.yaml:6:13: the value is missing (null)
a.yaml:6:27: the value is missing (null)
a.yaml:6:42: the value is missing (null)
a.yaml:7:3: a key has to be a word
`},
		{"keys that are no words", `
links:
  [a, b]: {}
  {a: b}: {}
`, `
a.yaml:3:3: a key has to be a word
a.yaml:4:3: a key has to be a word
`},
		{"values of types that YAML would make of a tag", `
links:
  c1: {name: !!binary ZXRoMA==, mtu: !mtu 1500, needs: !!set {eth0}}
`, `
a.yaml:3:14: a value of type !!binary is not part of the language
a.yaml:3:38: YAML reads "!mtu" as a tag, because it begins with "!": put it in quotes
a.yaml:3:56: expected a list, found a mapping
a.yaml:3:67: the value is missing (null)
`},
		{"no UTF-8", "links:\n  c1: {}\n  caf\xe9: {}\n", `
a.yaml:3:6: the file is not UTF-8 here
`},
		{"UTF-16, little end first", "\xff\xfel\x00i\x00", `
a.yaml:1:1: the file is UTF-16; write it as UTF-8
`},
		{"UTF-16, big end first", "\xfe\xff\x00l\x00i", `
a.yaml:1:1: the file is UTF-16; write it as UTF-8
`},
		{"a NUL byte", "links: {}\n\x00", `
a.yaml:2:1: the file holds a NUL byte
`},
		{"numbers that start with a zero", `
links:
  c1: {mtu: 01500}
  c2: {mtu: 0o17}
  c3: {mtu: 00}
  c4: {mtu: 0}
  c5: {mtu: 0x5dc}
`, `
a.yaml:3:13: 01500 starts with a zero, which YAML versions read differently: write it without
a.yaml:4:13: 0o17 starts with a zero, which YAML versions read differently: write it without
a.yaml:5:13: 00 starts with a zero, which YAML versions read differently: write it without
`},
		{"values of another type", `
namespaces:
  attic: [rooms]
  cellar: {rooms: {name: a}, size: large}
  garage: {rooms: [{}, wall, {name: [a]}], size: 256}
  lab: {size: -1}
  shed: {size: "8"}
  tower: {size: 1_000}
links:
  c1: {mtu: big, up: 1}
  c2: {mtu: 1.5, up: "true"}
  c3: {mtu: [1500], up: {}}
  c4: {mtu: 99999999999999999999}
  c5: {needs: eth0, notes: [a]}
  c6: {notes: {a: [b]}, colour: {r: 1}}
  c7: text
`, `
a.yaml:3:10: expected a mapping, found a list
a.yaml:4:19: expected a list, found a mapping
a.yaml:4:36: expected a whole number, found "large"
a.yaml:5:20: "name" is missing
a.yaml:5:24: expected a mapping, found "wall"
a.yaml:5:37: expected a word, found a list
a.yaml:5:50: 256 is out of range
a.yaml:6:15: expected a whole number, found "-1"
a.yaml:7:16: expected a whole number, found the text "8": write it without quotes
a.yaml:8:17: expected a whole number, found "1_000"
a.yaml:10:13: expected a whole number, found "big"
a.yaml:10:22: expected true or false, found "1"
a.yaml:11:13: expected a whole number, found "1.5"
a.yaml:11:22: expected true or false, found the text "true": write it without quotes
a.yaml:12:13: expected a whole number, found a list
a.yaml:12:25: expected true or false, found a mapping
a.yaml:13:13: 99999999999999999999 is out of range
a.yaml:14:15: expected a list, found "eth0"; a list of one item is [eth0]
a.yaml:14:28: expected a mapping, found a list
a.yaml:15:19: expected a word, found a list
a.yaml:15:33: expected a word, found a mapping
a.yaml:16:7: expected a mapping, found "text"
`},
		{"the whole of a document is something else", `
- namespaces
`, `
a.yaml:2:1: expected a mapping, found a list
`},
		{"a word that is not one of a few", `
links:
  c1: {mode: brigde}
  c2: {mode: l2}
`, `
a.yaml:3:14: mode "brigde" is not one of bridge, private, vepa; did you mean "bridge"?
a.yaml:4:14: mode "l2" is not one of bridge, private, vepa
`},
		{"names that the kernel would not take, or not as they are", `
links:
  c01: {name: a-name-of-16-byt}
  c02: {name: eth%d}
  c03: {name: eth0/1}
  c04: {name: "eth0:1"}
  c05: {name: "eth 0"}
  c06: {name: "\e[31meth0"}
  c07: {name: éth0}
  c08: {name: ..}
  c09: {name: ""}
  c10: {name: [eth0]}
  c11: {name: a-name-of-15-by}
  c12: {name: eth0.100}
`, `
a.yaml:3:15: interface name "a-name-of-16-byt" has 16 bytes; the kernel takes 15 at most
a.yaml:4:15: interface name "eth%d": the kernel would put a number in place of %
a.yaml:5:15: interface name "eth0/1": '/' is not allowed
a.yaml:6:15: interface name "eth0:1": ':' is not allowed
a.yaml:7:15: interface name "eth 0": ' ' is not allowed
a.yaml:8:15: interface name "\x1b[31meth0": '\x1b' is not allowed
a.yaml:9:15: interface name "éth0": 'é' is not allowed
a.yaml:10:15: ".." cannot name an interface
a.yaml:11:15: an interface name is missing
a.yaml:12:15: expected an interface name, found a list
`},
		{"addresses that no interface can have", `
links:
  c1: {mac: "02:00:00:00:00"}
  c2: {mac: "01:00:5e:00:00:01"}
  c3: {mac: "00:00:00:00:00:00"}
  c4: {mac: 7}
  c5: {mac: 02-00-00-00-00-AA}
  c6: {mac: 020000000001}
`, `
a.yaml:3:13: expected a MAC address, found "02:00:00:00:00"
a.yaml:4:13: 01:00:5e:00:00:01 is a multicast address: an interface cannot have it
a.yaml:5:13: an interface cannot have the zero address
a.yaml:6:13: expected a MAC address, found "7"
a.yaml:8:13: expected a MAC address, found "020000000001"
`},
		{"names that namespaces and links cannot have", `
namespaces:
  a/b: {}
  ..: {}
  -n: {}
  "": {}
  "a b": {}
  docker:x: {}
links:
  "": {}
  "a b": {}
  c/1: {}
  ` + strings.Repeat("c", 129) + `: {}
`, `
a.yaml:3:3: namespace name "a/b": '/' is not allowed
a.yaml:4:3: ".." cannot name a namespace
a.yaml:5:3: namespace name "-n" starts with a dash
a.yaml:6:3: "" cannot name a namespace
a.yaml:7:3: namespace name "a b": ' ' is not allowed
a.yaml:8:3: namespace name "docker:x": ':' is not allowed
a.yaml:10:3: a link's ID has 1 to 128 bytes, "" has 0
a.yaml:11:3: link ID "a b": ' ' is not allowed
a.yaml:12:3: link ID "c/1": '/' is not allowed
a.yaml:13:3: a link's ID has 1 to 128 bytes, "` + strings.Repeat("c", 129) + `" has 129
`},
		{"namespaces that are nowhere declared", `
namespaces:
  net-test: {}
links:
  c1: {netns: net-tst}
  c2: {netns: hots}
  c3: {netns: somewhere}
  c4: {netns: [host]}
`, `
a.yaml:5:15: namespace "net-tst" is not declared; did you mean "net-test"?
a.yaml:6:15: namespace "hots" is not declared; did you mean "host"?
a.yaml:7:15: namespace "somewhere" is not declared
a.yaml:8:15: expected a namespace, found a list
`},
		{"selectors that select nothing", `
namespaces:
  a: {from: lab}
  b: {from: nmae:lab}
  c: {from: path:run/netns/lab}
  d: {from: pid:0}
  e: {from: pid:x}
  f: {from: "process: "}
  g: {from: name:a/b}
  h: {from: host}
  host: {from: name:host}
links:
  c1: {netns: pdi:1}
`, `
a.yaml:3:13: "lab" is not a selector: write one of name:, path:, pid:, process:, docker:, podman:, unit:, machine:, containerd:, as in name:lab
a.yaml:4:13: selector "nmae" is not one of name, path, pid, process, docker, podman, unit, machine, containerd; did you mean "name"?
a.yaml:5:13: path:run/netns/lab is not absolute
a.yaml:6:13: "0" is not a process ID
a.yaml:7:13: "x" is not a process ID
a.yaml:8:13: process: needs the command line of a process
a.yaml:9:13: namespace name "a/b": '/' is not allowed
a.yaml:10:13: "host" is the namespace that linkd runs in, and that one only
a.yaml:11:16: "host" is the namespace that linkd runs in, and that one only
a.yaml:13:15: selector "pdi" is not one of name, path, pid, process, docker, podman, unit, machine, containerd; did you mean "pid"?
`},
		{"two files declare one namespace", `-- a.yaml --
namespaces:
  lab: {rooms: [{name: x}]}
-- b.yaml --
namespaces:
  lab: {rooms: [{name: y}]}
`, `
b.yaml:2:3: namespace "lab" (name:lab) is declared twice, first in a.yaml:2
`},
		{"two names of one namespace", `-- a.yaml --
namespaces:
  lab: {}
-- b.yaml --
namespaces:
  work: {from: name:lab}
  one: {from: "path:/run/../srv/ns"}
  two: {from: path:/srv/ns}
`, `
b.yaml:2:3: namespace "work" (name:lab) is declared twice, first in a.yaml:2
b.yaml:4:3: namespace "two" (path:/srv/ns) is declared twice, first in b.yaml:3
`},
		{"two files declare one link", `-- a.yaml --
links:
  c1: {}
-- b.yaml --
links:
  c1: {name: eth7}
`, `
b.yaml:2:3: link "c1" is declared twice, first in a.yaml:2
`},
		{"two files claim one thing", `-- a.yaml --
links:
  c1: {name: eth0}
-- b.yaml --
links:
  c2: {name: eth0}
namespaces:
  host: {rooms: [{name: x}, {name: x}]}
`, `
b.yaml:2:3: host/link/eth0 is declared twice, first in a.yaml:2
b.yaml:4:29: host/room/x is declared twice, first in b.yaml:4
`},
		{"a circle, and a thing that needs itself", `-- a.yaml --
links:
  eth0: {needs: [eth1]}
  eth9: {needs: [eth9]}
-- b.yaml --
links:
  eth1: {needs: [eth2]}
  eth2: {needs: [eth0]}
`, `
a.yaml:2:3: a cycle: host/link/eth0 needs host/link/eth1 needs host/link/eth2 needs host/link/eth0
a.yaml:3:3: a cycle: host/link/eth9 needs host/link/eth9
`},
		{"another version", `
version: 2
`, `
a.yaml:2:10: version 2 is not known; 1 is the only version
`},
		{"a version that is no number", `
version: "1"
`, `
a.yaml:2:10: expected a whole number, found the text "1": write it without quotes
`},
		{"each document counts, with its own lines", `-- a.yaml --
version: 1
---
version: 3
---
# nothing but a comment
---
---
links:
  c1: {mut: 1}
-- b.yaml --
`, `
a.yaml:3:10: version 3 is not known; 1 is the only version
a.yaml:9:8: unknown key "mut"; did you mean "mtu"?
`},
		{"what YAML itself does not take", `-- a.yaml --
links:
	c1: {}
-- b.yaml --
links: {c1: {}
-- c.yaml --
links:
  c1: {name: "eth0}
-- d.yaml --
links:
  c1: {needs: *nobody}
-- e.yaml --
%YAML 1.1
%YAML 1.1
---
-- f.yaml --
links:
  c1: {mode: @x}
`, `
a.yaml:2:1: a tab indents this line, and YAML takes spaces only
b.yaml:1:8: this "{" is not closed
c.yaml:2:14: this quote is not closed
d.yaml:2:15: anchors and aliases are not part of the language: write the value out, or put a text that begins with "*" in quotes
e.yaml:2:1: found duplicate %YAML directive
f.yaml:2:14: a value cannot begin with "@": put it in quotes
`},
		{"a file that cannot be read hides nothing of the others", `-- a.yaml --
links: {c1: {x: 1}}
-- unreadable.yaml --
-- z.yaml --
links: {c2: {x: 1}}
`, `
a.yaml:1:14: unknown key "x"
unreadable.yaml: input/output error
z.yaml:1:14: unknown key "x"
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := files(test.text)
			for i := range fs {
				if fs[i].Path == "unreadable.yaml" {
					fs[i].Err = errDisk
				}
			}
			_, errs := Compile(toys, fs)
			if d := cmp.Diff(strings.TrimPrefix(test.want, "\n"), errs.Error()+"\n"); d != "" {
				t.Errorf("errors (-want +got):\n%s", d)
			}
			if errs.Error() == "" {
				t.Error("nothing was wrong")
			}
		})
	}
}

func TestWhatIsRightIsCompiled(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"nothing but documents", "---\n# a comment\n---\n...\n", ""},
		{"empty parts", "version: 1\nnamespaces: {}\nlinks: {}\n", ""},
		{"a link before the namespace that it is in, and in another file", `-- a.yaml --
links:
  c1: {netns: lab, name: eth0, colour: red}
-- b.yaml --
namespaces:
  lab: {size: 3, rooms: [{name: hall}]}
`, `lab = name:lab at b.yaml:2
lab/colour/eth0 at a.yaml:2
lab/link/eth0 at a.yaml:2
lab/room/hall at b.yaml:2
lab/size/3 at b.yaml:2
`},
		{"several documents of one file", `namespaces: {a: {}}
---
links: {c1: {netns: a}}
---
namespaces: {b: {}}
`, `a = name:a at a.yaml:1
b = name:b at a.yaml:5
a/link/c1 at a.yaml:3
`},
		{"selectors in place are namespaces of that name, each once, and the same as declared", `
namespaces:
  web: {from: "process:  nginx -g x "}
links:
  c1: {netns: path:/srv/./ns}
  c2: {netns: path:/srv/ns}
  c3: {netns: "process:nginx -g x"}
  c4: {netns: name:lab}
  c5: {netns: pid:7}
  c6: {netns: host}
`, `host = host at a.yaml:10
lab = name:lab at a.yaml:8
path:/srv/ns = path:/srv/ns at a.yaml:5
pid:7 = pid:7 at a.yaml:9
web = process:nginx -g x at a.yaml:3
host/link/c6 at a.yaml:10
lab/link/c4 at a.yaml:8
path:/srv/ns/link/c1 at a.yaml:5
path:/srv/ns/link/c2 at a.yaml:6
pid:7/link/c5 at a.yaml:9
web/link/c3 at a.yaml:7
`},
		{"a selector in place whose plain name means another namespace", `
namespaces:
  lab: {from: pid:7}
links:
  c1: {netns: name:lab}
  c2: {netns: lab}
`, `lab = pid:7 at a.yaml:3
name:lab = name:lab at a.yaml:5
lab/link/c2 at a.yaml:6
name:lab/link/c1 at a.yaml:5
`},
		{"words as YAML 1.1 has them, in any case", `
links:
  c1: {up: yes, name: on, colour: 0010}
  c2: {up: OFF, notes: {a: 1, b: true, c: 2001-01-01}}
`, `host/colour/on at a.yaml:3
host/link/c2 at a.yaml:4
host/link/on at a.yaml:3
`},
		{"a byte order mark and carriage returns", "\ufeffversion: 1\r\nlinks:\r\n  c1: {name: eth0}\r\n", `host/link/eth0 at a.yaml:3
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			desired, errs := Compile(toys, files(test.text))
			if d := cmp.Diff(test.want, say(desired)); d != "" || len(errs) > 0 {
				t.Errorf("desired (-want +got):\n%s%s", d, errs)
			}
		})
	}
}

// What is wrong is left out, and what is right beside it is there.
func TestWhatIsRightBesideWhatIsWrong(t *testing.T) {
	desired, errs := Compile(toys, files(`-- a.yaml --
namespaces:
  lab: {size: x, rooms: [{name: hall}]}
links:
  c1: {netns: lab}
  c2: {netns: lba}
-- b.yaml --
links: {c3: {netns: lab}, c3: {}}
-- c.yaml --
links: {c1: {netns: lab, name: eth1}, c4: {netns: lab}}
`))
	if d := cmp.Diff(`lab = name:lab at a.yaml:2
lab/link/c1 at a.yaml:4
lab/link/c3 at b.yaml:1
lab/link/c4 at c.yaml:1
lab/room/hall at a.yaml:2
`, say(desired)); d != "" {
		t.Errorf("desired (-want +got):\n%s", d)
	}
	atFault := map[string]bool{"a.yaml": true, "b.yaml": true, "c.yaml": true}
	if d := cmp.Diff(atFault, errs.Files()); d != "" {
		t.Errorf("files at fault (-want +got):\n%s", d)
	}
	// The second declaration concerns the file of the first as well.
	if d := cmp.Diff(`a.yaml:2:15: expected a whole number, found "x"
a.yaml:5:15: namespace "lba" is not declared; did you mean "lab"?
c.yaml:1:9: link "c1" is declared twice, first in a.yaml:4`, errs.byFile()["a.yaml"].Error()); d != "" {
		t.Errorf("errors of a.yaml (-want +got):\n%s", d)
	}
}

func TestSuggestions(t *testing.T) {
	for _, test := range []struct {
		word  string
		known []string
		want  string
	}{
		{"ruotes", []string{"routes", "rules"}, `; did you mean "routes"?`},
		{"bridg", []string{"veth", "bridge"}, `; did you mean "bridge"?`},
		{"up", []string{"mtu", "mac"}, ``},
		{"x", []string{"y"}, ``},
		{"", []string{"a", "ab"}, ``},
		{"ab", []string{"ba"}, `; did you mean "ba"?`},
		{"lab3", []string{"lab2", "lab1"}, `; did you mean "lab1"?`},
		{"completely", []string{"different"}, ``},
	} {
		if got := didYouMean(test.word, test.known); got != test.want {
			t.Errorf("%q among %q: got %q, want %q", test.word, test.known, got, test.want)
		}
	}
}

// A key has the words of other tools beside it, and the hint names the key, or what to write.
func TestHintsAtKeys(t *testing.T) {
	lang := toys
	lang.Namespace = []Key{NewKey("rooms", "", func(*Context, []struct {
		Via string `yaml:"via" also:"gateway gw"`
	}) {
	}).Called("chambers", "halls=rooms: [{via: DOOR}]")}
	_, errs := Compile(lang, files(`
namespaces:
  lab: {chambers: [], halls: [], rooms: [{gateway: x}, {vai: y}, {other: z}], chambres: []}
ethernets: {}
interfaces: {}
`))
	if d := cmp.Diff(`a.yaml:3:9: unknown key "chambers"; did you mean "rooms"?
a.yaml:3:23: unknown key "halls"; did you mean rooms: [{via: DOOR}]?
a.yaml:3:43: unknown key "gateway"; did you mean "via"?
a.yaml:3:57: unknown key "vai"; did you mean "via"?
a.yaml:3:67: unknown key "other"
a.yaml:3:79: unknown key "chambres"
a.yaml:4:1: unknown key "ethernets"; did you mean links: {ID: {kind: existing}}?
a.yaml:5:1: unknown key "interfaces"; did you mean "links"?`, errs.Error()); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}
