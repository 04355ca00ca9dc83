package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// paged is a language in which everything that a page can hold is written.
type paged struct {
	Word   string            `yaml:"word" required:"true"`
	Number *int              `yaml:"number"`
	Flag   *bool             `yaml:"flag"`
	Words  []string          `yaml:"words"`
	Map    map[string]string `yaml:"map"`
	Deep   []paged           `yaml:"deep"`
	inner
	Source Source
}

type inner struct {
	MAC *MAC `yaml:"mac"`
}

func TestPage(t *testing.T) {
	ref := func(n int) *int { return &n }
	off, mac := false, MAC("12:34:56:12:34:56")
	lang := Language{
		Namespace: []Key{NewKey("first", "", func(*Context, paged) {}), NewKey("second", "", func(*Context, []paged) {})},
		Link:      Link{End: []Key{NewKey("first", "", func(*Context, string) {}), NewKey("second", "", func(*Context, []string) {})}},
	}
	doc := NewDocument(lang)
	doc.Declare(Namespace{Name: Host, Selector: Selector{Scheme: Host}}, true)
	doc.Declare(Namespace{Name: "blue", Selector: Selector{Scheme: "name", Value: "blue"}}, true)
	doc.Declare(Namespace{Name: "ct", Selector: Selector{Scheme: "process", Value: "sleep 1"}}, true)
	doc.Declare(Namespace{Name: "pid:7", Selector: Selector{Scheme: "pid", Value: "7"}}, false)
	doc.Namespace("blue").Set("second", []paged{{Word: "w", Number: ref(0)}})
	doc.Namespace("blue").Set("first", paged{
		Word: "no", Number: ref(7), Flag: &off, Words: []string{"1", "true", "null", "", "a: b"}, Map: map[string]string{"b": "x", "a": "#y"},
		Deep: []paged{
			{Word: "a word that takes its room and then some more of it and yet more of the line", inner: inner{&mac}, Source: Source{File: "f"}},
			{Word: "more", Words: []string{"!x", "~"}},
		},
	})
	doc.Namespace("pid:7").Set("first", paged{Word: "not shown"})

	own := struct {
		Kind string `yaml:"kind"`
	}{"thing"}
	link := func(id string, names []string, onlyWithKeys bool, ends ...End) {
		doc.Link(LinkEntry{ID: id, Names: names, Ends: ends, OnlyWithKeys: onlyWithKeys, Write: func(string) any {
			parts := MergedMapping{own}
			for _, end := range ends {
				parts = append(parts, struct {
					In string `yaml:"in"`
				}{doc.Reference(end.NS)}, doc.End(end.NS, end.Dev))
			}
			return parts
		}})
	}
	link("", []string{"eth0"}, false, End{Host, "eth0"})
	link("", []string{"eth0", "blue-eth0"}, false, End{"blue", "eth0"})
	link("marked", []string{"eth1"}, false, End{"blue", "eth1"})
	link("", []string{"eth1", "ct-eth1"}, false, End{"ct", "eth1"})
	link("", []string{"lo", "blue-lo"}, true, End{"blue", "lo"})
	link("", []string{"far"}, false, End{"pid:7", "far"})
	doc.End("ct", "eth1").Set("second", []string{"x", "y"})
	doc.End("ct", "eth1").Set("first", "z")
	doc.LeaveOut("ct", "eth1", "address", "that runs out")
	doc.LeaveOut("ct", "eth1", "route", "of bird")
	doc.LeaveOut("ct", "eth1", "route", "of bird")
	doc.LeaveOut("blue", "gone", "route", "of bird")
	doc.Remark("blue", "", "it is called %s", "b\nlue \x1b[m")

	text, err := doc.YAML()
	if err != nil {
		t.Fatal(err)
	}
	const want = `version: 1

namespaces:
  # it is called b?lue ?[m
  # gone: not shown: 1 route of bird
  blue:
    first:
      word: "no"
      number: 7
      flag: false
      words: ["1", "true", "null", "", "a: b"]
      map: {a: "#y", b: x}
      deep:
        - word: a word that takes its room and then some more of it and yet more of the line
          mac: "12:34:56:12:34:56"
        - word: more
          words: ["!x", "~"]
    second: [{word: w, number: 0}]
  ct:
    from: "process:sleep 1"

links:
  blue-eth0:
    kind: thing
    in: blue
  # not shown: 1 address that runs out
  # not shown: 2 routes of bird
  ct-eth1:
    kind: thing
    in: ct
    first: z
    second: [x, "y"]
  eth0:
    kind: thing
    in: host
  marked:
    kind: thing
    in: blue
`
	if d := cmp.Diff(want, string(text)); d != "" {
		t.Errorf("the page (-want +got):\n%s", d)
	}

	// What is written is read as it was, and so is the JSON.
	json, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{text, json} {
		var parsed yaml.Node
		if err := yaml.Unmarshal(text, &parsed); err != nil {
			t.Fatal(err)
		}
		var errs Errors
		c := &Context{errs: &errs}
		var read paged
		if !c.Decode(ValueOf(ValueOf(ValueOf(parsed.Content[0], "namespaces"), "blue"), "first"), &read) {
			t.Fatal(errs)
		}
		written := doc.Namespace("blue").values["first"].(paged)
		for _, p := range []*paged{&read, &written} {
			p.Source = Source{}
			for i := range p.Deep {
				p.Deep[i].Source = Source{}
			}
		}
		if d := cmp.Diff(written, read, cmp.AllowUnexported(paged{})); d != "" {
			t.Errorf("read back (-written +read):\n%s", d)
		}
	}
	if d := cmp.Diff([]string{
		"blue: gone: not shown: 1 route of bird",
		"blue: it is called b?lue ?[m",
		"links/ct-eth1: not shown: 1 address that runs out",
		"links/ct-eth1: not shown: 2 routes of bird",
	}, doc.Remarks()); d != "" {
		t.Errorf("remarks (-want +got):\n%s", d)
	}
}

func TestPlainName(t *testing.T) {
	for text, want := range map[string]string{
		"name:blue": "blue", "pid:7": "pid-7", "process:sleep 36000": "sleep-36000", "path:/proc/7/ns/net": "proc-7-ns-net",
		"process:/": "process", "process:host": "process", "process:x y": "x-y",
		"process:/usr/bin/some-program --with --many=options and words": "usr-bin-some-program---with---many=optio",
	} {
		s, err := ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.PlainName(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// Whoever is root in a namespace can set any mark there, and a page is valid all the same.
func TestIDsThatOthersChose(t *testing.T) {
	entries := []LinkEntry{
		{ID: "wan", Names: []string{"wan"}, Ends: []End{{Host, "wan"}}},
		{ID: "wan", Names: []string{"x", "evil-x"}, Ends: []End{{"evil", "x"}}},
		{ID: "lan", Names: []string{"y", "evil-y"}, Ends: []End{{"evil", "y"}}},
		{ID: "lan", Names: []string{"y", "victim-y"}, Ends: []End{{"victim", "y"}}},
		{ID: "a: b\n c", Names: []string{"z", "evil-z"}, Ends: []End{{"evil", "z"}}},
	}
	nameAll(entries)
	var got []string
	for _, e := range entries {
		got = append(got, e.Ends[0].NS+" "+e.ID)
	}
	if got, want := strings.Join(got, ", "), "evil evil-y, victim victim-y, host wan, evil x, evil z"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
