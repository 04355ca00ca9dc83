package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"linkd/pkg/kind/conform"
)

// A file peers/peers-PROJECT.txtar has the examples of another project, as files of linkd in our own words. Each section is one
// example. It may have comments of these forms:
//
//	# out: WHY           the example is about something that linkd does not configure
//	# not: WHY           linkd cannot say it
//	# lacks: WHAT        linkd says all of it but this
//	# pending: WHY       some of it waits, in this test
//	# fails: WHY         some of it fails, in this test
//	# devices: DEV[=MAC] ...
//	                     interfaces of the machine
//	# netns: NAME ...    namespaces that exist
//	# setup: COMMAND     prepares the machine
//	# keys: FILE ...     files with WireGuard keys in /etc/linkd
//	# after: EXAMPLE     that example is in force before
//	# needs: CONDITION   besides those that follow from the kinds of links
//
// TestStories applies each project as a story: every example is applied, has no differences then, and leaves nothing behind.
type peerExample struct {
	name, text string
	comments   map[string][]string
}

var peerComment = regexp.MustCompile(`(?m)^# (out|not|lacks|pending|fails|devices|netns|setup|keys|after|needs): (.+)$`)

func peerExamples(file string) ([]peerExample, error) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	var examples []peerExample
	for _, f := range archive.Files {
		e := peerExample{name: f.Name, text: string(f.Data), comments: map[string][]string{}}
		for _, m := range peerComment.FindAllStringSubmatch(e.text, -1) {
			e.comments[m[1]] = append(e.comments[m[1]], m[2])
		}
		examples = append(examples, e)
	}
	return examples, nil
}

func (e peerExample) has(comment string) bool { return len(e.comments[comment]) > 0 }

func (e peerExample) words(comment string) []string {
	return strings.Fields(strings.Join(e.comments[comment], " "))
}

func (e peerExample) isSaid() bool { return !e.has("out") && !e.has("not") }

var kindOfLink = regexp.MustCompile(`kind: (\w+)`)

// needs returns the conditions of the example and of those in force before.
func (e peerExample) needs(all []peerExample) []string {
	needs := slices.Clone(e.words("needs"))
	for _, m := range kindOfLink.FindAllStringSubmatch(e.text, -1) {
		switch kind := m[1]; kind {
		case "existing", "veth", "bridge":
		case "tap":
			// The kernel has one kind for both.
			needs = append(needs, "link:tun")
		default:
			needs = append(needs, "link:"+kind)
		}
	}
	for _, before := range e.before(all) {
		needs = append(needs, before.needs(all)...)
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

func (e peerExample) before(all []peerExample) (before []peerExample) {
	for _, name := range e.words("after") {
		if at := slices.IndexFunc(all, func(o peerExample) bool { return o.name == name }); at >= 0 {
			before = append(before, all[at])
		}
	}
	return before
}

// TestPeers counts what linkd says of the examples of each project, and checks that the files are valid.
func TestPeers(t *testing.T) {
	linkd := buildLinkd(t)
	for _, file := range peerFiles(t) {
		project := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "peers-"), ".txtar")
		examples, err := peerExamples(file)
		conform.Must(t, err)
		scope, said, whole := 0, 0, 0
		var lines []string
		for _, e := range examples {
			if e.has("out") {
				continue
			}
			scope++
			for _, why := range slices.Concat(e.comments["not"], e.comments["lacks"]) {
				lines = append(lines, e.name+": "+why)
			}
			if !e.isSaid() {
				continue
			}
			said++
			if !e.has("lacks") {
				whole++
			}
			if len(e.before(examples)) != len(e.words("after")) {
				t.Errorf("%s: %s: no such example: %v", project, e.name, e.words("after"))
			}
			path := filepath.Join(t.TempDir(), "links.yaml")
			conform.Must(t, os.WriteFile(path, []byte(e.text), 0o600))
			if out, err := exec.Command(linkd, "validate", path).CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", project, e.name, err, out)
			}
		}
		t.Logf("%s: %d of %d examples in scope, of which linkd says %d whole and %d in part:\n%s", project, scope, len(examples), whole, said-whole, strings.Join(lines, "\n"))
	}
}

func peerFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("peers/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples of other projects: %v", err)
	}
	return files
}

// completeKernel is set on the emulated machine (see pkg/kind/conform).
const completeKernel = "LINKD_TEST_COMPLETE_KERNEL"

// storyOfPeers returns the story that applies the examples of a project, one after the other. On an emulated machine, where that
// takes long, it leaves out what any kernel has.
func storyOfPeers(file string) (string, error) {
	examples, err := peerExamples(file)
	if err != nil {
		return "", err
	}
	var script, files strings.Builder
	for _, e := range examples {
		if !e.isSaid() {
			continue
		}
		fmt.Fprintf(&files, "-- %s.yaml --\n%s", e.name, e.text)
		needs := e.needs(examples)
		if len(needs) == 0 && os.Getenv(completeKernel) != "" {
			continue
		}
		fmt.Fprintf(&script, "# %s\n", e.name)
		for _, line := range e.script(examples) {
			for _, need := range needs {
				script.WriteString("[" + need + "] ")
			}
			script.WriteString(line + "\n")
		}
	}
	return script.String() + "-- look.sh --\n" + lookScript + files.String(), nil
}

// lookScript prints what an example may change, but not what the kernel has yet to do.
const lookScript = `for ns in host $(ls /run/netns 2>/dev/null); do
	echo $ns
	ip="ip -n $ns"
	[ $ns != host ] || ip=ip
	$ip -brief link | tr -s ' ' | cut -d ' ' -f 1,3 | sort
	$ip -o address | sed 's/^[0-9]*: //' | grep -vE ' (fe80::|127[.])' | sort
	for family in -4 -6; do
		$ip $family route show table all | grep -vE 'fe80::|ff00::|linkdown| 127[.]' | sort
		$ip $family rule
	done
done
for program in iptables-save ip6tables-save; do
	$program 2>/dev/null | sed -n '/^-A/p'
done
`

// script returns the lines of the story about one example.
func (e peerExample) script(all []peerExample) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, ns := range e.words("netns") {
		add("ip netns add %s", ns)
	}
	for i, device := range e.words("devices") {
		dev, mac, has := strings.Cut(device, "=")
		if has {
			mac = " address " + mac
		}
		add("ip link add %s%s type veth peer name far%d", dev, mac, i)
		add("ip link set far%d up", i)
	}
	for _, command := range e.comments["setup"] {
		add("%s", command)
	}
	for _, key := range e.words("keys") {
		add("sh -c 'umask 77; mkdir -p /etc/linkd; head -c 32 /dev/urandom | base64 > /etc/linkd/%s'", key)
	}
	add("sh look.sh")
	add("cp stdout before")
	for _, before := range e.before(all) {
		add("cp %s.yaml /etc/linkd.d/links.yaml", before.name)
		add("status 0 linkd apply")
	}
	add("cp %s.yaml /etc/linkd.d/links.yaml", e.name)
	switch {
	case e.has("fails"):
		add("status 1 linkd apply")
		add("stdout -count=1 '^failed'")
	case e.has("pending"):
		add("status 0 linkd apply")
		add("stdout '^pending'")
		add("! stdout '^(failed|blocked)'")
	default:
		add("status 0 linkd apply")
		add("! stdout '^(failed|blocked|pending)'")
		add("status 0 linkd diff")
	}
	add("rm /etc/linkd.d/links.yaml")
	add("status 0 linkd apply")
	add("sh look.sh")
	add("cmp stdout before")
	for i := range e.words("devices") {
		add("ip link del far%d", i)
	}
	for _, ns := range e.words("netns") {
		add("ip netns del %s", ns)
	}
	return lines
}
