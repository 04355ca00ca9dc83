package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// bench is an engine over the toy kernel, with a clock that stands still until it is moved. The toys are things of
// linkd's own namespace, of which nothing is touched.
type bench struct {
	*testing.T
	*kernel
	engine  *Engine
	world   *observe.World
	journal string
	clock   time.Time
}

func newBench(t *testing.T, have string) *bench {
	t.Helper()
	world, err := observe.NewWorld()
	if errors.Is(err, fs.ErrPermission) {
		t.Skip("needs root, to enter network namespaces")
	}
	must(t, err)
	t.Cleanup(world.Close)
	b := &bench{T: t, kernel: newKernel(have), world: world, clock: time.Unix(1e9, 0)}
	b.journal = filepath.Join(t.TempDir(), "journal")
	b.restart()
	return b
}

// restart is a new run of linkd with the journal of the last.
func (b *bench) restart() {
	journal := OpenJournal(b.journal)
	b.Cleanup(journal.Close)
	b.engine = NewEngine(b.kinds(), b.world, journal, slog.New(slog.NewTextHandler(io.Discard, nil)))
	b.engine.now = func() time.Time { return b.clock }
}

func (b *bench) want(text string) { b.engine.Want(wants(text), true) }

// pass looks at everything, converges, and wants that done, and everything to stand like that after it: a line for
// each op, and then for each resource that is not all right.
func (b *bench) pass(after time.Duration, want string) {
	b.Helper()
	b.clock = b.clock.Add(after)
	b.engine.LookAtAll()
	b.engine.Converge(context.Background())
	got := b.wrote()
	for _, r := range b.engine.Status(nil).Resources {
		if r.State != OK {
			got += fmt.Sprintf("%s %s: %s\n", r.ID, r.State, r.Reason)
		}
	}
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), got); d != "" {
		b.Errorf("pass (-want +got):\n%s", d)
	}
}

func (b *bench) has(want string) {
	b.Helper()
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), b.kernel.String()); d != "" {
		b.Errorf("there is (-want +got):\n%s", d)
	}
}

func TestALifeOfAnEngine(t *testing.T) {
	const others = "host/box/theirs value=9\nhost/knob/k value=1\n"
	b := newBench(t, others)
	b.want(`
		host/box/a value=1
		host/box/b needs=host/box/a
		host/knob/k value=2
		host/note/n needs=host/box/b print=7`)
	b.pass(0, `
create host/box/a
create host/box/b
update host/knob/k
create host/note/n
`)
	b.pass(0, "")

	// A change of what is wanted, and nothing of what stays.
	b.want("host/box/a value=2\nhost/box/b needs=host/box/a\nhost/knob/k value=2")
	b.pass(0, "update host/box/a\ndelete host/note/n\n")
	b.has(`
host/box/a value=2 mark
host/box/b needs=host/box/a mark
host/box/theirs value=9
host/knob/k value=2
`)

	// Another run knows what the last one made and set.
	b.restart()
	b.want("host/box/a value=2\nhost/box/b needs=host/box/a\nhost/knob/k value=2")
	b.pass(0, "")
	b.restart()
	b.want("")
	b.pass(0, "update host/knob/k\ndelete host/box/b\ndelete host/box/a\n")
	b.has(others)
	b.restart()
	b.pass(0, "")
}

func TestDriftIsCorrected(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a value=1\nhost/box/b needs=host/box/a")
	b.pass(0, "create host/box/a\ncreate host/box/b\n")
	b.things[parseID("host/box/a")].value = "7"
	b.pass(0, "update host/box/a\n")
	must(t, b.kernel.delete(parseID("host/box/a")))
	b.pass(0, "delete host/box/b\ndelete host/box/a\ncreate host/box/a\ncreate host/box/b\n")
}

