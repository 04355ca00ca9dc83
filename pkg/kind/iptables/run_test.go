package iptables

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
)

// soon is how long programs may take in tests in which one hangs.
const soon = 500 * time.Millisecond

// waits lowers the given limits to soon, and raises all others: no machine is too slow for a program that is meant to answer. It
// restores them when the test ends, or when the returned function is called.
func waits(t *testing.T, hanging ...*time.Duration) (end func()) {
	t.Helper()
	limits := []*time.Duration{&saveTime, &policyTime, &restoreTime, &versionTime}
	var before []time.Duration
	for _, limit := range limits {
		before = append(before, *limit)
		*limit = time.Hour
		if slices.Contains(hanging, limit) {
			*limit = soon
		}
	}
	end = func() {
		for i, limit := range limits {
			*limit = before[i]
		}
	}
	t.Cleanup(end)
	return end
}

// fake replaces a program by a script, in which $REAL is the program, and returns a function that restores the program.
func (l lab) fake(name, script string) (remove func()) {
	l.Helper()
	real, err := exec.LookPath(name)
	conform.Must(l, err)
	dir := l.TempDir()
	l.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	path := filepath.Join(dir, name)
	conform.WriteProgram(l, path, []byte("#!/bin/sh\nREAL="+real+"\n"+script+"\n"))
	return func() { conform.Must(l, os.Remove(path)) }
}

// FAULTS 36: if a program hangs, prints without end, dies, or leaves a process behind that holds its output, the kind fails there
// with the reason. linkd concludes nothing from the output, and leaves the rules alone.
func TestProgramsOutOfBounds(t *testing.T) {
	const keys = "iptables: {rules: [{chain: INPUT, args: [-j, LOG]}, {table: nat, chain: OUTPUT, args: [-j, ACCEPT]}]}"
	const stopped = ", so linkd stopped it; linkd runs it again after a pause"
	const hangs = "no answer within 500ms" + stopped
	defer func(most int64) { mostRules = most }(mostRules)
	mostRules = 1 << 20
	onEachBackend(t, func(l lab) {
		l.wants(keys)
		filter, nat := l.rules("iptables", "filter"), l.rules("iptables", "nat")
		waits(l.T)
		for _, test := range []struct{ program, script, reason string }{
			{"iptables-save", "sleep 1000", hangs},
			{"iptables-save", "[ $1 = --version ] && exec $REAL $1; sleep 1000", hangs},
			{"iptables-save", "$REAL; sleep 1000 & exec sleep 1000", hangs},
			{"iptables-save", "$REAL; sleep 1000 & echo $! >$0.pid", hangs},
			{"iptables-save", "$REAL; setsid sleep 3 & exit 0", hangs},
			{"iptables-save", "$REAL | head -n 6; kill -SEGV $$", "signal: segmentation fault"},
			{"iptables-save", "$REAL | head -n 6; echo why >&2; exit 4", "exit status 4: why"},
			{"iptables-save", "echo '*filter'; yes '[0:0] -A INPUT -j ACCEPT'", "too much output: more than 1 MiB" + stopped},
			{"iptables", "sleep 1000", hangs},
			{"iptables", "yes", "too much output: more than 64 KiB" + stopped},
			{"iptables", "[ -e $0.once ] && sleep 1000; : >$0.once; exec $REAL \"$@\"", hangs},
			{"iptables", "[ -e $0.once ] && exec yes; : >$0.once; exec $REAL \"$@\"", "too much output: more than 64 KiB" + stopped},
		} {
			patient := func() {}
			if test.reason == hangs {
				limit := map[string]*time.Duration{"iptables": &policyTime, "iptables-save": &saveTime}[test.program]
				patient = waits(l.T, limit, &versionTime)
			}
			remove := l.fake(test.program, test.script)
			did := l.wants(keys)
			for _, id := range []string{"filter/LINKD-INPUT", "nat/LINKD-OUTPUT"} {
				want := fmt.Sprintf("lab/iptables/%s failed: look at iptables in lab: %s: %s\n", id, test.program, test.reason)
				if !strings.Contains(did, want) {
					l.Errorf("%s: have %s, want %s", test.script, did, want)
				}
			}
			remove()
			patient()
			// When the right program is back, linkd reads the rules again at once.
			l.is(l.rules("iptables", "filter"), filter)
			l.is(l.rules("iptables", "nat"), nat)
			l.is(l.wants(keys), "")
		}
	})
}

