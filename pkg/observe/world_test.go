package observe_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

// noLeaks wants every goroutine gone when the test has cleaned up.
func noLeaks(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
}

// declare tells the world of namespaces, given as NAME=SELECTOR.
func declare(t *testing.T, w *observe.World, namespaces ...string) {
	t.Helper()
	declared := map[string]spec.Namespace{}
	for _, text := range namespaces {
		name, from, _ := strings.Cut(text, "=")
		selector, err := spec.ParseSelector(from)
		conform.Must(t, err)
		declared[name] = spec.Namespace{Name: name, Selector: selector}
	}
	w.Declare(declared)
}

// mount makes a namespace at path, for as long as the test runs.
func mount(t *testing.T, path string) {
	t.Helper()
	conform.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	conform.Must(t, os.WriteFile(path, nil, 0o444))
	conform.Must(t, observe.NewNamespace(func(from string) error { return unix.Mount(from, path, "", unix.MS_BIND, "") }))
	t.Cleanup(func() { _ = unmount(path) })
}

func unmount(path string) error {
	return errors.Join(unix.Unmount(path, unix.MNT_DETACH), os.Remove(path))
}

func TestNamespacesAreFoundOrRefused(t *testing.T) {
	w := conform.Open(t).World
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	conform.Must(t, os.WriteFile(at("stale"), nil, 0o444))
	conform.Must(t, unix.Mkfifo(at("pipe"), 0o644))
	conform.Must(t, os.Symlink(observe.NetnsDir+"/lab", at("link")))
	conform.Must(t, os.Symlink("nowhere", at("dangling")))
	mount(t, at("ns"))
	for _, test := range []struct{ selector, want string }{
		{"name:lab", ""},
		{"path:" + at("ns"), ""},
		{"path:" + at("link"), ""},
		{"name:missing", "pending: there is no namespace at /run/netns/missing"},
		{"path:" + at("dangling"), "pending: there is no namespace at DIR/dangling"},
		{"path:" + at("stale/below"), "open DIR/stale/below: not a directory"},
		{"path:" + at("stale"), "DIR/stale is not a network namespace"},
		{"path:" + at("pipe"), "DIR/pipe is not a network namespace"},
		{"path:/proc/self/ns/mnt", "/proc/self/ns/mnt is a namespace of another type"},
		{"path:/proc/self/ns/net", `path:/proc/self/ns/net is the namespace that linkd itself runs in: only the name "host" may stand for it`},
		{fmt.Sprint("pid:", os.Getpid()), fmt.Sprintf(`pid:%d is the namespace that linkd itself runs in: only the name "host" may stand for it`, os.Getpid())},
		{"pid:2147483647", "pending: there is no process 2147483647"},
		{"process:no such program", `pending: no process of root runs "no such program"`},
	} {
		declare(t, w, "x="+test.selector)
		w.Release()
		_, err := w.Open("x")
		got := said(err)
		if d := cmp.Diff(test.want, strings.ReplaceAll(got, dir, "DIR")); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.selector, d)
		}
		if _, known := w.Known("x"); known != (test.want == "") {
			t.Errorf("%s is known: %v", test.selector, known)
		}
	}
	if _, err := w.Open("undeclared"); said(err) != `namespace "undeclared" is not declared` {
		t.Errorf("undeclared: %v", err)
	}
	if host, err := w.Open(spec.Host); err != nil || host != w.Host() {
		t.Errorf("host: %+v, %v", host, err)
	}
	if id, err := w.Host().ID(); id != -1 || err != nil {
		t.Errorf("the id of linkd's own namespace: %d, %v", id, err)
	}
}

func said(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, observe.ErrPending):
		return "pending: " + err.Error()
	}
	return err.Error()
}

func TestANamespaceThatIsMadeAnewIsAnother(t *testing.T) {
	w := conform.Open(t).World
	path := filepath.Join(t.TempDir(), "ns")
	declare(t, w, "x=path:"+path)
	seen := map[observe.Identity]bool{}
	for range 3 {
		mount(t, path)
		w.Release()
		ns, err := w.Open("x")
		conform.Must(t, err)
		if seen[ns.Identity] {
			t.Errorf("%s was another namespace's identity", ns.Identity)
		}
		seen[ns.Identity] = true
		id, err := ns.ID()
		conform.Must(t, err)
		if known, ok := w.Known("x"); !ok || known != ns.Identity || w.NameOf(id) != "x" {
			t.Errorf("known as %s (%v), and %d as %q", known, ok, id, w.NameOf(id))
		}
		conform.Must(t, unmount(path))
		w.Release()
		if _, err := w.Open("x"); !errors.Is(err, observe.ErrPending) {
			t.Errorf("gone: %v", err)
		}
		if _, ok := w.Known("x"); ok || w.NameOf(id) != "" {
			t.Error("it is known after it is gone")
		}
	}
}