func TestWhatFailsIsTriedAgainLessAndLessOften(t *testing.T) {
	b := newBench(t, "")
	b.refuses[parseID("host/box/a")] = unix.EBUSY
	b.want("host/box/a\nhost/box/b needs=host/box/a\nhost/box/c needs=host/box/b\nhost/box/d")
	const failing = `
host/box/a failed: create host/box/a: device or resource busy
host/box/b blocked: blocked by host/box/a: create host/box/a: device or resource busy
host/box/c blocked: blocked by host/box/a: create host/box/a: device or resource busy
`
	// What came after it may have been what was in the way.
	b.pass(0, "create host/box/a\ncreate host/box/d\ncreate host/box/a"+failing)
	var pauses []time.Duration
	for range 13 {
		b.pass(0, failing[1:])
		next := b.engine.NextTry()
		if next.IsZero() {
			t.Fatal("it is not tried again")
		}
		pause := next.Sub(b.clock)
		pauses = append(pauses, pause)
		b.pass(pause-1, failing[1:])
		b.pass(1, "create host/box/a"+failing)
	}
	const ms, s = time.Millisecond, time.Second
	if d := cmp.Diff([]time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30 * s, 30 * s, 30 * s}, pauses); d != "" {
		t.Errorf("pauses (-want +got):\n%s", d)
	}
	// Whoever changes the files does not wait.
	b.want("host/box/a value=1")
	b.pass(0, "create host/box/a\ndelete host/box/d\ncreate host/box/a\nhost/box/a failed: create host/box/a: device or resource busy\n")
	delete(b.refuses, parseID("host/box/a"))
	b.pass(50*ms, "create host/box/a\n")
	if next := b.engine.NextTry(); !next.IsZero() {
		t.Errorf("there is something to try again at %s", next)
	}
}

// What waits for something of which nothing is known but that it is not there is tried again when there is news; what
// failed did not wait for anything.
func TestWhatWaitsIsTriedAgainOnNews(t *testing.T) {
	b := newBench(t, "")
	a, c := parseID("host/box/a"), parseID("host/box/c")
	b.refuses[a], b.refuses[c] = observe.Pendingf("no crane yet"), unix.EBUSY
	b.want("host/box/a\nhost/box/c")
	const stands = "host/box/a pending: create host/box/a: no crane yet\nhost/box/c failed: create host/box/c: device or resource busy\n"
	b.pass(0, "create host/box/a\ncreate host/box/c\n"+stands)
	for range 10 {
		b.pass(lastRetry, "create host/box/a\ncreate host/box/c\n"+stands)
	}
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.NetconfTopic}})
	b.pass(firstRetry, stands)
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic}})
	b.pass(firstRetry-1, stands)
	delete(b.refuses, a)
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic}})
	b.pass(1, "create host/box/a\nhost/box/c failed: create host/box/c: device or resource busy\n")
}

// What is as wanted and of no use is said, and what needs it is not made.
func TestWhatAilsIsSaid(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a value=1\nhost/box/b needs=host/box/a")
	b.pass(0, "create host/box/a\ncreate host/box/b\n")
	b.things[parseID("host/box/a")].ails = "it leaks"
	b.pass(0, "host/box/a failed: it leaks\n")
	must(t, b.kernel.delete(parseID("host/box/b")))
	b.pass(0, "delete host/box/b\nhost/box/a failed: it leaks\nhost/box/b blocked: blocked by host/box/a: it leaks\n")
	b.things[parseID("host/box/a")].ails = ""
	b.pass(0, "create host/box/b\n")
}

// What is to be said of something that is as wanted stands beside its state, and is logged.
func TestARemarkIsSaid(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a value=1")
	b.pass(0, "create host/box/a\n")
	for _, remark := range []string{"", "it squeaks", ""} {
		b.things[parseID("host/box/a")].remark = remark
		b.pass(0, "")
		s := b.engine.Status(nil)
		if r := s.Resources[0]; s.State != Converged || r.State != OK || r.Reason != remark {
			t.Errorf("with %q: %s %+v", remark, s.State, r)
		}
	}
}

// What is silent is looked at from time to time, unless all of it is announced.
func TestSilentThingsAreLookedAt(t *testing.T) {
	b := newBench(t, "host/knob/k value=1\nhost/knob/l value=1")
	b.want("host/knob/k value=1\nhost/knob/l value=1")
	b.pass(0, "")
	b.things[parseID("host/knob/k")].announced = true
	for _, test := range []struct {
		announced bool
		writes    string
	}{{false, "update host/knob/k\n"}, {true, ""}} {
		b.things[parseID("host/knob/l")].announced = test.announced
		b.pass(0, "")
		b.things[parseID("host/knob/k")].value = "2"
		b.engine.LookAtSilent()
		b.engine.Converge(context.Background())
		if wrote := b.wrote(); wrote != test.writes {
			t.Errorf("announced %v: wrote %q, want %q", test.announced, wrote, test.writes)
		}
		b.things[parseID("host/knob/k")].announced = true
	}
}

