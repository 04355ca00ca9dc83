package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
