// Package tests runs the stories in stories/ with the real binary on the real kernel, each in a sandbox of its own.
package tests

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var (
	update  = flag.Bool("update", false, "rewrite what the stories expect with what they got")
	binary  = flag.String("linkd", "", "the linkd to test; by default it is built from the source")
	aloud   = flag.Bool("aloud", false, "with -v, print all that a story did, not only that of one that failed")
	engines = flag.String("engines", "", "the folder of container engines (see install-engines), for the stories about them")
	story   = flag.String("story", "", "tell this one story in the sandbox that this process was started in")
	// backend is that of the programs called iptables in the sandbox; "" is what the machine has by default.
	backend     = flag.String("backend", "", "nft or legacy: the backend of iptables in the sandbox")
	etcd        = flag.String("etcd", "", "the program built from tests/etcd, for the stories about a fleet")
	debian      = flag.String("debian", "", "the folder of a Debian system (see systemd/root), for the stories about the service")
	group       = flag.String("group", "", "boot that Debian in this control group, to tell the story there")
	inContainer = flag.Bool("in-container", false, "run the story in the system in which this process was started")
	// thorough makes a story about faults take every step and all rounds, not a sample of them.
	thorough = flag.Bool("thorough", false, "tell the stories about faults in full (see make test-faults)")
)

// skipStatus is how a story that cannot run here is told apart from one that failed.
const skipStatus = 77

// storyTime bounds one story, so that one that hangs is named instead of the whole run. It is no measure of speed: the
// longest story takes a tenth of it on a slow machine.
const storyTime = 30 * time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	switch {
	case *story != "" && *group != "":
		os.Exit(boot(*story))
	case *story != "":
		os.Exit(tell(*story))
	}
	os.Exit(m.Run())
}

// TestStories starts every story in a fresh sandbox, by running this test binary again as the sandbox's first
// process: files, processes and commands that a story names are then simply those of the sandbox.
func TestStories(t *testing.T) {
	enactAll(t, append(storiesIn(t, "stories"), peerFiles(t)...), sandbox)
}

// TestFaults tells in full the stories of which TestStories tells a sample.
func TestFaults(t *testing.T) {
	if !*thorough {
		t.Skip("takes long: make test-faults")
	}
	stories := slices.DeleteFunc(storiesIn(t, "stories"), func(story string) bool {
		return strings.Contains(story, "#") || !sampledLine.MatchString(read(t, story))
	})
	enactAll(t, stories, sandbox)
}

// sampledLine is a line of which less is done without -thorough.
var sampledLine = regexp.MustCompile(`(?m)^(everystep|\[thorough\]) `)

// TestEngines tells the stories in which containers are those of real engines.
func TestEngines(t *testing.T) {
	if *engines == "" {
		t.Skip("needs container engines: make test-docker")
	}
	t.Cleanup(func() { removeGroups(t, storyGroup) })
	enactAll(t, storiesIn(t, "engines"), sandbox)
}

// TestFleet tells the stories in which several machines, which are network namespaces, have one etcd.
func TestFleet(t *testing.T) {
	if *etcd == "" {
		t.Skip("needs etcd: make test-fleet")
	}
	enactAll(t, storiesIn(t, "fleet"), sandbox)
}

// TestSystemd tells the stories about the service, each in a Debian system that systemd has booted for it.
func TestSystemd(t *testing.T) {
	if *debian == "" || *deb == "" {
		t.Skip("needs a Debian system to boot, and linkd's package: make test-systemd")
	}
	if out, err := nspawn(t.Context(), "true").CombinedOutput(); err != nil {
		t.Skipf("systemd-nspawn cannot start a container here: %v: %s", err, out)
	}
	t.Cleanup(func() { removeGroups(t, containerGroup) })
	enactAll(t, storiesIn(t, "systemd"), newContainer)
}

// place is where a story is told: it returns this test binary, to be started there with args.
type place func(ctx context.Context, story string, args ...string) *exec.Cmd

// storiesIn are the stories of a folder, and those that the pages of the guide tell in the same place.
func storiesIn(t *testing.T, folder string) []string {
	t.Helper()
	stories, err := filepath.Glob(folder + "/*.txtar")
	if err != nil || len(stories) == 0 {
		t.Fatalf("no stories found: %v", err)
	}
	return append(stories, guidePages(t, folder)...)
}

func enactAll(t *testing.T, stories []string, where place) {
	linkd := *binary
	if linkd == "" {
		linkd = buildLinkd(t)
	}
	linkd, err := filepath.Abs(linkd)
	if err != nil {
		t.Fatal(err)
	}
	// The binary must outlive the parallel stories, which start only when this function has returned.
	t.Run("all", func(t *testing.T) {
		for _, file := range stories {
			name := strings.TrimSuffix(filepath.Base(file), ".txtar")
			for _, backend := range backends(t, file) {
				t.Run(strings.TrimSuffix(name+"-"+backend, "-"), func(t *testing.T) {
					t.Parallel()
					enact(t, file, linkd, backend, where)
				})
			}
		}
	})
}

