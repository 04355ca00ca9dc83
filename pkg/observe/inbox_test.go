package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestInbox(t *testing.T) {
	in := NewInbox()
	for range 1000 {
		in.put(Notification{NS: "lab", Topic: LinkTopic, By: Cause{Port: 7}, Links: []int{3}})
		in.put(Notification{NS: "lab", Topic: RouteTopic, By: Cause{Port: 7}})
	}
	in.put(Notification{NS: "lab", Topic: LinkTopic, Links: []int{5}})
	in.put(Notification{NS: "lab", Topic: RouteTopic, By: Cause{Port: 8}})
	for index := range 20 {
		in.put(Notification{NS: "busy", Topic: LinkTopic, By: Cause{Port: 7}, Links: []int{index + 1}})
	}
	in.put(Notification{NS: "host", Topic: LinkTopic, By: Cause{Port: 9}, Links: []int{1}})
	in.overrun()
	in.overrun()
	<-in.Ready
	news, overruns := in.Take()
	// The same news is one, who caused it is said to be several, and many links are all of them.
	want := []Notification{
		{NS: "busy", Topic: LinkTopic, By: Cause{Port: 7}},
		{NS: "host", Topic: LinkTopic, By: Cause{Port: 9}, Links: []int{1}},
		{NS: "lab", Topic: LinkTopic, By: Cause{Port: 7}, Links: []int{3, 5}},
		{NS: "lab", Topic: RouteTopic, By: Cause{Several: true}},
	}
	byText := cmpopts.SortSlices(func(a, b Notification) bool { return a.NS < b.NS || (a.NS == b.NS && a.Topic < b.Topic) })
	if d := cmp.Diff(want, news, byText); d != "" || overruns != 2 {
		t.Errorf("%d overruns, news (-want +got):\n%s", overruns, d)
	}
	if news, overruns := in.Take(); len(news) > 0 || overruns > 0 {
		t.Errorf("taken twice: %v, %d", news, overruns)
	}
	select {
	case <-in.Ready:
		t.Error("ready though it is empty")
	default:
	}
}

// What comes from the kernel is not trusted to be whole.
func TestMessagesThatAreCutOff(t *testing.T) {
	whole := []byte{20, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 2, 3, 4}
	for length := range len(whole) + 1 {
		var seen int
		eachMessage(whole[:length], func(uint16, uint32, uint32, []byte) { seen++ })
		if want := length / len(whole); seen != want {
			t.Errorf("%d bytes: %d messages", length, seen)
		}
	}
	for length := range 4 {
		if attrs, err := Attrs([]byte{byte(length), 0, 1, 0}); err == nil {
			t.Errorf("an attribute of length %d: %v", length, attrs)
		}
	}
	attrs, err := Attrs([]byte{5, 0, 1, 0x80, 9, 0, 0, 0, 4, 0, 2, 0})
	if d := cmp.Diff(map[uint16][]byte{1: {9}, 2: {}}, attrs); d != "" || err != nil {
		t.Errorf("attributes (-want +got):\n%s%v", d, err)
	}
}
