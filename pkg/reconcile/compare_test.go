package reconcile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// instance is the identity of every toy namespace.
const instance = observe.Identity("7")

// remembers is a journal in memory. A line is an ID and "made", with a print if one was seen, "fetched", or "set" with the values
// before and since; "long-ago" says that this was about another namespace of that name.
func remembers(text string) *Journal {
	j := ReadJournal("")
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		e := Entry{Identity: instance}
		for _, word := range words[1:] {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "made":
			case "fetched":
				e.Fetched = true
			case "set":
				e.Set = true
			case "before":
				e.Before = value
			case "wrote":
				e.Wrote = value
			case "print":
				e.Print = value
			case "device":
				e.Device = value
			case "makes":
				e.Makes = value
			case "long-ago":
				e.Identity = "1"
			default:
				panic(line)
			}
		}
		j.Put(parseID(words[0]), e)
	}
	return j
}

func (j *Journal) text() string {
	var b strings.Builder
	entries := maps.Collect(j.all())
	for _, id := range slices.SortedFunc(maps.Keys(entries), spec.ID.Compare) {
		e := entries[id]
		switch {
		case e.Device != "":
			fmt.Fprintf(&b, "%s device=%s\n", id, e.Device)
		case e.Set:
			fmt.Fprintf(&b, "%s set before=%s wrote=%s\n", id, e.Before, e.Wrote)
		case e.Fetched:
			fmt.Fprintf(&b, "%s fetched\n", id)
		case e.Print != "":
			fmt.Fprintf(&b, "%s made print=%s\n", id, e.Print)
		default:
			fmt.Fprintf(&b, "%s made\n", id)
		}
	}
	return b.String()
}

// situation is all that a comparison is made of.
type situation struct {
	want, have, journal string
	missing             map[string]error
	lookErrors          map[scope]error
	held                map[spec.ID]Verdict
	partial             bool
}

// compare is the plan, how the resources stand that are not all right, and, where it is not what it was, what the
// journal says then: the whole of what a comparison says.
func (s situation) compare() string {
	c := s.comparison()
	plan, verdicts := c.run()
	var b strings.Builder
	b.WriteString(plan.String())
	for _, id := range slices.SortedFunc(maps.Keys(verdicts), spec.ID.Compare) {
		if v := verdicts[id]; v.State != OK {
			fmt.Fprintf(&b, "%s %s: %s\n", id, v.State, v.Reason)
		}
	}
	before := c.journal.text()
	for _, l := range c.remember {
		l.changeJournal(c.journal)
	}
	if after := c.journal.text(); after != before {
		fmt.Fprintf(&b, "remembered:\n%s", after)
	}
	return b.String()
}

func (s situation) comparison() *comparison {
	k := newKernel(s.have)
	kinds := k.kinds()
	c := &comparison{
		dueRenewal: func(spec.ID) bool { return false },
		kinds:      map[string]*Registered{}, rank: map[*Registered]int{},
		found: observed{}, missing: func(ns string) error { return s.missing[ns] }, lookErrors: s.lookErrors,
		held:    func(id spec.ID) (Verdict, bool) { v, is := s.held[id]; return v, is },
		journal: remembers(s.journal), partial: s.partial,
		identity: func(string) observe.Identity { return instance },
	}
	for i := range kinds {
		c.kinds[kinds[i].Name], c.rank[&kinds[i]] = &kinds[i], i
	}
	for _, r := range wants(s.want).Resources.All() {
		done, err := c.kinds[r.ID().Kind].complete(nil, r)
		if err != nil {
			done = r
		}
		c.want = append(c.want, wanted{done, err})
	}
	for _, t := range k.things {
		c.journal.confirm(c.kinds[t.id.Kind], []spec.Resource{t})
		c.found.set(t)
	}
	c.losses = lossesOf(c.found, c.kinds)
	return c
}

