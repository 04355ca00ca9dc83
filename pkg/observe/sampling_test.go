package observe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"linkd/pkg/spec"
)

// newSampler is a sampler of linkd's own namespace, and where that gets its samples from. Seen is what linkd saw last; "" is
// that nobody knows.
func newSampler(t *testing.T, often bool, seen string) (s *sampler, text *string) {
	t.Helper()
	text = new(string)
	w, err := NewWorld()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(w.Close)
	own, err := w.Host().Inode()
	if err != nil {
		t.Fatal(err)
	}
	s = &sampler{world: w, inbox: NewInbox(), own: own, known: map[string]sample{}, now: time.Now(), full: time.Now(), Sampling: &Sampling{
		Topic: RulesetTopic,
		Take: func() (string, error) {
			if *text == "" {
				return "", errors.New("it changes just now")
			}
			return *text, nil
		},
		Often: func() (names []string) {
			if often {
				names = append(names, spec.Host)
			}
			return names
		},
		Known: func(_, text string) (known, judged bool) { return text == seen, seen != "" },
		Idle:  func() bool { return false },
	}}
	return s, text
}

// news tells whether there is news of linkd's own namespace, and forgets it.
func (s *sampler) news() bool {
	news, _ := s.inbox.Take()
	return len(news) == 1 && news[0].NS == spec.Host && news[0].Topic == s.Topic
}

// Each change of a sample is news, once. A sample that could not be taken is none.
func TestSamples(t *testing.T) {
	s, text := newSampler(t, true, "")
	for i, want := range []bool{true, false, true, false, false, true} {
		*text = []string{"a", "a", "b", "", "b", "c"}[i]
		if s.round(s.now.Add(time.Second), false); s.news() != want {
			t.Errorf("sample %d: news is %v", i, !want)
		}
	}
}

// What linkd has seen is no news, and all else is, also if the sample before was the same.
func TestSamplesOfWhatLinkdHasSeen(t *testing.T) {
	s, text := newSampler(t, true, "a")
	for i, want := range []bool{false, true, true, false} {
		*text = []string{"a", "b", "b", "a"}[i]
		if s.round(s.now.Add(time.Second), false); s.news() != want {
			t.Errorf("sample %d: news is %v", i, !want)
		}
	}
}

// Where a change does not matter at once, it is found within a minute, and sooner after the lock was used.
func TestSamplesThatAreTakenSeldom(t *testing.T) {
	for _, locked := range []bool{false, true} {
		t.Run(fmt.Sprint("lock used: ", locked), func(t *testing.T) {
			s, text := newSampler(t, false, "")
			within := time.Minute
			if locked {
				within = 2 * time.Second
			}
			for _, *text = range []string{"a", "b"} {
				s.round(s.now, locked)
				found := false
				for end := s.now.Add(within); !found && s.now.Before(end); found = s.news() {
					s.round(s.now.Add(idlePause/4), false)
				}
				if !found {
					t.Errorf("%s is not found", *text)
				}
			}
		})
	}
}

// A file that takes the place of the lock is watched as well.
func TestClosings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	c := watchClosings(path)
	defer c.close()
	for range 2 {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		for c.add(); !c.isAdded(); c.add() {
			// The kernel tells a moment later that the file before is gone.
			<-c.seen
		}
		f.Close()
		<-c.seen
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		for c.isAdded() {
			<-c.seen
		}
	}
}

func (c *closings) isAdded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.added
}
