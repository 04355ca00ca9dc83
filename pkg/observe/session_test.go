package observe_test

import (
	"context"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
)

// What was done before somebody takes the news is in it: nobody has to wait for the news of what linkd has just done.
func TestNewsOfWhatIsDoneIsTakenAtOnce(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	e := listen(t, lab.World)
	for range 100 {
		conform.Must(t, addRule(lab.NS))
		news, _ := e.inbox.Take()
		if len(news) != 1 || news[0].NS != conform.LabName || news[0].Topic != observe.RuleTopic {
			t.Fatalf("heard %v", news)
		}
		if news, _ := e.inbox.Take(); len(news) > 0 {
			t.Fatalf("heard once more: %v", news)
		}
	}
}

// addRule adds one more rule that does nothing.
func addRule(ns *observe.NS) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWRULE, unix.NLM_F_CREATE)
	const nop = 3 // FR_ACT_NOP in linux/fib_rules.h
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Type: nop}})
	return ns.Change(req)
}

// News of foreign routes alone wakes nobody, unless somebody waits for that.
func TestForeignRoutesWakeNobody(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	lab.IP(t, "link set lo up")
	lab.World.DeclareDestinations(observe.Destinations{})
	e := listen(t, lab.World)
	lab.IP(t, "route add 10.7.0.0/16 dev lo proto bird")
	// What comes after it has been heard with it.
	conform.Must(t, addRule(lab.NS))
	<-e.inbox.Ready
	news, _ := e.inbox.Take()
	if len(news) != 2 {
		t.Errorf("heard %v", news)
	}
	e.inbox.WaitFor(true)
	lab.IP(t, "route del 10.7.0.0/16 dev lo proto bird")
	<-e.inbox.Ready
	e.inbox.WaitFor(false)
	if news, _ := e.inbox.Take(); len(news) != 1 || !news[0].Foreign {
		t.Errorf("heard %v", news)
	}
}

// A namespace that is open is used again while its name leads to it.
func TestSplitHandsOutWhatIsStillFound(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	path := observe.NetnsDir + "/other"
	mount(t, path)
	declare(t, lab.World, "lab=name:lab", "other=name:other")
	first := lab.World.NewSession()
	defer first.Close()
	open := func(s *observe.Session, name string) *observe.NS {
		t.Helper()
		ns, err := s.Open(name)
		conform.Must(t, err)
		return ns
	}
	kept, other, host := open(first, "lab"), open(first, "other"), open(first, "host")
	conform.Must(t, unmount(path))
	mount(t, path)
	second := first.Split([]string{"lab", "other", "host"})
	defer second.Close()
	if open(second, "lab") != kept || open(second, "host") != host {
		t.Error("what is still found is opened once more")
	}
	if now := open(second, "other"); now == other || now.Identity == other.Identity {
		t.Error("what was made anew is taken for what it was")
	}
	third := lab.World.NewSession()
	third.Join(second)
	defer third.Close()
	if open(third, "lab") != kept {
		t.Error("what another session has opened is opened once more")
	}
	declare(t, lab.World, "lab=name:other")
	fourth := third.Split([]string{"lab"})
	defer fourth.Close()
	if open(fourth, "lab") == kept {
		t.Error("a name that stands for another namespace now is taken for what it was")
	}
}

// The kinds of one look ask for the same links: the kernel is asked once for each, until a change.
func TestALinkIsAskedForOnce(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add one type bridge\nlink add two type bridge\n")
	all, err := lab.NS.Links(context.Background())
	conform.Must(t, err)
	one := map[int]bool{all.ByName("one").Index: true}
	look := func(indexes map[int]bool, names ...string) *observe.Links {
		t.Helper()
		by := map[string]bool{}
		for _, name := range names {
			by[name] = true
		}
		links, err := lab.NS.Some(indexes, by)
		conform.Must(t, err)
		return links
	}
	first := look(one, "two", "none")
	conform.Must(t, lab.NS.Do(func() error { return sh("ip link set one name new; ip link add none type bridge; ip link del two") }))
	if again := look(one, "one", "two", "none"); again.ByName("one") != first.ByName("one") || again.ByName("two") != first.ByName("two") || again.ByName("none") != nil {
		t.Errorf("found %v, and at first %v", again.Names(), first.Names())
	}
	lab.NS.Forget()
	if now := look(one, "two", "none"); now.ByName("new") == nil || now.ByName("two") != nil || now.ByName("none") == nil {
		t.Errorf("found %v after a change", now.Names())
	}
}