// A program that succeeds but does not print all tables completely does not hide rules either.
func TestPartsOfTables(t *testing.T) {
	const keys = "iptables: {rules: [{chain: INPUT, args: [-j, LOG]}, {table: nat, chain: OUTPUT, args: [-j, ACCEPT]}]}"
	onEachBackend(t, func(l lab) {
		l.wants(keys)
		for _, test := range []struct{ script, reason string }{
			{"$REAL \"$@\" | head -n 6", "the table filter cannot be read: its end was not printed"},
			{"$REAL \"$@\" | grep -v COMMIT", "the table filter cannot be read: its end was not printed"},
			{"", "iptables-save did not print the table filter, which is there"},
			{"exec $REAL --counters -t nat", "iptables-save did not print the table filter, which is there"},
		} {
			remove := l.fake("iptables-save", test.script)
			if did := l.wants(keys); !strings.Contains(did, "lab/iptables/filter/LINKD-INPUT failed: look at iptables in lab: "+test.reason) {
				l.Errorf("%s: %s", test.script, did)
			}
			remove()
			l.is(l.wants(keys), "")
		}
	})
}

// go-iptables sets policies, without limits of its own.
func TestPoliciesOutOfBounds(t *testing.T) {
	const keys = "iptables: {policies: {FORWARD: DROP}}"
	const stopped = ", so linkd stopped it; linkd runs it again after a pause"
	const hangs = "no answer within 500ms" + stopped
	onEachBackend(t, func(l lab) {
		waits(l.T)
		for _, test := range []struct{ script, reason string }{
			{"sleep 1000", hangs},
			{"exec sleep 1000", hangs},
			{"sleep 1000 & exec sleep 1000", hangs},
			{"kill -STOP $$", hangs},
			{"setsid sleep 3 & exit 0", hangs},
			{"yes >&2", "too much output: more than 64 KiB" + stopped},
			{"yes", "too much output: more than 64 KiB" + stopped},
			{"kill -SEGV $$", "signal: segmentation fault"},
			{"echo why >&2; exit 4", "exit status 4: why"},
		} {
			remove := l.fake("iptables", `[ "$1" = --version ] && exec $REAL "$@"; `+test.script)
			_, err := ipv4.backend(l.Context(), "")
			conform.Must(l, err)
			patient := func() {}
			if test.reason == hangs {
				patient = waits(l.T, &policyTime)
			}
			did := l.wants(keys)
			patient()
			want := "lab/iptables/policy/FORWARD failed: update lab/iptables/policy/FORWARD: iptables: " + test.reason + "\n"
			if !strings.Contains(did, want) {
				l.Errorf("%s: have %s, want %s", test.script, did, want)
			}
			remove()
			l.is(l.sh("iptables -S FORWARD"), "-P FORWARD ACCEPT\n")
		}
		l.is(l.wants(keys), "~ lab/iptables/policy/FORWARD  (policy: ACCEPT -> DROP)\n")
		l.is(l.sh("iptables -S FORWARD"), "-P FORWARD DROP\n")
	})
}

// linkd waits once for a restore that hangs, and once for the program's version. Other resources that need the program fail with
// it.
func TestARestoreThatHangs(t *testing.T) {
	onEachBackend(t, func(l lab) {
		waits(l.T, &restoreTime, &versionTime)
		defer l.fake("iptables-restore", `echo "$1" >>$0.runs; sleep 1000`)()
		program, err := exec.LookPath("iptables-restore")
		conform.Must(l, err)
		did := l.wants("iptables: {rules: [{chain: INPUT, args: [-j, LOG]}, {table: nat, chain: OUTPUT, args: [-j, ACCEPT]}]}")
		if !strings.Contains(did, "lab/iptables/filter/LINKD-INPUT failed: create lab/iptables/filter/LINKD-INPUT: iptables-restore: no answer within 500ms, so linkd stopped it; linkd runs it again after a pause\n") {
			l.Error(did)
		}
		l.is(l.sh("cat "+program+".runs"), "--noflush\n--version\n")
	})
}

