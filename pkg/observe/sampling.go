package observe

import (
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// Sampling finds changes that the kernel does not announce: linkd periodically takes a sample of a namespace, and
// puts a notification about Topic into the inbox if the sample has changed.
type Sampling struct {
	Topic Topic
	// Take returns a text that changes with the sampled state. It runs on a thread in the namespace, and writes
	// nothing.
	Take func() (string, error)
	// Known reports whether the last look at a namespace saw the state that the text of a sample stands for. Judged
	// is false if that is not known: then a sample is compared with the one before.
	Known func(ns, text string) (known, judged bool)
	// Often returns the names of the namespaces in which a change matters at once.
	Often func() []string
	// Lock is a file that every program that changes the state opens and closes. linkd takes samples after that.
	Lock string
	// Idle reports whether no namespace has anything to sample. It is cheap.
	Idle func() bool
}

const (
	// oftenPause is the shortest time between two samples of a namespace in which a change matters at once. The pause
	// is oftenShare times as long as all these samples take, up to oftenLongest.
	oftenPause   = time.Second
	oftenShare   = 4000
	oftenLongest = 10 * time.Second
	// seldomPause is the time between two samples of any other namespace, as long as these samples take less than one
	// part in seldomShare of the time.
	seldomPause = 30 * time.Second
	seldomShare = 4000
	// idlePause is the time between rounds if no change matters at once.
	idlePause = 4 * time.Second
	// hurryTime is the longest time to sample every namespace after the lock was used, and hurryEach the time per
	// namespace.
	hurryTime = 20 * time.Second
	hurryEach = 50 * time.Millisecond
	// lockPause is the shortest time for which linkd ignores the lock after it took samples because of it, and
	// lockShare the factor of the time that these took.
	lockPause = 100 * time.Millisecond
	lockShare = 20
)

// Sample takes samples until stop is called, and puts notifications into the inbox.
func (w *World) Sample(in *Inbox, s *Sampling) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	lock := watchClosings(s.Lock)
	// The descriptor is open, so the call cannot fail.
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
	// known are the samples of the namespaces that existed at a version of World.found, and queue is when each is due.
	known   map[string]sample
	version int
	queue   sampleQueue
	// now is the time of this round, and full that of the last full round.
	now, full time.Time
	// own is the inode of linkd's own namespace.
	own Inode
	// credit is the time that samples of namespaces in which no change matters at once may take now.
	credit time.Duration
	// hurry is the end of the time in which every namespace is sampled because the lock was used; zero if it was not.
	// again: it was used since.
	hurry time.Time
	again bool
}

// sample is the state of a namespace, and when to take the next sample.
type sample struct {
	of   Inode
	text string
	due  time.Time
	// hurried: the sample is due because the lock was used, whatever it costs.
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

// round takes the samples that are due, and returns how long those of the namespaces in Often took.
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

// fullRound takes samples of the other namespaces.
func (s *sampler) fullRound() {
	s.credit = min(s.credit+s.now.Sub(s.full)/seldomShare, seldomPause/seldomShare)
	s.full = s.now
	if there, version, changed := s.world.paths(s.version); changed {
		s.version = version
		s.update(there)
	}
	hurried := !s.hurry.IsZero()
	if !s.now.Before(s.hurry) {
		s.hurry = time.Time{}
	}
	if s.again && s.hurry.IsZero() {
		within := min(hurryTime, hurryEach*time.Duration(1+len(s.known)))
		s.again, s.hurry, hurried = false, s.now.Add(within), true
		for name, k := range s.known {
			k.due, k.hurried = s.now.Add(rand.N(within)), true
			s.known[name] = k
			s.queue.add(name, k.due)
		}
	}
	s.takeDue(hurried)
}

// update has a sample for each of the namespaces that exist, and for no other.
func (s *sampler) update(there map[string]string) {
	maps.DeleteFunc(s.known, func(name string, _ sample) bool { return there[name] == "" })
	for name := range there {
		if _, known := s.known[name]; !known {
			// Spread the first samples, because linkd has just looked everywhere.
			due := s.now.Add(rand.N(seldomPause))
			s.known[name] = sample{due: due}
			s.queue.add(name, due)
		}
	}
}

// takeDue takes the samples that are due, the longest due first: as many as there is time for, and those that are hurried.
// Hurried: there may be some of these.
func (s *sampler) takeDue(hurried bool) {
	var late []dueSample
	for hurried || s.credit > 0 {
		next, due := s.queue.take(s.now)
		if !due {
			break
		}
		switch k, known := s.known[next.ns]; {
		case !known || !k.due.Equal(next.due):
			// Another entry of the queue is for this namespace now.
		case s.credit <= 0 && !k.hurried:
			late = append(late, next)
		default:
			s.credit -= s.take(next.ns, s.world.pathOf(next.ns))
		}
	}
	for _, l := range late {
		s.queue.add(l.ns, l.due)
	}
}

// take takes a sample of a namespace, and returns how long that took. The first sample is a change unless it is
// empty, because the state before is not known.
func (s *sampler) take(name, path string) time.Duration {
	start, before := time.Now(), s.known[name]
	next := sample{due: s.now.Add(seldomPause*3/4 + rand.N(seldomPause/2))}
	var err error
	next.of, next.text, err = sampleAt(path, s.own, s.Take)
	if err != nil {
		// The namespace has ended, or somebody is changing it now.
		before.due, before.hurried = next.due, false
		s.known[name] = before
		s.queue.add(name, next.due)
		return time.Since(start)
	}
	if next.of != before.of {
		before.text = ""
	}
	s.known[name] = next
	s.queue.add(name, next.due)
	known, judged := s.Known(name, next.text)
	if judged && !known || !judged && next.text != before.text {
		s.inbox.put(Notification{NS: name, Topic: s.Topic})
	}
	return time.Since(start)
}

// sampleAt takes a sample of the namespace at a path, and returns its inode. The namespace may be another one than
// the files mean: a sample is only a hint, and the check would cost several times as much.
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

// pathOf returns the path of a namespace; "" if it is not known to exist.
func (w *World) pathOf(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name == spec.Host {
		return w.host.Path
	}
	return w.found[name]
}

// paths returns the paths of the namespaces that are known to exist, as of the last time that they were opened, and the
// version of this list. Changed is false, and there is no list, if the version is still the one before; 0 is none.
func (w *World) paths(before int) (there map[string]string, version int, changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.version == before {
		return nil, before, false
	}
	there = maps.Clone(w.found)
	there[spec.Host] = w.host.Path
	return there, w.version, true
}