// buildLinkd builds linkd from the source, for as long as the test t lasts.
func buildLinkd(t *testing.T) string {
	t.Helper()
	linkd := filepath.Join(t.TempDir(), "linkd")
	if out, err := exec.Command("go", "build", "-o", linkd, "../cmd/linkd").CombinedOutput(); err != nil {
		t.Fatalf("build linkd: %v\n%s", err, out)
	}
	return linkd
}

// backends are those of iptables with which a story is told: as a line such as "# BACKENDS nft, legacy" says, or the one
// that the machine has by default.
func backends(t *testing.T, file string) []string {
	t.Helper()
	page, _, _ := strings.Cut(file, "#")
	if line := backendsLine.FindStringSubmatch(read(t, page)); line != nil {
		return strings.Split(line[1], ", ")
	}
	return []string{""}
}

var backendsLine = regexp.MustCompile(`(?m)^# BACKENDS (.+)$`)

// enact runs one story in its place and takes its outcome as that of the test t.
func enact(t *testing.T, file, linkd, backend string, where place) {
	ctx, cancel := context.WithTimeout(t.Context(), storyTime+time.Minute)
	defer cancel()
	cmd := where(ctx, file, "-linkd", linkd, fmt.Sprintf("-update=%v", *update), fmt.Sprintf("-aloud=%v", *aloud),
		fmt.Sprintf("-thorough=%v", *thorough), "-backend="+backend, "-engines="+*engines, "-etcd="+*etcd, "-deb="+*deb)
	// The sandbox ends when its standard input does, so it cannot outlive this process, however that dies.
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer lifeline.Close()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		if len(out) > 0 {
			t.Logf("%s", out)
		}
	case errors.As(err, &exit) && exit.ExitCode() == skipStatus:
		t.Skipf("%s", bytes.TrimSpace(out))
	case errors.As(err, &exit):
		t.Fatalf("%v\n%s", err, out)
	case os.Geteuid() != 0:
		t.Skipf("needs root, or user namespaces for ordinary users: %v", err)
	default:
		t.Fatalf("start a sandbox: %v", err)
	}
}

// tell runs one story in this process, the first one of its sandbox, and returns the exit status.
func tell(file string) int {
	setTheStage := enter
	if *inContainer {
		setTheStage = prepareContainer
	}
	if err := setTheStage(); err != nil {
		fmt.Println("set up the sandbox:", err)
		// A backend of iptables may not be installed.
		if os.Getenv(ordinaryUser) != "" || errors.Is(err, exec.ErrNotFound) {
			return skipStatus
		}
		return 1
	}
	examples, err := filepath.Abs("../examples")
	if err == nil {
		file, err = writeStory(file)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	stage := &stage{jobs: map[string]*job{}}
	n := &narrator{}
	n.Run(file, func(t testscript.T) {
		testscript.RunT(t, testscript.Params{
			Files:              []string{file},
			UpdateScripts:      *update,
			RequireUniqueNames: true,
			Deadline:           time.Now().Add(storyTime),
			Cmds:               stage.commands(),
			Condition:          condition,
			Setup: func(env *testscript.Env) error {
				env.Setenv("EXAMPLES", examples)
				env.Setenv("DEB", *deb)
				for _, v := range env.Vars {
					name, _, _ := strings.Cut(v, "=")
					stage.variables = append(stage.variables, name)
				}
				return nil
			},
		})
	})
	switch {
	case n.failed:
		fmt.Print(n.log.String())
		return 1
	case n.skipped != "":
		fmt.Println(n.skipped)
		return skipStatus
	}
	if *aloud {
		fmt.Print(n.log.String())
	}
	return 0
}

// narrator stands in for *testing.T, which would print a second report within the first.
type narrator struct {
	mu      sync.Mutex
	log     strings.Builder
	failed  bool
	skipped string
}

// Run gives f a goroutine of its own, for FailNow and Skip to end.
func (n *narrator) Run(_ string, f func(testscript.T)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(n)
	}()
	<-done
}

func (n *narrator) Log(args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintln(&n.log, args...)
}

func (n *narrator) Fatal(args ...any) {
	n.Log(args...)
	n.FailNow()
}

func (n *narrator) FailNow() {
	n.failed = true
	runtime.Goexit()
}

func (n *narrator) Skip(args ...any) {
	n.skipped = strings.TrimSpace(fmt.Sprintln(append(args, "")...))
	if n.skipped == "" {
		n.skipped = "no reason given"
	}
	runtime.Goexit()
}

func (n *narrator) Parallel()     {}
func (n *narrator) Verbose() bool { return *aloud }