// If a program does not answer in one namespace, linkd still runs it in others. It waits once for a program that never answers.
func TestSilences(t *testing.T) {
	onEachBackend(t, func(l lab) {
		here, there := backend{prefix: "iptables", ns: "1"}, backend{prefix: "iptables", ns: "2"}
		answers := func(b backend) bool {
			_, err := b.save(l.Context())
			return err == nil
		}
		defer l.fake("iptables-save", "[ $1 = --version ] || [ -e $0.well ] && exec $REAL $1; sleep 1000")()
		well, err := exec.LookPath("iptables-save")
		conform.Must(l, err)
		patient := waits(l.T, &saveTime)
		if answers(here) {
			l.Error("it answers")
		}
		patient()
		waits(l.T)
		conform.Must(l, os.WriteFile(well+".well", nil, 0o600))
		if !answers(there) {
			l.Error("it is not run in another namespace")
		}
		if answers(here) {
			l.Error("it is run again at once")
		}

		defer l.fake("ip6tables-save", `echo "$1" >>$0.runs; sleep 1000`)()
		silent, err := exec.LookPath("ip6tables-save")
		conform.Must(l, err)
		here.prefix, there.prefix = "ip6tables", "ip6tables"
		waits(l.T, &saveTime, &versionTime)
		if answers(here) || answers(there) {
			l.Error("it answers")
		}
		l.is(l.sh("cat "+silent+".runs"), "--counters\n--version\n")
	})
}

// linkd does not wait for a file that replaced a hanging program before linkd gave up.
func TestAReplacedProgramIsRunAtOnce(t *testing.T) {
	onEachBackend(t, func(l lab) {
		patient := waits(l.T, &saveTime)
		l.fake("iptables-save", "rm $0; sleep 1000")
		b := backend{prefix: "iptables", ns: "1"}
		if _, err := b.save(l.Context()); err == nil {
			l.Error("it answers")
		}
		patient()
		waits(l.T)
		if _, err := b.save(l.Context()); err != nil {
			l.Error(err)
		}
	})
}

func TestPausesGrow(t *testing.T) {
	s := silences{all: map[runs]*silence{}}
	at := runs{"1", "no-such-program"}
	for _, want := range []time.Duration{30, 60, 120, 240, 300, 300} {
		s.begin(at, "", os.ErrDeadlineExceeded)
		if got := s.all[at].pause; got != want*time.Second {
			t.Errorf("a pause of %v, want %v", got, want*time.Second)
		}
	}
	if s.since(at) == nil || s.since(runs{"2", "no-such-program"}) != nil {
		t.Error("the pause is not for this one alone")
	}
	s.end(at)
	if s.since(at) != nil {
		t.Error("it is not over")
	}
}

// linkd and go-iptables ask a program for its version once each, unless its file changed.
func TestVersionsAreAskedForOnce(t *testing.T) {
	onEachBackend(t, func(l lab) {
		log := filepath.Join(l.TempDir(), "log")
		count := func() int {
			text, _ := os.ReadFile(log)
			return strings.Count(string(text), "--version")
		}
		for _, name := range []string{"iptables", "ip6tables"} {
			l.fake(name, `echo "$@" >>`+log+`; exec $REAL "$@"`)
		}
		const keys = "iptables: {forward: [{in: a}], policies: {FORWARD: DROP}}, ip6tables: {forward: [{in: a}]}"
		l.wants(keys)
		observe.Each([]int{1, 2, 3, 4, 5, 6, 7, 8}, func(int) { _, _ = ipv4.backend(l.Context(), "") })
		l.wants("")
		if n := count(); n != 2*2 {
			l.Errorf("asked %d times for two programs", n)
		}
		l.fake("iptables", `echo "$@" >>`+log+`; echo 'iptables v1.4.0'`)
		if did := l.wants(keys); !strings.Contains(did, "iptables is version 1.4.0, and linkd needs 1.6.2 at least") {
			l.Error(did)
		}
		if n := count(); n != 2*3 {
			l.Errorf("asked %d times for three programs", n)
		}
		l.fake("iptables", "echo nonsense")
		if did := l.wants(keys); !strings.Contains(did, `iptables --version prints no version, but "nonsense\n"`) {
			l.Error(did)
		}
	})
}