// Within a session the answer stays the same, and what was made in it can be asked for again.
func TestAnAnswerStaysTheSameInASession(t *testing.T) {
	world := conform.Open(t).World
	w := world.NewSession()
	t.Cleanup(w.Close)
	path := filepath.Join(t.TempDir(), "ns")
	declare(t, world, "x=path:"+path)
	_, before := w.Open("x")
	mount(t, path)
	if _, err := w.Open("x"); before == nil || !errors.Is(err, before) {
		t.Errorf("first %v, then %v", before, err)
	}
	w.Retry("x")
	first, err := w.Open("x")
	conform.Must(t, err)
	if second, err := w.Open("x"); second != first || err != nil {
		t.Errorf("opened twice: %v", err)
	}
}

// Whatever is done in a namespace, no thread stays there.
func TestThreadsComeHome(t *testing.T) {
	lab := conform.Open(t)
	own := namespaceOf(t, "/proc/self")
	// The thread that made the lab ends in it, in its own time.
	ending := threadsAway(t, own)
	away := map[string]bool{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for n := range 50 {
		group.Go(func() {
			err := lab.NS.Do(func() error {
				link, err := os.Readlink("/proc/thread-self/ns/net")
				mu.Lock()
				away[link] = true
				mu.Unlock()
				if n%2 == 0 {
					return errors.Join(err, errors.New("failed"))
				}
				return err
			})
			if (err != nil) != (n%2 == 0) {
				t.Errorf("job %d: %v", n, err)
			}
		})
	}
	group.Wait()
	if len(away) != 1 || away[own] {
		t.Errorf("the jobs ran in %v, and linkd's own is %s", away, own)
	}
	for task, ns := range threadsAway(t, own) {
		if ending[task] != ns {
			t.Errorf("%s is in %s, and linkd's own is %s", task, ns, own)
		}
	}
}

// threadsAway are the threads that are not in linkd's own namespace, and where they are.
func threadsAway(t *testing.T, own string) map[string]string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*")
	conform.Must(t, err)
	away := map[string]string{}
	for _, task := range tasks {
		if ns := namespaceOf(t, task); ns != "" && ns != own {
			away[task] = ns
		}
	}
	return away
}

// namespaceOf is the network namespace of a process or thread; "" of one that has just ended.
func namespaceOf(t *testing.T, proc string) string {
	t.Helper()
	link, err := os.Readlink(proc + "/ns/net")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return link
}

func TestNewNamespaceThatNobodyKeeps(t *testing.T) {
	conform.Open(t)
	broken := errors.New("no room")
	if err := observe.NewNamespace(func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("made: %v", err)
	}
}

func TestLinksAreOneLook(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add br0 type bridge\nlink add eth0 type veth peer name eth1\nlink set eth0 master br0 up alias odd")
	links, err := lab.NS.Links(t.Context())
	conform.Must(t, err)
	eth0 := links.ByName("eth0")
	if eth0 == nil || links.ByIndex(eth0.Index) != eth0 || links.NameOf(eth0.Master) != "br0" || links.NameOf(eth0.Parent) != "eth1" ||
		!eth0.Up() || eth0.Kind != "veth" || eth0.Alias != "odd" || eth0.PortKind != "bridge" || len(eth0.Port) == 0 {
		t.Errorf("eth0 is %+v", eth0)
	}
	if links.ByName("eth9") != nil || links.NameOf(99) != "" {
		t.Error("there is something that is not there")
	}
	if again, _ := lab.NS.Links(t.Context()); again != links {
		t.Error("the links were listed twice")
	}
	lab.NS.Forget()
	if again, _ := lab.NS.Links(t.Context()); again == links {
		t.Error("the links were not forgotten")
	}
	if _, err := lab.NS.Index("eth9"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("index of nothing: %v", err)
	}
}
