package iptables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"

	goiptables "github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/program"
	"linkd/pkg/spec"
)

// restore runs a script, all of it or nothing. A script is about one table: of an input with two tables, both backends keep the
// first when they refuse the second.
//
// There is no dry run before (--test), because it finds nothing that the restore does not find. With iptables 1.8.9 and both
// backends, a dry run refuses a missing ipset or extension, as the restore does, but accepts what only the kernel refuses: DNAT in
// the table filter, REJECT in nat, MASQUERADE in PREROUTING, two chains that jump to each other; with nft also a jump to a chain
// that does not exist. The restore refuses all of these, and leaves the table unchanged. A policy waits for the chains
// (Policy.Needs).
func (b *backend) restore(ctx context.Context, s *script) error {
	if len(s.lines) == 0 {
		return nil
	}
	if err := b.unlocked("-restore"); err != nil {
		return err
	}
	err := b.inOwnTable(s.table, func() error {
		return b.change(ctx, s.String(), b.prefix+"-restore", "--noflush", "--counters", "--wait", strconv.Itoa(lockWait))
	})
	err = noteLocked(err)
	if failed := (*program.Failure)(nil); errors.As(err, &failed) {
		return s.explain(failed)
	}
	return err
}

// noteLocked turns the failure of a program that could not get the lock into an errLocked, and notes that the lock is held. It
// returns any other error unchanged.
func noteLocked(err error) error {
	if failed := (*program.Failure)(nil); errors.As(err, &failed) && strings.Contains(failed.Stderr, "xtables lock") {
		lock.waitedInVain()
		return fmt.Errorf("%s: %w", failed.Program, errLocked)
	}
	return err
}

func (b *backend) unlocked(suffix string) error {
	if b.legacy && lock.isKept() {
		return fmt.Errorf("%s%s: %w", b.prefix, suffix, errLocked)
	}
	return nil
}

// setPolicy runs one command, without a script. If linkd is killed meanwhile, the command continues, unless systemd ends it, too:
// see program.Call.
func (b *backend) setPolicy(ctx context.Context, ns *observe.NS, p *Policy) error {
	if err := b.unlocked(""); err != nil {
		return err
	}
	err := b.inOwnTable(filter, func() error {
		return b.command(ctx, ns, func(one *goiptables.IPTables) error { return one.ChangePolicy(filter, p.Chain, p.Target) })
	})
	if err == nil && p.Target == "ACCEPT" {
		err = b.deleteEmptyTable(filter)
	}
	return noteLocked(err)
}

var errLocked = errors.New("somebody keeps the xtables lock")

// xtablesLock is the lock of the legacy programs, one for all namespaces (iptables(8), --wait). If another program holds it, linkd
// waits once. As long as it is still held after that, linkd does not wait again, and continues with other work; it retries what
// failed after pauses.
type xtablesLock struct {
	mu   sync.Mutex
	busy bool
}

var lock xtablesLock

const (
	lockFile = "/run/xtables.lock"
	// lockWait is how many seconds programs wait for the lock. Without a number, or with 0, they wait forever.
	lockWait = 2
)

func (l *xtablesLock) waitedInVain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = true
}

// isKept reports whether another program still holds the lock for which linkd waited.
func (l *xtablesLock) isKept() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy {
		l.busy = false
		if f, err := os.Open(lockFile); err == nil {
			l.busy = errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
			f.Close()
		}
	}
	return l.busy
}

var (
	// lineNumber matches the line of the script at which the programs stopped.
	lineNumber = regexp.MustCompile(`(?m)(?:^Error occurred at line: |^line |^\S+-restore: line )(\d+)(?: failed)?:?`)
	// noise matches what else they print.
	noise = regexp.MustCompile("(?m)^Try `.*|^\\S+ v[0-9.]+ \\([a-z_]+\\): |^\\S+-restore: |\\.\\s*$")
)

// explain describes in one line what a program refused, and where that is declared. The program did nothing of the script.
func (s *script) explain(e *program.Failure) error {
	stderr := e.Stderr
	culprit := line{}
	for _, m := range lineNumber.FindAllStringSubmatch(stderr, -1) {
		// The first line of the script names the table.
		if n, _ := strconv.Atoi(m[1]); n >= 2 && n-2 < len(s.lines) {
			culprit = s.lines[n-2]
		}
	}
	said := noise.ReplaceAllString(lineNumber.ReplaceAllString(stderr, ""), "")
	message := fmt.Sprintf("%s refuses", e.Program)
	if culprit.rule.Source != (spec.Source{}) {
		message = culprit.rule.Source.String() + ": " + message + " " + culprit.rule.text()
	} else if places := s.suspects(); len(places) > 0 {
		message = anyOf(places) + ": " + message + " what is declared there"
	}
	if said = strings.Join(strings.Fields(said), " "); said != "" {
		message += ": " + said
	}
	return &refusal{fmt.Sprintf("%s (%v); the table %s stays as it was", message, e.State, s.table)}
}

// refusal is the reason why iptables-restore refused a script.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// anyOf lists a few places.
func anyOf(places []spec.Source) string {
	const most = 3
	var names []string
	for _, p := range places {
		if name := p.String(); len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, " or ")
}