// What follows something else is not undone when that changes, however often.
func TestWhatFollowsDoesNotFlap(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a value=1")
	b.pass(0, "create host/box/a\n")
	for range 3 * flapCount {
		b.things[parseID("host/box/a")].value, b.things[parseID("host/box/a")].follows = "2", true
		b.pass(0, "update host/box/a\n")
	}
}

// FAULTS 15: somebody undoes a thing again and again: it is corrected, then left for a while, and said who that may be.
func TestWhatIsUndoneAgainAndAgainIsLeftForAWhile(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a value=1\nhost/box/b value=1 needs=host/box/a")
	b.pass(0, "create host/box/a\ncreate host/box/b\n")
	undo := func() {
		b.things[parseID("host/box/a")].value = "7"
		b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic, By: observe.Cause{Port: 1, PID: 1, Command: "in\x1bit"}}})
	}
	for range flapCount {
		undo()
		b.pass(time.Second, "update host/box/a\n")
	}
	const who = ", perhaps by process 1 (in?it)"
	undo()
	flapping := fmt.Sprintf("host/box/a flapping: repaired 5 times within a minute, and changed again%s\n", who)
	b.pass(time.Second, flapping)
	// What needs it is looked after all the same.
	b.things[parseID("host/box/b")].value = "7"
	b.pass(time.Second, "update host/box/b\n"+flapping)
	b.pass(time.Second, "update host/box/a\n")
	// It is not over yet: the next time it has to wait longer.
	undo()
	flapping = fmt.Sprintf("host/box/a flapping: repaired 6 times within a minute, and changed again%s\n", who)
	b.pass(time.Second, flapping)
	b.pass(4*time.Second-1, flapping)
	b.pass(1, "update host/box/a\n")
	// After a minute of peace all is forgotten.
	undo()
	b.pass(time.Minute+time.Second, "update host/box/a\n")
	undo()
	b.pass(0, "update host/box/a\n")
}

func TestADriftOnceAMinuteIsNoFlapping(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a value=1")
	b.pass(0, "create host/box/a\n")
	for range 3 * flapCount {
		b.things[parseID("host/box/a")].value = "7"
		b.pass(flapWindow/flapCount+time.Second, "update host/box/a\n")
	}
}

// What the kernel acknowledges and does not do is no reason to go on for ever.
func TestAKernelThatOnlySaysItDid(t *testing.T) {
	b := newBench(t, "")
	b.deaf[parseID("host/box/a")] = true
	b.want("host/box/a")
	b.pass(0, strings.Repeat("create host/box/a\n", mostTries)+"host/box/a failed: create host/box/a: the kernel accepted the change without effect ()\n")
	b.pass(firstRetry-1, "host/box/a failed: create host/box/a: the kernel accepted the change without effect ()\n")
}

func TestWhatCannotBeDeletedIsSaid(t *testing.T) {
	b := newBench(t, "host/box/a mark\nhost/box/theirs needs=host/box/a\nhost/box/b mark")
	b.refuses[parseID("host/box/b")] = unix.EBUSY
	b.want("")
	b.pass(0, `
host/box/a failed: linkd does not delete it, because that would delete resources that it did not make: host/box/theirs
host/box/b failed: delete host/box/b: device or resource busy
`)
	must(t, b.kernel.delete(parseID("host/box/theirs")))
	delete(b.refuses, parseID("host/box/b"))
	b.pass(time.Second, "delete host/box/theirs\ndelete host/box/a\ndelete host/box/b\n")
}

// On part of a picture nothing is changed.
func TestALookThatFails(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a\nhost/box/b")
	b.pass(0, "create host/box/a\ncreate host/box/b\n")
	b.lookErrors = errors.New("interrupted")
	b.want("host/box/a value=2")
	b.pass(0, "host/box/a failed: look at box in host: interrupted\n")
	b.lookErrors = nil
	b.pass(0, "update host/box/a\ndelete host/box/b\n")
	if next := b.engine.NextTry(); !next.IsZero() {
		t.Errorf("there is something to try again at %s", next)
	}
}

