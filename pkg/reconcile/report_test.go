package reconcile

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// witness notes what a bench's engine tells, and what it logs.
type witness struct {
	*bench
	told []string
	log  bytes.Buffer
}

func newWitness(t *testing.T, have string) *witness {
	w := &witness{bench: newBench(t, have)}
	w.engine.log = slog.New(slog.NewTextHandler(&w.log, nil))
	w.engine.OnEvents = func(events []Event) {
		for i := range events {
			w.told = append(w.told, strings.TrimRight(events[i].String(), " "))
		}
	}
	return w
}

// tells makes a pass a second later, and wants that told, and that logged, of it.
func (w *witness) tells(what, shown, log string) {
	w.Helper()
	w.told = nil
	w.log.Reset()
	w.clock = w.clock.Add(time.Second)
	w.engine.LookAtAll()
	w.engine.Converge(context.Background())
	if d := cmp.Diff(strings.TrimPrefix(shown, "\n"), strings.Join(append(w.told, ""), "\n")); d != "" {
		w.Errorf("%s: told (-want +got):\n%s", what, d)
	}
	logged := regexp.MustCompile(`(?m)^time=\S+ `).ReplaceAllString(w.log.String(), "")
	if d := cmp.Diff(strings.TrimPrefix(log, "\n"), logged); d != "" {
		w.Errorf("%s: logged (-want +got):\n%s", what, d)
	}
}

// Everything that happens is told once, and worth a line of the log once, however often linkd looks or the files are read.
func TestWhatHappensIsToldOnce(t *testing.T) {
	w := newWitness(t, "")
	const files = "host/box/a value=1\nhost/box/b needs=host/box/a\nhost/box/c"
	w.want(files)
	w.refuses[parseID("host/box/c")] = unix.EBUSY
	const failed = "create host/box/c: device or resource busy"
	w.tells("a start", `
op        create host/box/a  a.yaml:1
op        create host/box/b  a.yaml:2
op        create host/box/c: create host/box/c: device or resource busy  a.yaml:3
state     host/box/a is ok  a.yaml:1
state     host/box/b is ok  a.yaml:2
state     host/box/c is failed  (create host/box/c: device or resource busy)  a.yaml:3
`, `
level=INFO msg=create id=host/box/a op=create file=a.yaml:1
level=INFO msg=create id=host/box/b op=create file=a.yaml:2
level=WARN msg="`+failed+`" id=host/box/c state=failed file=a.yaml:3
`)
	const again = "op        create host/box/c: create host/box/c: device or resource busy  a.yaml:3\n"
	w.tells("another try", again, "")
	w.want(files)
	w.tells("the same files again", again, "")

	delete(w.refuses, parseID("host/box/c"))
	w.tells("it works after all", `
op        create host/box/c  a.yaml:3
state     host/box/c was failed, is ok  a.yaml:3
`, `
level=INFO msg=create id=host/box/c op=create file=a.yaml:3
level=INFO msg="resource is ok" id=host/box/c state=ok file=a.yaml:3
`)
	w.tells("nothing", "", "")

	w.want("host/box/a value=1")
	w.tells("what leaves the files", `
op        delete host/box/b
op        delete host/box/c
state     host/box/b was ok, is gone
state     host/box/c was ok, is gone
`, `
level=INFO msg=delete id=host/box/b op=delete
level=INFO msg=delete id=host/box/c op=delete
`)
}

func TestADriftIsPutDownToWhoeverWasHeardOf(t *testing.T) {
	w := newWitness(t, "")
	w.want("host/box/a value=1")
	w.engine.Converge(context.Background())
	undo := func() { w.things[parseID("host/box/a")].value = "7" }
	shown := func(by string) string {
		return "drift     host/box/a has changed  (value: 7 -> 1)" + by + "  a.yaml:1\nop        update host/box/a  (value: 7 -> 1)  a.yaml:1\n"
	}
	logged := func(by string) string {
		message := `"has changed` + by + `"`
		return "level=INFO msg=" + message + ` id=host/box/a op=update why="value: 7 -> 1" file=a.yaml:1` + "\n" +
			`level=INFO msg=update id=host/box/a op=update why="value: 7 -> 1" file=a.yaml:1` + "\n"
	}
	ip := observe.Cause{Port: 7, PID: 7, Command: "ip"}
	hear := func(by observe.Cause) {
		w.engine.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic, By: by}})
	}

	undo()
	hear(ip)
	w.tells("somebody was heard of", shown("  perhaps by process 7 (ip)"), logged(", perhaps by process 7 (ip)"))
	// What the kernel does itself afterwards has no cause of its own.
	undo()
	hear(ip)
	hear(observe.Cause{})
	w.tells("the kernel came after somebody", shown("  perhaps by process 7 (ip)"), logged(", perhaps by process 7 (ip)"))
	// So many repairs within a minute are flapping.
	w.clock = w.clock.Add(2 * flapWindow)
	// What was heard before the last pass has nothing to do with it.
	undo()
	w.tells("nobody was", shown(""), logged(""))

	// The kernel says who it was while linkd is putting it right.
	late := ip
	w.engine.LateCause = func(ns string, topic observe.Topic) observe.Cause {
		if ns == spec.Host && topic == observe.LinkTopic && w.things[parseID("host/box/a")].value == "1" {
			return late
		}
		return observe.Cause{}
	}
	undo()
	w.tells("it comes late", shown("  perhaps by process 7 (ip)"), logged(", perhaps by process 7 (ip)"))
	// By then the rules of nftables were changed by linkd itself.
	late = observe.Cause{PID: 8, Command: "iptables-restor", Named: true}
	undo()
	w.tells("it is linkd", shown(""), logged(""))
	// Before linkd did anything it cannot have been linkd.
	w.engine.LateCause = func(string, observe.Topic) observe.Cause { return late }
	undo()
	w.tells("it is somebody else", shown("  by process 8 (iptables-restor)"), logged(", by process 8 (iptables-restor)"))
}

// A namespace that templates do not stand for any more is not one that somebody is waiting for.
func TestNobodyMissesANamespaceThatIsNotDeclared(t *testing.T) {
	w := newWitness(t, "")
	populated := wants("host/box/a\nlab/box/b")
	populated.Namespaces["lab"] = spec.Namespace{Name: "lab", Selector: spec.Selector{Scheme: "path", Value: "/nowhere"}}
	w.engine.Want(populated, true)
	w.tells("a namespace that is not there", `
namespace lab is missing  (there is no namespace at /nowhere)
op        create host/box/a  a.yaml:1
state     host/box/a is ok  a.yaml:1
state     lab/box/b is pending  (there is no namespace at /nowhere)  a.yaml:2
`, `
level=INFO msg=create id=host/box/a op=create file=a.yaml:1
level=INFO msg="there is no namespace at /nowhere" id=lab/box/b state=pending file=a.yaml:2
`)
	w.engine.WantTemplates(wants("host/box/a"), true)
	w.tells("it is not declared any more", "state     lab/box/b was pending, is gone\n", "")
}
