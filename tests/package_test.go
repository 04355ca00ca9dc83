package tests

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var deb = flag.String("deb", "", "the Debian package to test (see make deb)")

// TestPackage looks at the package, and tells the stories in which its files are in use.
func TestPackage(t *testing.T) {
	if *deb == "" {
		t.Skip("needs a Debian package: make test-package")
	}
	t.Run("contents", packageContents)
	t.Run("lintian", packageLintian)
	t.Run("elsewhere", packageElsewhere)
	t.Run("reproducible", packageReproducible)
	enactAll(t, storiesIn(t, "package"), sandbox)
}

// packageContents holds the package to a list of what is in it, with modes and owners, and to a page for each command.
func packageContents(t *testing.T) {
	const golden = "package/contents.txt"
	var contents strings.Builder
	var pages []string
	for line := range strings.Lines(output(t, exec.Command("dpkg-deb", "--contents", *deb))) {
		if page := regexp.MustCompile(`/man8/linkd-(.+)\.8\.gz$`).FindStringSubmatch(strings.TrimSpace(line)); page != nil {
			pages = append(pages, page[1])
			continue
		}
		// Sizes and times are those of the day.
		contents.WriteString(regexp.MustCompile(`^(\S+ \S+) +\d+ \S+ \S+ `).ReplaceAllString(line, "$1 "))
	}
	for _, field := range []string{"Depends", "Recommends", "Suggests"} {
		contents.WriteString(field + ": " + output(t, exec.Command("dpkg-deb", "--field", *deb, field)))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(contents.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(read(t, golden), contents.String()); d != "" {
		t.Errorf("the package is not what %s says; -update writes it (-said +is):\n%s", golden, d)
	}
	if d := cmp.Diff(commandsOf(t), pages); d != "" {
		t.Errorf("there is not one page for each command (-command +page):\n%s", d)
	}
}

// commandsOf are the commands of the linkd in the package, but for those that come with the library it reads them by.
func commandsOf(t *testing.T) (commands []string) {
	t.Helper()
	root := t.TempDir()
	output(t, exec.Command("dpkg-deb", "--extract", *deb, root))
	for line := range strings.Lines(output(t, exec.Command(root+"/usr/sbin/linkd", "__complete", ""))) {
		if command, _, is := strings.Cut(line, "\t"); is && command != "help" && command != "completion" {
			commands = append(commands, command)
		}
	}
	// linkd lists them in groups, and the package in alphabetical order.
	slices.Sort(commands)
	return commands
}

// packageLintian has Debian's own checks find nothing; what is overridden is in packaging/lintian-overrides.
func packageLintian(t *testing.T) {
	if _, err := exec.LookPath("lintian"); err != nil {
		t.Skip("there is no lintian here")
	}
	out, err := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning", *deb).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "E: ") || strings.HasPrefix(line, "W: ") {
			t.Error(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// packageReproducible builds the package again in another place, as somebody with other habits, and expects the
// same bytes.
func packageReproducible(t *testing.T) {
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "elsewhere")
	files, err := exec.Command("git", "-C", top, "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skipf("git does not know which files are the source: %v", err)
	}
	for name := range strings.Lines(string(files)) {
		name = strings.TrimSpace(name)
		info, err := os.Stat(filepath.Join(top, name))
		if err != nil {
			// It is deleted, but not yet in the index.
			continue
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(copied, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, name), []byte(read(t, filepath.Join(top, name))), info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("sh", "-c", `umask 077; exec make -s deb "$@"`, "sh")
	for _, variable := range []string{"VERSION", "COMMIT", "SOURCE_DATE_EPOCH"} {
		build.Args = append(build.Args, variable+"="+strings.TrimSpace(output(t, exec.Command("make", "-s", "-C", top, "print-"+variable))))
	}
	build.Dir = copied
	build.Env = append(os.Environ(), "TZ=Asia/Kathmandu", "LC_ALL=C.UTF-8", "LANG=C.UTF-8", "GOFLAGS=")
	output(t, build)
	again := filepath.Join(copied, "build", filepath.Base(*deb))
	if err := exec.Command("cmp", *deb, again).Run(); err != nil {
		t.Errorf("built twice, the package is not the same: %v", err)
	}
}

// packageElsewhere puts the files where a machine without packages has them, expects them to lead to each other there, and
// takes them away.
func packageElsewhere(t *testing.T) {
	root := t.TempDir()
	install := exec.Command("packaging/install")
	install.Dir = ".."
	install.Env = append(os.Environ(), "DESTDIR="+root, "PREFIX=/opt/linkd")
	output(t, install)
	if unit := read(t, root+"/opt/linkd/lib/systemd/system/linkd.service"); !strings.Contains(unit, "\nExecStart=/opt/linkd/sbin/linkd run ") {
		t.Errorf("the unit does not start what was installed:\n%s", unit)
	}
	if example := read(t, root+"/opt/linkd/share/doc/linkd/examples/links.yaml"); !strings.Contains(example, "$schema=/opt/linkd/share/linkd/linkd.schema.json\n") {
		t.Errorf("the example does not lead to the schema:\n%s", example)
	}
	for page := range strings.Lines(output(t, exec.Command("find", root+"/opt/linkd/share/doc", "-name", "*.md"))) {
		checkLinks(t, strings.TrimSpace(page))
	}
	beside := strings.Fields(output(t, exec.Command("find", root, "-type", "f", "-not", "-path", root+"/opt/linkd/*", "-printf", "/%P\n")))
	slices.Sort(beside)
	if d := cmp.Diff([]string{"/etc/iproute2/rt_protos.d/linkd.conf", "/etc/linkd.d/README"}, beside); d != "" {
		t.Errorf("outside of PREFIX there are (-want +there):\n%s", d)
	}
	mine := filepath.Join(root, "etc/linkd.d/mine.yaml")
	if err := os.WriteFile(mine, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	output(t, exec.Command("make", "-C", "..", "uninstall", "DESTDIR="+root, "PREFIX=/opt/linkd"))
	if left := output(t, exec.Command("find", root, "-type", "f")); left != mine+"\n" {
		t.Errorf("uninstalled, there is left\n%s", left)
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, &said)
	}
	return string(out)
}
