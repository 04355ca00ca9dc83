package iptables

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// lab is a linkd with the kinds of iptables only, and a network namespace in which one of the two backends is the system's default.
type lab struct {
	*testing.T
	backend string
	engine  *reconcile.Engine
	journal *reconcile.Journal
}

// onEachBackend runs a test in a new namespace for each backend; with -short, for one.
func onEachBackend(t *testing.T, test func(l lab)) {
	backends := []string{"nft", "legacy"}
	if testing.Short() {
		backends = backends[:1]
	}
	for _, backend := range backends {
		t.Run(backend, func(t *testing.T) {
			inside := conform.Open(t)
			dir := t.TempDir()
			eachProgram(func(family, tool string) {
				real, err := exec.LookPath(family + "-" + backend + tool)
				if err != nil {
					t.Skip(err)
				}
				conform.Must(t, os.Symlink(real, filepath.Join(dir, family+tool)))
			})
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			inside.World.Release()
			journal := reconcile.OpenJournal(filepath.Join(t.TempDir(), "journal"))
			t.Cleanup(journal.Close)
			test(lab{t, backend, reconcile.NewEngine(
				[]reconcile.Registered{Kind, Kind6}, inside.World, journal, slog.New(slog.NewTextHandler(io.Discard, nil)),
			), journal})
		})
	}
}

func eachProgram(visit func(family, tool string)) {
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, tool := range []string{"", "-save", "-restore"} {
			visit(family, tool)
		}
	}
}

// sh runs commands in the namespace and returns what they print.
func (l lab) sh(script string) string {
	l.Helper()
	out, err := exec.Command("nsenter", "--net="+observe.NetnsDir+"/"+conform.LabName, "sh", "-ec", script).Output()
	if err != nil {
		l.Fatalf("%s: %v", script, err)
	}
	return string(out)
}

// wants makes the keys of the namespace the desired state, applies them, checks that nothing remains to do, and returns the plan,
// followed by the remarks and errors.
func (l lab) wants(keys string) (did string) {
	l.Helper()
	desired, errs := spec.Compile(language, []spec.File{{Path: "a.yaml", Text: []byte("namespaces: {lab: {" + keys + "}}")}})
	if len(errs) > 0 {
		l.Fatal(errs)
	}
	l.engine.Want(desired, true)
	did = l.engine.Plan(l.Context()).String()
	l.engine.LookAtAll()
	l.engine.Converge(l.Context())
	bad := false
	for _, r := range l.engine.Status(nil).Resources {
		if bad = bad || r.State != reconcile.OK; r.Reason != "" {
			did += fmt.Sprintf("%s %s: %s\n", r.ID, r.State, r.Reason)
		}
	}
	l.engine.LookAtAll()
	if left := l.engine.Plan(l.Context()); len(left) > 0 && !bad {
		l.Errorf("left to do:\n%s", left)
	}
	return did
}

// is compares what was done with what should have been.
func (l lab) is(did, want string) {
	l.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), did); diff != "" {
		l.Errorf("(-want +have):\n%s", diff)
	}
}

// rules returns the lines of iptables-save for a family's table, without the dates.
func (l lab) rules(family, table string) string {
	l.Helper()
	return l.sh(family + "-save -t " + table + " | grep -v '^#' || :")
}

// counted makes the programs record their runs, and returns a function that returns and clears the record.
func (l lab) counted() (runs func() string) {
	l.Helper()
	dir, log := l.TempDir(), filepath.Join(l.TempDir(), "runs")
	eachProgram(func(family, tool string) {
		real, err := exec.LookPath(family + tool)
		conform.Must(l, err)
		script := fmt.Sprintf("#!/bin/sh\necho %s >>%s\nexec %s \"$@\"\n", family+tool, log, real)
		conform.WriteProgram(l, filepath.Join(dir, family+tool), []byte(script))
	})
	l.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		text, err := os.ReadFile(log)
		conform.Must(l, err)
		conform.Must(l, os.Truncate(log, 0))
		return strings.Join(strings.Fields(string(text)), " ")
	}
}

// remembers adds a resource to the journal, as if linkd had created it. A chain that has only linkd's name may be another
// program's, so failing to delete it is no failure.
func (l lab) remembers(key string) {
	l.Helper()
	l.journal.Put(spec.ID{NS: conform.LabName, Kind: "iptables", Key: key}, reconcile.Entry{Identity: l.open().Identity})
}

// open opens the namespace, for a call of one of the kind's functions.
func (l lab) open() *observe.NS {
	l.Helper()
	world, err := observe.NewWorld()
	conform.Must(l, err)
	l.Cleanup(world.Close)
	world.Declare(map[string]spec.Namespace{conform.LabName: {Name: conform.LabName, Selector: spec.Selector{Scheme: "name", Value: conform.LabName}}})
	ns, err := world.Open(conform.LabName)
	conform.Must(l, err)
	return ns
}

func kindOf(r spec.Resource) kind { return kind{familyNamed(r.ID().Kind)} }