// Nothing announces that a look would succeed now, so it is tried again.
func TestALookThatFailedIsTriedAgain(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a")
	b.lookErrors = errors.New("interrupted")
	b.pass(0, "host/box/a failed: look at box in host: interrupted\n")
	b.lookErrors = nil
	if next := b.engine.NextTry(); next.IsZero() || next.After(b.clock.Add(time.Second)) {
		t.Fatalf("it is tried again at %s", next)
	} else {
		b.clock = next
	}
	b.engine.Converge(context.Background())
	b.has("host/box/a mark\n")
}

func TestWhileNotAllThatIsWantedIsKnown(t *testing.T) {
	b := newBench(t, "host/knob/k value=1")
	b.want("host/box/a\nhost/box/b\nhost/knob/k value=2")
	b.pass(0, "create host/box/a\ncreate host/box/b\nupdate host/knob/k\n")
	b.engine.Want(wants("host/box/a value=2"), false)
	b.pass(0, "update host/box/a\n")
	b.engine.Want(wants("host/box/a value=2"), true)
	b.pass(0, "update host/knob/k\ndelete host/box/b\n")
	b.has("host/box/a value=2 mark\nhost/knob/k value=1\n")
}

// Somebody else has set it since, and it is theirs.
func TestASettingIsPutBackOnlyIfItIsAsItWasLeft(t *testing.T) {
	b := newBench(t, "host/knob/k value=1\nhost/knob/l value=1")
	b.want("host/knob/k value=2\nhost/knob/l value=2")
	b.pass(0, "update host/knob/k\nupdate host/knob/l\n")
	// The value before stays the one before linkd, whatever linkd sets later.
	b.want("host/knob/k value=3\nhost/knob/l value=3")
	b.pass(0, "update host/knob/k\nupdate host/knob/l\n")
	b.things[parseID("host/knob/l")].value = "9"
	b.want("")
	b.pass(0, "update host/knob/k\n")
	b.has("host/knob/k value=1\nhost/knob/l value=9\n")
}

func TestPlanChangesNothing(t *testing.T) {
	b := newBench(t, "host/box/old mark")
	b.want("host/box/a")
	if d := cmp.Diff("+ host/box/a\n- host/box/old\n", b.engine.Plan(context.Background()).String()); d != "" {
		t.Errorf("plan (-want +got):\n%s", d)
	}
	b.has("host/box/old mark\n")
	if r := b.engine.Status(nil).Resources; len(r) != 1 || r[0].State != OK {
		t.Errorf("linkd is said to be changing what it only plans: %+v", r)
	}
}

// A namespace that is not there is looked for often at first.
func TestANamespaceThatIsMissing(t *testing.T) {
	b := newBench(t, "")
	d := wants("away/box/a\nhost/box/b\nhost/box/c within=away")
	path := filepath.Join(t.TempDir(), "ns")
	d.Namespaces["away"] = spec.Namespace{Name: "away", Selector: spec.Selector{Scheme: "path", Value: path}}
	b.engine.Want(d, true)
	missing := fmt.Sprintf(`away/box/a pending: there is no namespace at %s
host/box/c pending: there is no namespace at %[1]s
`, path)
	b.pass(0, "create host/box/b\n"+missing)
	var pauses []time.Duration
	for range 15 {
		next := b.engine.NextTry()
		if next.IsZero() {
			t.Fatal("it is not looked for")
		}
		pauses = append(pauses, next.Sub(b.clock))
		b.pass(pauses[len(pauses)-1], missing)
	}
	if pauses[0] != firstSearch || pauses[1] != 2*firstSearch || pauses[14] != lastRetry {
		t.Errorf("pauses %v", pauses)
	}
	must(t, os.WriteFile(path, nil, 0o644))
	b.pass(0, strings.NewReplacer("pending", "failed", "there is no namespace at "+path,
		path+" is not a network namespace").Replace(missing))
}

