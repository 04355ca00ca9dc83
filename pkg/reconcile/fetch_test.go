package reconcile

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/observe"
)

func TestCompareFetched(t *testing.T) {
	const want = "lab/box/w home=host/box/h value=2"
	gone := map[string]error{"lab": observe.Pendingf("no lab")}
	unseen := map[scope]error{{"host", "box"}: errors.New("interrupted")}
	for _, test := range []struct {
		name string
		situation
		says string
	}{
		{"it is fetched from its home", situation{want: want, have: "host/box/h value=1\nhost/box/other"}, `
~ lab/box/w  (from: host/h -> lab/w, value: 1 -> 2)
`},
		{"and waited for", situation{want: want + "\nlab/note/n needs=lab/box/w", have: "host/box/other"}, `
lab/box/w pending: host/h does not exist yet, and linkd does not create it
lab/note/n pending: waits for lab/box/w: host/h does not exist yet, and linkd does not create it
`},
		{"so is its home", situation{want: want, missing: map[string]error{"host": observe.Pendingf("no host")}}, `
lab/box/w pending: no host
`},
		{"which nothing is the matter with once it is there", situation{want: want, have: "lab/box/w home=host/box/h value=2",
			missing: map[string]error{"host": observe.Pendingf("no host")}}, `
remembered:
lab/box/w fetched
`},
		{"what is not as wanted is changed where it is", situation{want: want, have: "lab/box/w home=host/box/h value=3"}, `
~ lab/box/w  (value: 3 -> 2)
`},
		{"wherever it has been taken, it is fetched from there", situation{want: want, have: "host/box/h\nblue/box/x home=host/box/h value=2"}, `
~ lab/box/w  (from: blue/x -> lab/w)
`},
		{"what another made in its place is left alone", situation{want: want, have: "host/box/h value=1\nlab/box/w value=2"}, `
lab/box/w failed: lab already has a box "w" that linkd did not create, so host/h stays there
`},
		{"and so is one that another brought there", situation{want: want, have: "lab/box/w value=2"}, `
lab/box/w failed: lab already has the box "w", which linkd did not fetch from host/h. Remove it, or write adopt: true
`},
		{"unless the file says otherwise", situation{want: want + " adopt", have: "lab/box/w value=1"}, `
~ lab/box/w  (value: 1 -> 2)
`},
		{"what linkd made in its place makes room", situation{want: want, have: "host/box/h value=1\nlab/box/w value=2 mark"}, `
± lab/box/w  (from: host/h -> lab/w, value: 1 -> 2)
`},
		{"and what it had fetched from elsewhere", situation{want: want, have: "host/box/h value=2\nlab/box/w home=host/box/x"}, `
± lab/box/w  (from: host/h -> lab/w, the present one is put back as host/x)
`},
		{"also while there is nothing to fetch", situation{want: want, have: "lab/box/w home=host/box/x"}, `
- lab/box/w  (from: lab/w -> host/x, put back)
lab/box/w pending: host/h does not exist yet, and linkd does not create it
`},
		{"what linkd made is not to be fetched", situation{want: want, have: "host/box/h mark"}, `
- host/box/h
lab/box/w pending: host/h does not exist yet, and linkd does not create it
`},
		{"what it has at home is told, and what would end stops it", situation{want: want,
			have: "host/box/h value=2\nhost/note/n needs=host/box/h\nhost/note/o needs=host/box/h print=1", journal: "host/note/o made print=1"}, `
- host/note/o
~ lab/box/w  (from: host/h -> lab/w, on it host/note/n)
`},
		{"what would end stops it", situation{want: want, have: "host/box/h value=2\nhost/box/on needs=host/box/h"}, `
lab/box/w failed: linkd does not fetch it, because that would delete resources that it did not make: host/box/on
`},
		{"unless it stays in its namespace", situation{want: "host/box/w home=host/box/h", have: "host/box/h\nhost/box/on needs=host/box/h\nhost/note/n needs=host/box/h"}, `
~ host/box/w  (from: host/h -> host/w)
`},
		{"what linkd has set there is put back first", situation{want: want,
			have: "host/box/h value=2\nhost/knob/k value=2 needs=host/box/h", journal: "host/knob/k set before=1 wrote=2"}, `
~ host/knob/k  (value: 2 -> 1, put back)
~ lab/box/w  (from: host/h -> lab/w)
`},
		{"what has only another name keeps what is on it", situation{want: want + "\nlab/note/n needs=lab/box/w print=1",
			have: "lab/box/x home=host/box/h value=2\nlab/note/o needs=lab/box/x print=1", journal: "lab/note/o made print=1"}, `
~ lab/box/w  (from: lab/x -> lab/w)
+ lab/note/n
remembered:
`},

		{"what leaves the files goes home, before the namespace does that it is in", situation{
			have:    "host/space/lab makes=lab mark\nlab/box/w home=host/box/h\nlab/note/n needs=lab/box/w print=1",
			journal: "lab/note/n made print=1\nlab/box/w fetched\nhost/away/box/h set before=1"}, `
- lab/note/n
- lab/box/w  (from: lab/w -> host/h, put back)
- host/space/lab
`},
		{"or moves on before it does", situation{want: "new/box/w home=host/box/h",
			have: "host/space/lab makes=lab mark\nlab/box/w home=host/box/h"}, `
~ new/box/w  (from: lab/w -> new/w)
- host/space/lab
`},
		{"where its name is taken, it stays, and so does the namespace", situation{
			have:    "host/space/lab makes=lab mark\nlab/box/w home=host/box/h needs=host/space/lab\nhost/box/h",
			journal: "lab/box/w fetched\nhost/away/box/h set before=1"}, `
host/space/lab failed: linkd does not delete it, because that would delete resources that it did not make: lab/box/w
lab/box/w failed: it was fetched from host/h, but that name is taken: it stays where it is
`},
		{"and where there is no home", situation{have: "lab/box/w home=host/box/h", missing: map[string]error{"host": observe.Pendingf("no host")}}, `
lab/box/w failed: it was fetched from host/h, but no host: it stays where it is
`},
		{"what fell back from a namespace that ended goes home", situation{want: want, have: "host/box/w home=host/box/h", missing: gone}, `
- host/box/w  (from: host/w -> host/h, no lab)
lab/box/w pending: no lab
`},
		{"unless it may have gone by now", situation{want: want, have: "host/box/w home=host/box/h", missing: gone, lookErrors: unseen}, `
lab/box/w pending: no lab
`},
		{"what may have gone is not fetched", situation{want: want, have: "host/box/h value=1", lookErrors: unseen}, `
lab/box/w failed: interrupted
`},
		{"what is back is forgotten", situation{have: "host/box/h", journal: "host/away/box/h set before=1\nlab/box/w fetched"}, `
remembered:
`},
		{"and what was remembered long ago", situation{have: "host/box/x", journal: "host/away/box/h set before=1 long-ago"}, `
remembered:
`},
		{"what is nowhere may come back yet", situation{have: "host/box/x", journal: "host/away/box/h set before=1"}, ""},
		{"what has the name of something that is made goes home before", situation{want: "lab/box/w value=2", have: "lab/box/w home=host/box/h value=1"}, `
± lab/box/w  (from: lab/w -> host/h, the present one is put back as host/h)
`},
		{"or where it is wanted", situation{want: "lab/box/v home=host/box/h\nlab/box/w value=2", have: "lab/box/w home=host/box/h value=1"}, `
~ lab/box/v  (from: lab/w -> lab/v)
lab/box/w pending: waits for lab/box/v, which still has that name
`},
		{"or stays in the way", situation{want: "lab/box/w value=2", have: "lab/box/w home=host/box/h value=1\nhost/box/h"}, `
lab/box/w failed: lab already has the box "w", and linkd cannot put it back to host/h: that name is taken
`},
		{"what still is declared, if not as fetched, stays", situation{want: "lab/box/w only value=2", have: "lab/box/w home=host/box/h value=2"}, `
remembered:
lab/box/w made
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(strings.TrimPrefix(test.says, "\n"), test.compare()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// The toys of an engine are all in the host, where one is called h at home.
func TestALifeOfWhatIsFetched(t *testing.T) {
	const origin = "host/box/h value=1\nhost/box/theirs value=9\n"
	b := newBench(t, origin)
	b.want("host/box/w home=host/box/h value=2\nhost/note/n needs=host/box/w print=7")
	b.pass(0, "fetch host/box/h host/box/w\ncreate host/note/n\n")
	b.pass(0, "")

	// Taken away, home, and elsewhere under its old name: what it was at home is remembered.
	for _, to := range []string{"host/box/x", "host/box/h"} {
		recorded := parse("host/box/h value=5 home=host/box/h")[0]
		recorded.id = parseID(to)
		must(t, b.move("move", b.things[parseID("host/box/w")], recorded))
		b.wrote()
		b.restart()
		b.want("host/box/w home=host/box/h value=2\nhost/note/n needs=host/box/w print=7")
		b.pass(time.Second, "fetch "+to+" host/box/w\ncreate host/note/n\n")
	}

	b.restart()
	b.want("")
	b.pass(0, "delete host/note/n\nput back host/box/w host/box/h\n")
	b.has(origin)

	// What fails is tried again, and what is remembered then is what it is by then.
	b.refuses[parseID("host/box/w")] = errors.New("refused")
	b.want("host/box/w home=host/box/h value=2")
	b.pass(0, "fetch host/box/h host/box/w\nhost/box/w failed: fetch host/box/w: refused\n")
	b.things[parseID("host/box/h")] = &toy{id: parseID("host/box/h"), value: "4"}
	delete(b.refuses, parseID("host/box/w"))
	b.pass(time.Minute, "fetch host/box/h host/box/w\n")
	b.want("host/box/theirs home=host/box/nowhere")
	b.pass(0, "put back host/box/w host/box/h\nhost/box/theirs failed: host already has the box \"theirs\", which linkd did not fetch from host/nowhere. Remove it, or write adopt: true\n")
	b.has(strings.Replace(origin, "value=1", "value=4", 1))
	if left := b.engine.journal.text(); left != "" {
		t.Errorf("remembered:\n%s", left)
	}
}
