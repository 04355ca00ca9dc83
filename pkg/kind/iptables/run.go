package iptables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	goiptables "github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/program"
)

// The limits on programs. Tests lower them one at a time, so that a program that is meant to answer cannot exceed its limit on a
// slow machine.
var (
	// saveTime is how long a program may take to list rules.
	saveTime = 10 * time.Second
	// policyTime is how long a program may take to set a policy, or to answer go-iptables at all.
	policyTime = 10 * time.Second
	// restoreTime is how long a program may take to change rules: the nft backend lists all of them first. A killed restore has
	// changed everything or nothing.
	restoreTime = 20 * time.Second
	// versionTime is how long a program that did not answer may take to print its version.
	versionTime = 2 * time.Second
	// mostRules is how many bytes of rules linkd reads in a namespace: about 900,000 rules, for which it needs 0.3 GB of memory.
	mostRules int64 = 64 << 20
)

// mostPrinted is how many bytes a program that does not list rules may print.
const mostPrinted = 64 << 10

// read runs a program, and passes its output to f. If a program did not answer in this namespace, or printed too much, read does
// not run it there again before a pause is over.
func (b *backend) read(ctx context.Context, name string, args []string, f func(io.Reader) error) error {
	return b.attempt(ctx, name, func() error {
		return program.Run{Name: name, Args: args, Timeout: saveTime, MaxOutput: mostRules}.Read(ctx, f)
	})
}

// change runs a program that changes rules according to its input.
func (b *backend) change(ctx context.Context, input, name string, args ...string) error {
	return b.attempt(ctx, name, func() error {
		_, err := program.Run{Name: name, Args: args, Input: input, Timeout: restoreTime, MaxOutput: mostPrinted}.Output(ctx)
		return err
	})
}

// command makes go-iptables run a command in a namespace.
func (b *backend) command(ctx context.Context, ns *observe.NS, run func(one *goiptables.IPTables) error) error {
	return b.attempt(ctx, b.prefix, func() error {
		err := program.Call{Name: b.prefix, Timeout: policyTime, MaxOutput: mostPrinted}.Do(ctx, func() error {
			return ns.Do(func() error { return run(b.one) })
		})
		if failed := (*goiptables.Error)(nil); errors.As(err, &failed) {
			_, complaint, _ := strings.Cut(failed.Error(), fmt.Sprintf("]: exit status %d: ", failed.ExitStatus()))
			return &program.Failure{Program: b.prefix, State: failed.ProcessState, Stderr: complaint}
		}
		return err
	})
}

func (b *backend) attempt(ctx context.Context, name string, run func() error) error {
	here, anywhere := runs{b.ns, name}, runs{program: name}
	for _, at := range []runs{here, anywhere} {
		if err := silent.since(at); err != nil {
			return err
		}
	}
	// Another file may replace the program that hangs before linkd gives up.
	file := fileOf(name)
	err := run()
	if !isBeyondBounds(err) {
		silent.end(here)
		return err
	}
	err = fmt.Errorf("%w; linkd runs it again after a pause", err)
	silent.begin(here, file, err)
	// The cause may be the program, and not this namespace: then linkd does not run it in another namespace either.
	if isHung(ctx, name) {
		silent.begin(anywhere, file, err)
	}
	return err
}

// isHung reports whether a program does not even print its version, in linkd's own namespace, and so on another thread.
func isHung(ctx context.Context, name string) bool {
	hung := make(chan bool, 1)
	go func() {
		_, err := program.Run{Name: name, Args: []string{"--version"}, Timeout: versionTime, MaxOutput: mostPrinted}.Output(ctx)
		hung <- isBeyondBounds(err)
	}()
	return <-hung
}

func isBeyondBounds(err error) bool {
	return errors.Is(err, program.ErrNoAnswer) || errors.Is(err, program.ErrTooMuch)
}

// runs identifies the runs of a program in a namespace, or in any if ns is "".
type runs struct {
	ns      observe.Identity
	program string
}

