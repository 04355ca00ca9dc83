package observe_test

import (
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