// What failed in a namespace is tried at once in the one that takes its place.
func TestANamespaceThatIsAnotherNow(t *testing.T) {
	b := newBench(t, "")
	path := filepath.Join(t.TempDir(), "ns")
	replace := func() {
		t.Helper()
		process := exec.Command("sleep", "infinity")
		process.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
		must(t, process.Start())
		t.Cleanup(func() {
			_ = process.Process.Kill()
			_ = process.Wait()
		})
		_ = os.Remove(path)
		must(t, os.Symlink(fmt.Sprintf("/proc/%d/ns/net", process.Process.Pid), path))
	}
	replace()
	d := wants("away/box/a\nhost/box/c within=away")
	d.Namespaces["away"] = spec.Namespace{Name: "away", Selector: spec.Selector{Scheme: "path", Value: path}}
	a, c := parseID("away/box/a"), parseID("host/box/c")
	b.refuses[a], b.refuses[c] = unix.EBUSY, unix.EBUSY
	b.engine.Want(d, true)
	const tries = "create away/box/a\ncreate host/box/c\n"
	const failing = "away/box/a failed: create away/box/a: device or resource busy\nhost/box/c failed: create host/box/c: device or resource busy\n"
	b.pass(0, tries+failing)
	b.pass(0, failing)
	replace()
	clear(b.refuses)
	b.pass(0, tries)
}

func TestStatusAsJSONPromisesIt(t *testing.T) {
	b := newBench(t, "host/box/bad\x1b")
	b.refuses[parseID("host/box/a")] = errors.New("say\x1b[31m\nno")
	b.want("host/box/a\nhost/box/b needs=host/box/nobody\nhost/box/c")
	b.engine.Converge(context.Background())
	s := b.engine.Status([]spec.FileState{{Path: "a.yaml", State: "loaded"}})
	want := &Status{
		Version: 1, State: Degraded,
		Files: []spec.FileState{{Path: "a.yaml", State: "loaded"}},
		Resources: []ResourceStatus{
			{ID: "host/box/a", NetNS: "host", Kind: "box", Key: "a", State: Failed, Reason: "create host/box/a: say?[31m?no", Source: "a.yaml:1"},
			{ID: "host/box/b", NetNS: "host", Kind: "box", Key: "b", State: Pending, Cause: "host/box/nobody",
				Reason: "waits for host/box/nobody: it does not exist, and no file declares it", Source: "a.yaml:2"},
			{ID: "host/box/c", NetNS: "host", Kind: "box", Key: "c", State: OK, Source: "a.yaml:3"},
		},
		Counts: map[State]int{OK: 1, Pending: 1, Failed: 1},
	}
	if d := cmp.Diff(want, s, cmpopts.IgnoreFields(Status{}, "Counters")); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
	for _, test := range []struct {
		ids     []string
		state   string
		unknown []string
	}{
		{nil, Degraded, nil},
		{[]string{"host/box/c"}, Converged, nil},
		{[]string{"host/box/b", "host/box/c"}, Converging, nil},
		{[]string{"host/box/a", "host/box/b"}, Degraded, nil},
		{[]string{"host/box/c", "host/box/x"}, Converged, []string{"host/box/x"}},
	} {
		only, unknown := s.Only(test.ids)
		if d := cmp.Diff([]any{test.state, test.unknown}, []any{only.State, unknown}); d != "" {
			t.Errorf("of %v (-want +got):\n%s", test.ids, d)
		}
	}
}

// The news that something went comes before that of what it went with.
func TestWhatIsNeededIsLookedAtWhereItIsMissed(t *testing.T) {
	b := newBench(t, "")
	b.want("host/box/a\nhost/note/n needs=host/box/a\n")
	b.pass(0, "create host/box/a\ncreate host/note/n\n")
	b.kernel.end(parseID("host/box/a"))
	b.wrote()
	b.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.RouteTopic}})
	b.engine.Converge(t.Context())
	if d := cmp.Diff("create host/note/n\ncreate host/box/a\ncreate host/note/n\n", b.wrote()); d != "" {
		t.Errorf("done (-want +got):\n%s", d)
	}
	if status := b.engine.Status(nil); status.State != Converged {
		t.Errorf("it is %v", status)
	}
}
