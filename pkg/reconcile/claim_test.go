package reconcile

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FAULTS 34: a mark alone moves nothing. In all of these, lab, evil and blue are namespaces that somebody else may be root in.
func TestAMarkAloneMovesNothing(t *testing.T) {
	const (
		want     = "lab/box/w home=host/box/h value=2"
		recorded = "host/away/box/h set before=1 device=7"
	)
	for _, test := range []struct {
		name string
		situation
		says string
	}{
		{"no file says a word of it", situation{have: "evil/box/pwn claim=host/box/wg device=6 value=2"}, ""},
		{"and there is a journal of others", situation{have: "evil/box/pwn claim=blue/box/eth device=6\nlab/box/w claim=host/box/h device=7", journal: recorded}, `
- lab/box/w  (from: lab/w -> host/h, put back)
`},
		{"what is at home is fetched, not what says to be that", situation{want: want,
			have: "host/box/h value=1\nevil/box/pwn claim=host/box/h device=6 value=2"}, `
~ lab/box/w  (from: host/h -> lab/w, value: 1 -> 2)
`},
		{"nor is it, while nothing is at home", situation{want: want, have: "host/box/other\nevil/box/pwn claim=host/box/h device=6 value=2"}, `
lab/box/w pending: host/h does not exist yet, and linkd does not create it
`},
		{"nor while what the journal knows is away", situation{want: want, journal: recorded,
			have: "blue/box/x claim=host/box/h device=7 value=2\nevil/box/pwn claim=host/box/h device=6 value=2"}, `
~ lab/box/w  (from: blue/x -> lab/w)
`},
		{"a mark that leads elsewhere leads nowhere", situation{have: "lab/box/w claim=host/box/docker device=7", journal: recorded}, `
- lab/box/w  (from: lab/w -> host/h, put back)
`},
		{"what was put in its place stays there", situation{have: "lab/box/w claim=host/box/h device=6", journal: recorded + "\nlab/box/w fetched"}, `
remembered:
host/away/box/h device=7
`},
		{"and is not taken for it while that is declared", situation{want: want, have: "host/box/other\nlab/box/w claim=host/box/h device=6", journal: recorded}, `
lab/box/w failed: lab already has the box "w", which linkd did not fetch from host/h. Remove it, or write adopt: true
`},
		{"not even where linkd was told to adopt what is there", situation{want: want + " adopt", have: "host/box/other\nlab/box/w claim=host/box/h device=6", journal: recorded}, `
lab/box/w failed: lab already has the box "w", which linkd did not fetch from host/h. Remove it, or write adopt: true
`},
		{"without a journal it is right where a file says", situation{want: want, have: "host/box/other\nlab/box/w claim=host/box/h device=7 value=2"}, ""},
		{"and is put back only after it was adopted", situation{want: want + " adopt", have: "host/box/other\nlab/box/w claim=host/box/h device=7 value=2"}, `
remembered:
host/away/box/h device=7
lab/box/w fetched
`},
		{"what cannot be told from others is not confirmed", situation{have: "lab/box/w claim=host/box/h", journal: "host/away/box/h set before=1"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(strings.TrimPrefix(test.says, "\n"), test.compare()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestAMarkAloneEndsNothingElsewhere(t *testing.T) {
	for _, test := range []struct {
		name string
		situation
		says string
	}{
		{"it ends what carries it", situation{have: "evil/box/pwn mark"}, "- evil/box/pwn\n"},
		{"unless a part of that is elsewhere", situation{have: "evil/box/pwn mark half"}, ""},
		{"which the journal knows to be linkd's", situation{have: "evil/box/w mark half", journal: "evil/box/w made"}, "- evil/box/w\n"},
		{"and which is so in a namespace of linkd's own", situation{have: "host/box/w mark half"}, "- host/box/w\n"},
		{"or one that it has made", situation{have: "lab/box/w mark half", journal: "host/space/lab made makes=lab print=" + string(instance)}, "- lab/box/w\nremembered:\n"},
		{"but not in one that somebody made in the place of that", situation{have: "lab/box/w mark half\nhost/space/lab", journal: "host/space/lab made makes=lab print=8"}, "remembered:\n"},
		{"nor with what needs it elsewhere", situation{want: "host/box/on needs=evil/box/pwn", have: "evil/box/pwn mark\nhost/box/on needs=evil/box/pwn mark"}, ""},
		{"nor with what others have on it, of which nothing is said", situation{have: "evil/box/pwn mark\nevil/box/on needs=evil/box/pwn"}, ""},
		{"nor is it replaced", situation{want: "evil/box/w frame=1", have: "evil/box/w mark half frame=2"}, "evil/box/w failed: evil already has a box \"w\" that linkd did not create. Rename this box, or remove the box\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.compare()
			if before, _, remembered := strings.Cut(got, "remembered:"); remembered && !strings.Contains(test.says, "remembered") {
				got = before
			} else if remembered {
				got = before + "remembered:\n"
			}
			if d := cmp.Diff(test.says, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// What nothing confirms is told for as long as it is there, and what gets such a mark later is not.
func TestWhatIsUnconfirmedIsTold(t *testing.T) {
	b := newBench(t, "host/box/w claim=host/box/h device=7\nhost/box/theirs")
	shown := func(want string) {
		t.Helper()
		if d := cmp.Diff(want, strings.Join(b.engine.Status(nil).Warnings, "\n")); d != "" {
			t.Errorf("warnings (-want +got):\n%s", d)
		}
	}
	b.want("")
	b.pass(0, "")
	shown("bring host/box/w to host/h")
	b.things[parseID("host/box/x")] = &toy{id: parseID("host/box/x"), claim: parseID("host/box/i"), device: "8"}
	b.want("")
	b.pass(0, "")
	shown("bring host/box/w to host/h")
	delete(b.things, parseID("host/box/w"))
	b.want("")
	b.pass(0, "")
	shown("")
	if left := b.engine.journal.text(); left != "" {
		t.Errorf("remembered:\n%s", left)
	}
}

// The names in what a kind keeps of a resource may be chosen by somebody who would like the rest of the journal to be lost.
func TestALongEntryDoesNotHideTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := OpenJournal(path)
	j.Put(parseID("host/away/box/h"), Entry{Identity: instance, Set: true, Before: strings.Repeat(`"<`, 256<<10), Device: "7"})
	j.Put(parseID("lab/box/a"), Entry{Identity: instance})
	j.Close()
	again := ReadJournal(path)
	if _, remembered := again.Get(parseID("lab/box/a"), instance); !remembered {
		t.Error("what comes after it is lost")
	}
	if origin, known := again.FetchedFrom("7"); !known || origin != parseID("host/box/h") {
		t.Errorf("device 7 is from %v", origin)
	}
	again.Put(parseID("host/away/box/h"), Entry{Identity: instance, Set: true, Device: "8"})
	if _, known := again.FetchedFrom("7"); known {
		t.Error("a device that is remembered no more has a home")
	}
}

// A journal of another boot confirms nothing, and says so.
func TestAJournalOfAnotherBootIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	before := journalOf(t, path, "host/away/box/h set device=7")
	before.boot = "a-boot-long-ago"
	must(t, before.compact())
	before.Close()
	j := OpenJournal(path)
	if _, known := j.FetchedFrom("7"); known || !j.Lost {
		t.Errorf("device 7 is known: %v, the journal is lost: %v", known, j.Lost)
	}
}