// linkd deletes surplus chains of its own together, however many there are, and keeps desired and foreign ones.
func TestThousandChains(t *testing.T) {
	onEachBackend(t, func(l lab) {
		const keys = "iptables: {rules: [{chain: INPUT, args: [-j, LOG]}]}"
		l.wants(keys)
		filter := l.rules("iptables", "filter")
		const many = 1000
		script := func(table, more string) {
			var text strings.Builder
			text.WriteString("*" + table + "\n")
			for i := range many {
				fmt.Fprintf(&text, ":LINKD-%d - [0:0]\n", i)
			}
			// They may jump to each other.
			fmt.Fprintf(&text, "-A LINKD-7 -j LINKD-8\n%sCOMMIT\n", more)
			path := filepath.Join(l.TempDir(), "script")
			conform.Must(l, os.WriteFile(path, []byte(text.String()), 0o600))
			l.sh("iptables-restore --noflush <" + path)
		}
		script("filter", "")
		script("mangle", "-A FORWARD -j LINKD-5\n-A FORWARD -j LINKD-6\n")
		l.remembers("mangle/LINKD-5")
		runs := l.counted()
		begun := time.Now()
		did := l.wants(keys)
		l.Logf("deleted in %v", time.Since(begun))
		if n := strings.Count(did, "- lab/iptables/"); n != 2*many {
			l.Errorf("%d chains were deleted: %.2000s", n, did)
		}
		if want := "lab/iptables/mangle/LINKD-5 failed: delete lab/iptables/mangle/LINKD-5: rules that are not linkd's jump there, in FORWARD: it stays, empty\n"; !strings.Contains(did, want) {
			l.Errorf("have %.2000s, want %s", did, want)
		}
		if strings.Contains(did, "mangle/LINKD-6 failed") {
			l.Error("a chain that linkd does not remember has failed")
		}
		if ran := runs(); strings.Count(ran, "iptables-restore") > 3 || strings.Count(ran, " ") > 20 {
			l.Errorf("%.1000s", ran)
		}
		l.is(l.rules("iptables", "filter"), filter)
		l.is(l.sh("iptables-save -t mangle | grep LINKD"), ":LINKD-5 - [0:0]\n:LINKD-6 - [0:0]\n-A FORWARD -j LINKD-5\n-A FORWARD -j LINKD-6\n")
	})
}

// A chain that linkd cannot delete does not stop the deletion of others. The resource fails only if the journal has it.
func TestARefusedRemovalIsTriedInParts(t *testing.T) {
	onEachBackend(t, func(l lab) {
		for i := range 20 {
			l.sh(fmt.Sprintf("iptables -N LINKD-%d", i))
		}
		l.remembers("filter/LINKD-13")
		defer l.fake("iptables-restore", `text=$(cat); case "$text" in *LINKD-13*|*LINKD-4*) echo "iptables-restore: line 2 failed" >&2; exit 1;; esac; echo "$text" | $REAL "$@"`)()
		did := l.wants("iptables: {rules: [{chain: INPUT, args: [-j, LOG]}]}")
		if want := "lab/iptables/filter/LINKD-13 failed: delete lab/iptables/filter/LINKD-13: iptables-restore refuses (exit status 1); the table filter stays as it was\n"; !strings.Contains(did, want) {
			l.Errorf("have %s, want %s", did, want)
		}
		if strings.Contains(did, "LINKD-4 failed") {
			l.Error("a chain that linkd does not remember has failed")
		}
		l.is(l.sh("iptables -S | grep -- '-N LINKD-' | sort"), "-N LINKD-13\n-N LINKD-4\n-N LINKD-INPUT\n")
	})
}
