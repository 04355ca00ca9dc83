package observe

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// Sampling finds changes that the kernel does not announce: linkd takes a sample of a namespace from time to time, and a sample
// that differs from the one before is news of Topic.
type Sampling struct {
	Topic Topic
	// Take returns a text that changes when what it stands for does. It runs on a thread in the namespace, and writes nothing.
	Take func() (string, error)
	// Known tells whether linkd has seen what the text of a sample of a namespace stands for when it last looked there. Judged
	// is false where it cannot tell: then a sample is compared with the one before.
	Known func(ns, text string) (known, judged bool)
	// Often are the names of the namespaces in which a change matters at once.
	Often func() []string
	// Lock is a file that whoever changes something opens and closes. When that happens, linkd takes samples.
	Lock string
	// Idle tells that there is nothing to sample in any namespace. It costs next to nothing.
	Idle func() bool
}

const (
	// oftenPause is how long it is between two samples of a namespace in which a change matters at once, at least. It is
	// oftenShare times longer than such samples take together, but not above oftenLongest.
	oftenPause   = time.Second
	oftenShare   = 4000
	oftenLongest = 10 * time.Second
	// seldomPause is the same of any other namespace, as long as these samples take less than one part in seldomShare of
	// the time.
	seldomPause = 30 * time.Second
	seldomShare = 4000
	// idlePause is how often linkd comes round if no change matters at once.
	idlePause = 4 * time.Second
	// hurryTime is how long it takes at most to sample every namespace after the lock was used, and hurryEach how long for each.
	hurryTime = 20 * time.Second
	hurryEach = 50 * time.Millisecond
	// lockPause is how long linkd ignores the lock after it took samples because of it, at least, and lockShare how many times
	// longer than these took.
	lockPause = 100 * time.Millisecond
	lockShare = 20
)

// Sample takes samples until stop is called, and puts the news into the inbox.
func (w *World) Sample(in *Inbox, s *Sampling) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	lock := watchClosings(s.Lock)
	// It is open, so the kernel has an answer.
	own, _ := w.host.Inode()
	sampler := &sampler{own: own, Sampling: s, world: w, inbox: in, known: map[string]sample{}, full: time.Now()}
	go func() {
		defer close(ended)
		sampler.run(done, lock)
	}()
	return sync.OnceFunc(func() {
		close(done)
		lock.close()
		<-ended
	})
}

type sampler struct {
	*Sampling
	world *World
	inbox *Inbox
	known map[string]sample
	// now is the time of this round, and full that of the last full one.
	now, full time.Time
	// own is linkd's own namespace.
	own Inode
	// credit is how long samples of namespaces in which no change matters at once may take now.
	credit time.Duration
	// hurry is until when every namespace is sampled, because the lock was used; zero if it was not. Again: it was used since.
	hurry time.Time
	again bool
}

// sample is what was found in a namespace, and when the next one is due.
type sample struct {
	of   Inode
	text string
	due  time.Time
	// hurried: it is due because the lock was used, whatever it costs.
	hurried bool
}

func (s *sampler) run(done <-chan struct{}, lock *closings) {
	pause := oftenPause
	for {
		var locked bool
		select {
		case <-done:
			return
		case <-lock.seen:
			locked = true
		case <-time.After(pause):
		}
		lock.add()
		took := s.round(time.Now(), locked)
		pause = min(max(oftenPause, oftenShare*took), oftenLongest)
		if took == 0 && !s.again && s.hurry.IsZero() {
			pause = idlePause
		}
		if locked {
			select {
			case <-done:
				return
			case <-time.After(max(lockPause, lockShare*took)):
			}
		}
	}
}

// round takes the samples that are due, and returns how long those took that are taken often.
func (s *sampler) round(now time.Time, locked bool) (took time.Duration) {
	s.now, s.again = now, s.again || locked
	if s.Idle() {
		return 0
	}
	for _, name := range s.Often() {
		if path := s.world.pathOf(name); path != "" {
			took += s.take(name, path)
		}
	}
	if s.again || !s.hurry.IsZero() || now.Sub(s.full) >= idlePause {
		s.fullRound()
	}
	return took
}

// fullRound takes samples of the namespaces in which no change matters at once.
func (s *sampler) fullRound() {
	s.credit = min(s.credit+s.now.Sub(s.full)/seldomShare, seldomPause/seldomShare)
	s.full = s.now
	there := s.world.paths()
	maps.DeleteFunc(s.known, func(name string, _ sample) bool { return there[name] == "" })
	for name := range there {
		if _, known := s.known[name]; !known {
			// All at once would be a burst, after linkd has looked everywhere.
			s.known[name] = sample{due: s.now.Add(rand.N(seldomPause))}
		}
	}
	if !s.now.Before(s.hurry) {
		s.hurry = time.Time{}
	}
	if s.again && s.hurry.IsZero() {
		within := min(hurryTime, hurryEach*time.Duration(1+len(s.known)))
		s.again, s.hurry = false, s.now.Add(within)
		for name, k := range s.known {
			k.due, k.hurried = s.now.Add(rand.N(within)), true
			s.known[name] = k
		}
	}
	for _, name := range s.due() {
		if s.credit > 0 || s.known[name].hurried {
			s.credit -= s.take(name, there[name])
		}
	}
}

// due are the namespaces of which a sample is due, those first that have waited for the longest.
func (s *sampler) due() (names []string) {
	for name, k := range s.known {
		if !s.now.Before(k.due) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return s.known[a].due.Compare(s.known[b].due) })
	return names
}

// take takes a sample of a namespace, and returns how long that took. The first of one is news unless it is empty: nobody
// knows what was there before.
func (s *sampler) take(name, path string) time.Duration {
	start, before := time.Now(), s.known[name]
	next := sample{due: s.now.Add(seldomPause*3/4 + rand.N(seldomPause/2))}
	var err error
	next.of, next.text, err = sampleAt(path, s.own, s.Take)
	if err != nil {
		// It is gone, or somebody changes it at this moment.
		before.due, before.hurried = next.due, false
		s.known[name] = before
		return time.Since(start)
	}
	if next.of != before.of {
		before.text = ""
	}
	s.known[name] = next
	known, judged := s.Known(name, next.text)
	if judged && !known || !judged && next.text != before.text {
		s.inbox.put(Notification{NS: name, Topic: s.Topic})
	}
	return time.Since(start)
}

// sampleAt takes a sample of the namespace at a path, and says which that is. It is a mere hint, so that it may be of another
// namespace than the files mean: to find that out would cost several times as much.
func sampleAt(path string, own Inode, take func() (string, error)) (of Inode, text string, err error) {
	fd, err := openNamespace(path)
	if err != nil {
		return of, "", err
	}
	defer unix.Close(fd)
	if of, err = (&NS{fd: fd}).Inode(); err != nil {
		return of, "", err
	}
	if of == own {
		text, err = take()
		return of, text, err
	}
	err = inNamespace(fd, func() error {
		text, err = take()
		return err
	})
	return of, text, err
}

// pathOf is where paths has a namespace; "" where it is not known to be there.
func (w *World) pathOf(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name == spec.Host {
		return w.host.Path
	}
	return w.found[name]
}

// paths lead to the namespaces that are known to be there, as they did when these were last opened.
func (w *World) paths() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	there := maps.Clone(w.found)
	there[spec.Host] = w.host.Path
	return there
}
