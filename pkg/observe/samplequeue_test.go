package observe

import (
	"errors"
	"testing"
	"time"
)

func TestSampleQueue(t *testing.T) {
	var q sampleQueue
	now := time.Unix(1000, 0)
	for i, ns := range []string{"c", "a", "d", "b"} {
		q.add(ns, now.Add([]time.Duration{2, 0, 3, 1}[i]*time.Second))
	}
	for _, want := range []string{"a", "b", "c"} {
		if first, due := q.take(now.Add(2 * time.Second)); !due || first.ns != want {
			t.Errorf("took %v %v, want %s", first, due, want)
		}
	}
	if first, due := q.take(now.Add(2 * time.Second)); due {
		t.Errorf("took %v, which is not due", first)
	}
}

// A namespace is sampled from when it is known to exist until it is not, and linkd's own always.
func TestSampledNamespaces(t *testing.T) {
	s, _ := newSampler(t, false, "")
	known := func(want bool) {
		t.Helper()
		s.round(s.now.Add(2*idlePause), false)
		if _, known := s.known["box"]; known != want || len(s.known) == 0 {
			t.Errorf("samples are %v, want box: %v", s.known, want)
		}
	}
	known(false)
	s.world.recordOpened("box", &NS{Path: "/proc/self/ns/net"}, nil)
	known(true)
	s.world.recordOpened("box", nil, errors.New("it has ended"))
	known(false)
}

// Without time, only what is hurried is sampled, and the rest stays due.
func TestSamplesWithoutTime(t *testing.T) {
	s, text := newSampler(t, false, "")
	*text = "a"
	for _, name := range []string{"first", "hurried", "last"} {
		s.world.recordOpened(name, &NS{Path: "/proc/self/ns/net"}, nil)
	}
	due := map[string]time.Time{}
	for i, name := range []string{"first", "hurried", "last"} {
		due[name] = s.now.Add(time.Duration(i-3) * time.Second)
		s.known[name] = sample{due: due[name], hurried: name == "hurried"}
		s.queue.add(name, due[name])
	}
	s.credit = -time.Hour
	s.takeDue(true)
	for name := range due {
		if taken := s.known[name].text != ""; taken != (name == "hurried") {
			t.Errorf("%s was sampled: %v", name, taken)
		}
	}
	s.credit = time.Hour
	s.takeDue(false)
	for name := range due {
		if s.known[name].text == "" {
			t.Errorf("%s is not sampled once there is time", name)
		}
	}
}