// silences has the programs that did not answer, by namespace. Each attempt delays the rest of linkd's work by its limit, so the
// pauses between attempts grow.
type silences struct {
	mu  sync.Mutex
	all map[runs]*silence
}

type silence struct {
	err   error
	file  string // see fileOf
	pause time.Duration
	until time.Time
}

const (
	firstPause   = 30 * time.Second
	longestPause = 5 * time.Minute
)

var silent = silences{all: map[runs]*silence{}}

// since returns why linkd must not run a program now; nil if it may. Another file in its place is another program.
func (s *silences) since(at runs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.all[at]
	if known == nil || time.Now().After(known.until) {
		return nil
	}
	if fileOf(at.program) != known.file {
		delete(s.all, at)
		return nil
	}
	return known.err
}

func (s *silences) begin(at runs, file string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for other, known := range s.all {
		// The namespace does not exist any more, or linkd no longer reads its rules.
		if now.After(known.until.Add(longestPause)) {
			delete(s.all, other)
		}
	}
	known := s.all[at]
	if known == nil {
		known = &silence{pause: firstPause / 2}
		s.all[at] = known
	}
	known.err, known.file = err, file
	known.pause = min(2*known.pause, longestPause)
	known.until = now.Add(known.pause)
}

func (s *silences) end(at runs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, at)
	delete(s.all, runs{program: at.program})
}

// fileOf identifies the file of a program: an update, or the alternatives system, may replace it. It returns "" if there is none.
func fileOf(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	file, err := filepath.EvalSymlinks(path)
	var st unix.Stat_t
	if err != nil || unix.Stat(file, &st) != nil {
		return path
	}
	return fmt.Sprint(path, " ", file, " ", st.Dev, " ", st.Ino, " ", st.Size, " ", st.Mtim, " ", st.Ctim)
}

// probeCache has the results of probing programs, by their paths.
type probeCache struct {
	mu    sync.Mutex
	known map[string]probe
}

// probe is what a program reports about itself.
type probe struct {
	file   string // see fileOf
	legacy bool
	one    *goiptables.IPTables
}

var probes = probeCache{known: map[string]probe{}}

// of returns the probe of a program of a family. It runs the program once. If several goroutines call it at a time, one runs the
// program, and the others wait for the result.
func (c *probeCache) of(ctx context.Context, f family, path string) (probe, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	file := fileOf(path)
	if known := c.known[path]; known.file == file && file != "" {
		return known, nil
	}
	at := runs{program: path}
	if err := silent.since(at); err != nil {
		return probe{}, err
	}
	p, err := f.probe(ctx, path)
	if isBeyondBounds(err) {
		err = fmt.Errorf("%w; linkd runs it again after a pause", err)
		silent.begin(at, file, err)
	}
	if err != nil {
		return probe{}, err
	}
	p.file = file
	c.known[path] = p
	return p, nil
}

// probe asks a program for its version, twice: first linkd itself, because a program that hangs or prints without end does the
// least harm there, and only linkd reads the backend; then go-iptables, which derives features from the version.
func (f family) probe(ctx context.Context, path string) (probe, error) {
	text, err := program.Run{Name: path, Args: []string{"--version"}, Timeout: policyTime, MaxOutput: mostPrinted}.Output(ctx)
	if err != nil {
		return probe{}, err
	}
	if !versionNumber.Match(text) {
		return probe{}, fmt.Errorf("%s --version prints no version, but %q", f.name, text)
	}
	p := probe{legacy: !strings.Contains(string(text), "nf_tables")}
	err = program.Call{Name: path, Timeout: policyTime, MaxOutput: mostPrinted}.Do(ctx, func() (err error) {
		p.one, err = goiptables.New(goiptables.IPFamily(f.protocol), goiptables.Timeout(lockWait), goiptables.Path(path))
		return err
	})
	if err != nil {
		// A call that was given up may still write to p.
		return probe{}, err
	}
	return p, nil
}

var versionNumber = regexp.MustCompile(`v\d+\.\d+\.\d+`)
