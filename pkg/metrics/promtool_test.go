package metrics

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/reconcile"
)

// promtool is Prometheus' own program, that knows what makes a good metric.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("needs promtool, which is in Debian's package prometheus")
	}
	return path
}

func TestPromtoolHasNothingToSay(t *testing.T) {
	path := promtool(t)
	var text bytes.Buffer
	for line := range strings.Lines(scrape(t, New("v7", []string{"link"}, func() *reconcile.Status {
		return &reconcile.Status{Probes: []reconcile.ProbeStatus{{Name: "gateway", State: reconcile.OK}}}
	}))) {
		// What the Go runtime and the process tell is not linkd's.
		if strings.Contains(line, "linkd_") {
			text.WriteString(line)
		}
	}
	check := exec.Command(path, "check", "metrics")
	check.Stdin = &text
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// rules is the folder of the alerts that come with linkd.
const rules = "../../examples/prometheus/"

func TestPromtoolAcceptsTheAlerts(t *testing.T) {
	path := promtool(t)
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "linkd-alerts.yaml"},
		{"test", "rules", "linkd-alerts.test.yaml"},
	} {
		check := exec.Command(path, args...)
		check.Dir = rules
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// families are the names of linkd's own metrics.
func families(t *testing.T) (names []string) {
	t.Helper()
	for line := range strings.Lines(scrape(t, New("v7", []string{"link"}, func() *reconcile.Status {
		return &reconcile.Status{Probes: []reconcile.ProbeStatus{{Name: "gateway", State: reconcile.OK}}}
	}))) {
		if f := strings.Fields(line); f[0] == "#" && f[1] == "TYPE" && strings.HasPrefix(f[2], "linkd_") {
			names = append(names, f[2])
		}
	}
	return names
}

// An alert on a metric that is not there never fires.
func TestTheAlertsAreAboutMetricsThatAreThere(t *testing.T) {
	there := families(t)
	text := read(t, rules+"linkd-alerts.yaml")
	names := regexp.MustCompile(`\blinkd_[a-z_]+`).FindAllString(text, -1)
	if len(names) < 5 {
		t.Fatalf("the alerts are about %v", names)
	}
	for _, name := range names {
		if family := regexp.MustCompile(`_(count|bucket|sum)$`).ReplaceAllString(name, ""); !slices.Contains(there, family) {
			t.Errorf("no metric is called %s", name)
		}
	}
}

func TestThePageTellsOfEveryMetric(t *testing.T) {
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(linkd_[a-z_]+)").FindAllStringSubmatch(read(t, "../../docs/reference/events-and-metrics.md"), -1) {
		told = append(told, row[1])
	}
	slices.Sort(told)
	if d := cmp.Diff(families(t), told); d != "" {
		t.Errorf("docs/reference/events-and-metrics.md (-there +told):\n%s", d)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
