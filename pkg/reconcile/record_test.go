package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/spec"
)

// A record has one change for each resource, whatever was tried, and leaves out what is as before.
func TestRecordMergesTheOpsOnAResource(t *testing.T) {
	kinds := newKernel("").kinds()
	no := errors.New("no")
	r := &Record{rank: map[*Registered]int{&kinds[0]: 0}}
	op := func(verb Verb, want, have string, err error) {
		o := &Op{Verb: verb, kind: &kinds[0]}
		if want != "" {
			o.Want = parse(want)[0]
		}
		if have != "" {
			o.Have = parse(have)[0]
		}
		if want != "" && have != "" {
			o.Why = o.kind.Diff(o.Want, o.Have)
		}
		r.add(o, err)
	}
	op(Delete, "", "lab/box/gone mark", nil)
	op(Create, "lab/box/b", "", no)
	op(Create, "lab/box/b", "", nil)
	op(Create, "lab/box/failed", "", no)
	op(Update, "lab/box/a value=2", "lab/box/a value=1 mark", nil)
	op(Update, "lab/box/a value=3", "lab/box/a value=2 mark", nil)
	op(Update, "lab/box/back value=2", "lab/box/back value=1 mark", nil)
	op(Update, "lab/box/back value=1", "lab/box/back value=2 mark", nil)
	op(Create, "lab/box/short", "", nil)
	op(Delete, "", "lab/box/short mark", nil)
	op(Delete, "", "lab/box/anew value=1 mark", nil)
	op(Create, "lab/box/anew value=2", "", nil)
	op(Create, "lab/box/made", "", nil)
	op(Update, "lab/box/made value=2", "lab/box/made mark", nil)
	op(Update, "lab/box/half value=2", "lab/box/half value=1 mark", nil)
	op(Update, "lab/box/half value=3", "lab/box/half value=2 mark", no)
	changes, more := r.Changes()
	got := ""
	for _, c := range changes {
		got += fmt.Sprintln(strings.TrimSpace(fmt.Sprint(c.Result, " ", c.Op, " ", c.ID, " ", strings.Join(Strings(c.Fields), ", "), " ", c.Error)))
	}
	const want = `done update lab/box/a value: 1 -> 3
done replace lab/box/anew value: 1 -> 2
done create lab/box/b
done update lab/box/half value: 1 -> 2
done create lab/box/made
done delete lab/box/gone
failed create lab/box/failed  no
failed update lab/box/half value: 2 -> 3 no
`
	if d := cmp.Diff(want, got); d != "" || more != 0 {
		t.Errorf("changes (-want +got), and %d more:\n%s", more, d)
	}
	for range mostRecorded {
		op(Create, "lab/box/b", "", nil)
	}
	if _, more := r.Changes(); more != 16 {
		t.Errorf("%d more than a record holds, want 16", more)
	}
}

// An op that was dropped before its turn, because the files were read again, counts as done if another op did the same.
func TestRecordCountsWhatOtherOpsDidForDroppedOnes(t *testing.T) {
	kinds := newKernel("").kinds()
	r := &Record{rank: map[*Registered]int{&kinds[0]: 0}, dropped: map[spec.ID]*Op{}}
	create := func(want string) *Op { return &Op{Verb: Create, kind: &kinds[0], Want: parse(want)[0]} }
	remove := func(have string) *Op { return &Op{Verb: Delete, kind: &kinds[0], Have: parse(have)[0]} }
	for _, op := range []*Op{
		create("lab/box/made"), create("lab/box/half value=2"), create("lab/box/unwanted"), create("lab/box/later"), remove("lab/box/gone mark"),
		remove("lab/box/back mark"), create("lab/box/short"),
	} {
		r.drop(op)
	}
	// Another op made it.
	r.settle(parseID("lab/box/made"), true)
	// Another op made it, without its value.
	half := &Op{Verb: Update, kind: &kinds[0], Want: parse("lab/box/half value=2")[0], Have: parse("lab/box/half value=1 mark")[0]}
	r.add(half, nil)
	// Nobody made it, and no file declares it any more.
	r.settle(parseID("lab/box/unwanted"), false)
	// Its own op came later.
	r.add(create("lab/box/later"), nil)
	r.settle(parseID("lab/box/later"), true)
	// Another op deleted it.
	r.settle(parseID("lab/box/gone"), false)
	// It is declared again.
	r.settle(parseID("lab/box/back"), true)
	// Another op made it, and no file declares it any more.
	r.add(remove("lab/box/short mark"), nil)
	changes, _ := r.Changes()
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprint(c.Result, " ", c.Op, " ", c.ID, " ", strings.Join(Strings(c.Fields), ", ")))
	}
	want := []string{"done create lab/box/half ", "done create lab/box/later ", "done create lab/box/made ", "done delete lab/box/gone "}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}

func TestProgressCountsAndNamesWhatIsWaitedFor(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a\nhost/box/b needs=host/box/nobody\nhost/box/c")
	if p := b.engine.Progress(); p != (Progress{Total: 3}) {
		t.Errorf("before the first look: %+v", p)
	}
	b.engine.Converge(t.Context())
	want := Progress{Done: 2, Total: 3, Waiting: "host/box/b: waits for host/box/nobody: it does not exist, and no file declares it"}
	if p := b.engine.Progress(); p != want {
		t.Errorf("afterwards: %+v, want %+v", p, want)
	}
}