// lossesOf returns what is lost with what, for a whole observed state.
func lossesOf(found observed, kinds map[string]*Registered) *losses {
	l := newLosses(found, map[string]*relations{})
	for _, kind := range kinds {
		if kind.related() {
			l.relations[kind.Name] = newRelations(kind)
		}
	}
	for ns := range found {
		for _, r := range found.inNS(ns) {
			if rs := l.relations[r.ID().Kind]; rs != nil {
				rs.add(r, map[spec.Place]bool{})
			}
			l.update(r.ID())
		}
	}
	return l
}

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name string
		situation
		says string
	}{
		{"nothing is wanted, and nothing is there", situation{}, ""},

		{"what is missing is made after what it needs, then in the order of kinds and IDs", situation{
			want: `
				lab/box/a needs=lab/box/z
				lab/box/b
				lab/box/z
				lab/knob/k value=1 needs=lab/note/n
				lab/note/n print=1 needs=lab/box/a`,
		}, `
+ lab/box/b
+ lab/box/z
+ lab/box/a
+ lab/note/n
+ lab/knob/k
`},

		{"what is there as wanted stays, whoever made it, and what is open is not compared", situation{
			want: "lab/box/a value=1\nlab/box/b\nlab/note/n",
			have: "lab/box/a value=1 frame=x mark\nlab/box/b value=7 frame=y\nlab/note/n print=1",
		}, `
remembered:
lab/box/a made
`},

		{"what linkd made is corrected, in place where that can be", situation{
			want: "lab/box/a value=2\nlab/box/b value=2 frame=y",
			have: "lab/box/a value=1 mark\nlab/box/b value=1 frame=x mark",
		}, `
~ lab/box/a  (value: 1 -> 2)
± lab/box/b  (value: 1 -> 2, frame: x -> y)
`},

		{"what somebody else made is left alone, and nothing is built on it", situation{
			want: "lab/box/a value=2\nlab/box/b needs=lab/box/a\nlab/box/c needs=lab/box/b\nlab/box/d",
			have: "lab/box/a value=1",
		}, `
+ lab/box/d
lab/box/a failed: lab already has a box "a" that linkd did not create (value: 1 -> 2). Remove the box, or write adopt: true
lab/box/b blocked: blocked by lab/box/a: lab already has a box "a" that linkd did not create (value: 1 -> 2). Remove the box, or write adopt: true
lab/box/c blocked: blocked by lab/box/a: lab already has a box "a" that linkd did not create (value: 1 -> 2). Remove the box, or write adopt: true
`},

		{"a file may ask to take over what somebody else made, but not to replace it", situation{
			want: "lab/box/a value=2 adopt\nlab/box/b frame=y adopt",
			have: "lab/box/a value=1\nlab/box/b frame=x",
		}, `
~ lab/box/a  (value: 1 -> 2)
lab/box/b failed: lab already has a box "b" that linkd did not create. Rename this box, or remove the box
`},

		{"what stands in the place of what linkd made is put right", situation{
			want:    "lab/box/a value=2\nlab/box/b frame=y\nlab/box/c value=2",
			have:    "lab/box/a value=1\nlab/box/b frame=x\nlab/box/c value=1",
			journal: "lab/box/a made\nlab/box/b made\nlab/box/c made long-ago",
		}, `
~ lab/box/a  (value: 1 -> 2)
± lab/box/b  (frame: x -> y)
lab/box/c failed: lab already has a box "c" that linkd did not create (value: 1 -> 2). Remove the box, or write adopt: true
`},

		{"without room for a mark only that is linkd's which is the very thing that it made", situation{
			want:    "lab/note/a value=2\nlab/note/b value=2\nlab/note/c value=2",
			have:    "lab/note/a value=1 print=1\nlab/note/b value=1 print=9\nlab/note/c value=1 print=1\nlab/note/d print=1\nlab/note/e print=9\nlab/note/f print=5",
			journal: "lab/note/a made print=1\nlab/note/b made print=1\nlab/note/c made long-ago print=1\nlab/note/d made print=1\nlab/note/e made print=1\nlab/note/f made",
		}, `
~ lab/note/a  (value: 1 -> 2)
- lab/note/d
- lab/note/f
lab/note/b failed: lab already has a note "b" that linkd did not create (value: 1 -> 2). linkd leaves it alone
lab/note/c failed: lab already has a note "c" that linkd did not create (value: 1 -> 2). linkd leaves it alone
remembered:
lab/note/a made print=1
lab/note/b made print=1
lab/note/c made print=1
lab/note/d made print=1
lab/note/f made
`},

		{"what left the files is deleted, needers first and kinds backwards, and what others made stays", situation{
			have: `
				lab/box/a mark
				lab/box/b mark needs=lab/box/a
				lab/box/c mark needs=lab/box/b
				lab/box/d
				lab/note/n mark print=1`,
		}, `
- lab/note/n
- lab/box/c
- lab/box/b
- lab/box/a
`},

		{"what is made comes before what is deleted", situation{
			want: "lab/box/b",
			have: "lab/box/a mark",
		}, `
+ lab/box/b
- lab/box/a
`},

		{"what moves from one thing to another lets go of the one before that is deleted", situation{
			want: "lab/box/new frame=y\nlab/box/p needs=lab/box/new",
			have: `
				lab/box/gone needs=lab/box/new mark
				lab/box/new frame=x mark
				lab/box/old mark
				lab/box/p needs=lab/box/old mark`,
		}, `
- lab/box/gone
± lab/box/new  (frame: x -> y)
± lab/box/p  (needs: [lab/box/old] -> [lab/box/new])
- lab/box/old
`},

		{"it does not where it has to wait for that", situation{
			want: "lab/box/new frame=y\nlab/box/p needs=lab/box/new",
			have: `
				lab/box/new frame=x mark
				lab/box/old needs=lab/box/new mark
				lab/box/p needs=lab/box/old mark`,
		}, `
- lab/box/old
± lab/box/new  (frame: x -> y)
± lab/box/p  (needs: [lab/box/old] -> [lab/box/new])
`},

		{"what needs something that is replaced is made again with it, and so on", situation{
			want: `
				lab/box/a frame=y
				lab/box/b needs=lab/box/a
				lab/box/c needs=lab/box/b value=2
				lab/box/d
				lab/knob/k needs=lab/box/c value=1`,
			have: `
				lab/box/a frame=x mark
				lab/box/b needs=lab/box/a mark
				lab/box/c needs=lab/box/b value=1 mark
				lab/box/d mark
				lab/knob/k needs=lab/box/c value=1`,
			journal: "lab/box/d made\nlab/knob/k set before=0 wrote=1",
		}, `
± lab/box/a  (frame: x -> y)
+ lab/box/b  (made again with lab/box/a)
+ lab/box/c  (made again with lab/box/b)
+ lab/knob/k  (made again with lab/box/c)
remembered:
lab/box/b made
lab/box/d made
lab/knob/k set before=0 wrote=1
`},

		{"what would take with it what others made is neither deleted nor replaced", situation{
			want: "lab/box/a frame=y\nlab/box/mine needs=lab/box/a",
			have: `
				lab/box/a frame=x mark
				lab/box/mine needs=lab/box/a mark
				lab/box/theirs needs=lab/box/a
				lab/note/theirs needs=lab/box/a
				lab/box/b mark
				lab/box/other needs=lab/box/b
				lab/box/c mark
				lab/box/old needs=lab/box/c mark
				lab/note/old needs=lab/box/c`,
			journal: "lab/note/old made\nlab/box/mine made\nlab/box/b made",
		}, `
- lab/note/old
- lab/box/old
- lab/box/c
lab/box/a failed: linkd does not replace it, because that would delete resources that it did not make: lab/box/theirs, lab/note/theirs
lab/box/b failed: linkd does not delete it, because that would delete resources that it did not make: lab/box/other
`},

		{"what needs something that has to be replaced, and cannot be now, is right as it is", situation{
			want:    "lab/box/a frame=y needs=lab/box/nobody\nlab/box/b needs=lab/box/a",
			have:    "lab/box/a frame=x mark\nlab/box/b needs=lab/box/a mark",
			journal: "lab/box/b made",
		}, `
lab/box/a pending: waits for lab/box/nobody: it does not exist, and no file declares it
`},

		{"what was to be made, and is not there, is forgotten", situation{want: "lab/note/n", journal: "lab/note/n made"}, `
+ lab/note/n
remembered:
`},
		{"a setting is set, whoever set it before", situation{
			want: "lab/knob/k value=2",
			have: "lab/knob/k value=1",
		}, `
~ lab/knob/k  (value: 1 -> 2)
`},

		{"a setting that left the files is put back while it is as linkd set it", situation{
			have: `
				lab/knob/a value=2
				lab/knob/b value=3
				lab/knob/c value=2
				lab/knob/d value=2
				lab/knob/e value=2`,
			journal: `
				lab/knob/a set before=1 wrote=2
				lab/knob/b set before=1 wrote=2
				lab/knob/c set before=2 wrote=2
				lab/knob/d set before=1 wrote=2 long-ago
				lab/knob/gone set before=1 wrote=2`,
		}, `
~ lab/knob/a  (value: 2 -> 1, put back)
remembered:
lab/knob/a set before=1 wrote=2
`},

		{"a setting of what is deleted goes with it", situation{
			have:    "lab/box/a mark\nlab/knob/k value=2 needs=lab/box/a",
			journal: "lab/knob/k set before=1 wrote=2",
		}, `
- lab/box/a
remembered:
`},

		{"while it is not known all that is wanted, nothing is taken for undeclared", situation{
			want:    "lab/box/a value=2",
			have:    "lab/box/a value=1 mark\nlab/box/b mark\nlab/knob/k value=2\nlab/note/n print=1",
			journal: "lab/knob/k set before=1 wrote=2\nlab/note/n made print=1",
			partial: true,
		}, `
~ lab/box/a  (value: 1 -> 2)
`},

		{"the root of what is waited for is named, and not the way to it", situation{
			want: `
				lab/box/a needs=lab/box/nobody
				lab/box/b needs=lab/box/a
				lab/box/c needs=lab/box/b
				lab/box/d pending=not_yet
				lab/box/e needs=lab/box/d
				lab/box/f failed=never
				lab/box/g needs=lab/box/f
				lab/box/h needs=lab/box/g
				lab/box/i needs=lab/box/theirs`,
			have: "lab/box/theirs",
		}, `
+ lab/box/i
lab/box/a pending: waits for lab/box/nobody: it does not exist, and no file declares it
lab/box/b pending: waits for lab/box/nobody: it does not exist, and no file declares it
lab/box/c pending: waits for lab/box/nobody: it does not exist, and no file declares it
lab/box/d pending: not yet
lab/box/e pending: waits for lab/box/d: not yet
lab/box/f failed: never
lab/box/g blocked: blocked by lab/box/f: never
lab/box/h blocked: blocked by lab/box/f: never
`},

		{"what is there stays as it is while what it needs is not all right", situation{
			want:    "lab/box/a value=2\nlab/box/b needs=lab/box/a",
			have:    "lab/box/a value=1\nlab/box/b needs=lab/box/a mark",
			journal: "lab/box/b made",
		}, `
lab/box/a failed: lab already has a box "a" that linkd did not create (value: 1 -> 2). Remove the box, or write adopt: true
`},

		{"what cannot be completed any more does not stay behind", situation{
			want: "lab/box/a pending=its_process_is_gone\nlab/box/b failed=broken\nlab/box/c pending=gone",
			have: "lab/box/a mark\nlab/box/b mark\nlab/box/c",
		}, `
- lab/box/a  (its process is gone)
lab/box/a pending: its process is gone
lab/box/b failed: broken
lab/box/c pending: gone
`},

		{"what linkd does not make is waited for", situation{
			want: "lab/box/a only value=2\nlab/box/b needs=lab/box/a",
		}, `
lab/box/a pending: it does not exist yet, and linkd does not create it
lab/box/b pending: waits for lab/box/a: it does not exist yet, and linkd does not create it
`},

		{"namespaces that are not there are waited for, and what is wrong with one is said", situation{
			want: "lab/box/a\nlab/box/b within=away\nlab/box/c within=odd\nlab/box/d needs=lab/box/b",
			missing: map[string]error{
				"away": observe.Pendingf("there is no namespace at /run/netns/away"),
				"odd":  errors.New("/run/netns/odd is not a network namespace"),
			},
		}, `
+ lab/box/a
lab/box/b pending: there is no namespace at /run/netns/away
lab/box/c failed: /run/netns/odd is not a network namespace
lab/box/d pending: waits for lab/box/b: there is no namespace at /run/netns/away
`},

		{"a namespace that a resource makes comes before all that is in it or reaches into it", situation{
			want: `
				host/space/new makes=new
				host/box/a within=new
				new/box/b`,
			missing: map[string]error{"new": observe.Pendingf("there is no namespace at /run/netns/new")},
		}, `
+ host/space/new
+ host/box/a
+ new/box/b
`},

		{"a namespace that cannot be made holds up all that is in it", situation{
			want:    "host/space/new makes=new value=2\nnew/box/b",
			have:    "host/space/new value=1",
			missing: map[string]error{"new": observe.Pendingf("there is no namespace at /run/netns/new")},
		}, `
host/space/new failed: host already has a space "new" that linkd did not create (value: 1 -> 2). Remove the space, or write adopt: true
new/box/b blocked: blocked by host/space/new: host already has a space "new" that linkd did not create (value: 1 -> 2). Remove the space, or write adopt: true
`},

		{"what is in a namespace is deleted before the namespace", situation{
			have: "host/space/new makes=new mark\nnew/box/b mark\nnew/knob/k value=2",
		}, `
- new/box/b
- host/space/new
`},

		{"where linkd could not look it changes nothing, and forgets nothing", situation{
			want:    "lab/box/a\nlab/note/n",
			have:    "lab/note/o mark",
			journal: "lab/box/b made\nlab/knob/k set before=1 wrote=2",
			lookErrors: map[scope]error{
				{"lab", "box"}:  errors.New("look at box in lab: interrupted"),
				{"lab", "knob"}: errors.New("look at knob in lab: interrupted"),
			},
		}, `
+ lab/note/n
- lab/note/o
lab/box/a failed: look at box in lab: interrupted
`},

		{"nor where what it reaches into could not be looked at", situation{
			want:       "host/box/a within=lab value=2",
			have:       "host/box/a within=lab value=1 mark",
			lookErrors: map[scope]error{{"lab", "box"}: errors.New("look at box in lab: interrupted")},
		}, `
host/box/a failed: look at box in lab: interrupted
`},

		{"what is held back is not tried, nor what needs it unless it is only flapping", situation{
			want: `
				lab/box/a value=2
				lab/box/b needs=lab/box/a
				lab/box/f value=2
				lab/box/g needs=lab/box/f
				lab/box/h value=2`,
			have: "lab/box/f value=1 mark\nlab/box/h value=2 mark\nlab/box/old mark\nlab/knob/k value=2",
			journal: `
				lab/box/h made
				lab/box/old made
				lab/knob/k set before=1 wrote=2`,
			held: map[spec.ID]Verdict{
				parseID("lab/box/a"):   {State: Failed, Reason: "create lab/box/a: no"},
				parseID("lab/box/f"):   {State: Flapping, Reason: "again and again"},
				parseID("lab/box/h"):   {State: Failed, Reason: "was not right before"},
				parseID("lab/box/old"): {State: Failed, Reason: "delete lab/box/old: no"},
				parseID("lab/knob/k"):  {State: Failed, Reason: "update lab/knob/k: no"},
			},
		}, `
+ lab/box/g
lab/box/a failed: create lab/box/a: no
lab/box/b blocked: blocked by lab/box/a: create lab/box/a: no
lab/box/f flapping: again and again
lab/box/old failed: delete lab/box/old: no
lab/knob/k failed: update lab/knob/k: no
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 3 {
				if d := cmp.Diff(strings.TrimPrefix(test.says, "\n"), test.situation.compare()); d != "" {
					t.Fatalf("comparison (-want +got):\n%s", d)
				}
			}
		})
	}
}

func TestPlanAsText(t *testing.T) {
	a := &toy{id: parseID("lab/box/a\x1b[31m")}
	plan := Plan{
		{Verb: Create, Want: a},
		{Verb: Update, Want: a, Have: a, Why: []Field{{Path: "alias", Have: "\x1b[2J\xff", Want: ""}, {Path: "up", Have: "false", Want: "true"}}, Because: "of\nit"},
		{Verb: Replace, Want: a, Have: a, Because: "of it"},
		{Verb: Delete, Have: a},
	}
	want := `+ lab/box/a?[31m
~ lab/box/a?[31m  (alias: ?[2J? -> (none), up: false -> true, of?it)
± lab/box/a?[31m  (of it)
- lab/box/a?[31m
`
	if d := cmp.Diff(want, plan.String()); d != "" {
		t.Errorf("plan (-want +got):\n%s", d)
	}
}
