package metrics

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"linkd/pkg/kind"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// scrape is what Prometheus gets to read.
func scrape(t *testing.T, m *Meter) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("the answer is %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// linkds are the series that are linkd's own and not 0, without those of buckets.
func linkds(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "linkd_") && !strings.Contains(line, "_bucket") && !strings.HasSuffix(line, " 0\n") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestWhatHappensIsCounted(t *testing.T) {
	status := &reconcile.Status{
		Resources: []reconcile.ResourceStatus{
			{Kind: "link", State: reconcile.OK}, {Kind: "link", State: reconcile.OK}, {Kind: "route", State: reconcile.Blocked},
		},
		Files: []spec.FileState{{State: "loaded"}, {State: "kept"}},
	}
	var shown *reconcile.Status
	m := New("v7", []string{"link", "route"}, func() *reconcile.Status { return shown })
	if text := scrape(t, m); strings.Contains(text, "linkd_resources") {
		t.Errorf("before the first pass there are resources:\n%s", text)
	}
	shown = status
	good := time.Unix(1700000000, 250e6)
	m.Note([]reconcile.Event{
		{Event: reconcile.Reload, State: "ok", Time: good},
		{Event: reconcile.Overrun, Count: 1},
		{Event: reconcile.Overrun, Count: 2},
		{Event: reconcile.Namespace, State: "there"},
	})
	m.Passed(20 * time.Millisecond)
	m.Passed(time.Second)
	want := `linkd_build_info{goversion="GO",version="v7"} 1
linkd_config_last_reload_success_timestamp_seconds 1.70000000025e+09
linkd_config_last_reload_successful 1
linkd_files{state="kept"} 1
linkd_files{state="loaded"} 1
linkd_netlink_overruns_total 2
linkd_pass_duration_seconds_sum 1.02
linkd_pass_duration_seconds_count 2
linkd_resources{kind="link",state="ok"} 2
linkd_resources{kind="route",state="blocked"} 1
`
	check := func() {
		t.Helper()
		text := linkds(scrape(t, m))
		_, version, _ := strings.Cut(text, `goversion="`)
		version, _, _ = strings.Cut(version, `"`)
		if d := cmp.Diff(want, strings.Replace(text, version, "GO", 1)); d != "" {
			t.Errorf("metrics (-want +got):\n%s", d)
		}
	}
	check()
	// A load that is not good leaves the time of the last good one.
	m.Note([]reconcile.Event{{Event: reconcile.Reload, State: "invalid", Time: good.Add(time.Hour)}})
	want = strings.Replace(want, "linkd_config_last_reload_successful 1\n", "", 1)
	check()
}

// However many things there are and whatever happens to them, Prometheus has the same series to keep.
func TestTheSeriesDoNotGrow(t *testing.T) {
	var kinds []string
	for _, k := range kind.All() {
		kinds = append(kinds, k.Name)
	}
	status := &reconcile.Status{}
	m := New("v7", kinds, func() *reconcile.Status { return status })
	series := func() (names []string) {
		for line := range strings.Lines(scrape(t, m)) {
			if strings.HasPrefix(line, "linkd_") {
				names = append(names, line[:strings.LastIndexByte(line, ' ')])
			}
		}
		return names
	}
	before := series()
	if len(before) < len(kinds)*len(reconcile.States()) {
		t.Fatalf("there are %d series", len(before))
	}
	for i := range 10000 {
		status.Resources = append(status.Resources, reconcile.ResourceStatus{
			ID: fmt.Sprint("net", i, "/link/eth0"), Kind: kinds[i%len(kinds)], State: reconcile.States()[i%len(reconcile.States())],
		})
		status.Files = append(status.Files, spec.FileState{Path: fmt.Sprint(i), State: "loaded"})
	}
	m.Note([]reconcile.Event{
		{Event: reconcile.Overrun}, {Event: reconcile.Reload, Error: "any"}, {Event: reconcile.Missed, Count: 9},
		{Event: reconcile.File, Path: "any"}, {Event: reconcile.Namespace, Namespace: "any"},
	})
	m.Passed(time.Hour)
	if d := cmp.Diff(before, series()); d != "" {
		t.Errorf("series (-before +after):\n%s", d)
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:9108":          "",
		"127.9.9.9:1":             "",
		"[::1]:9108":              "",
		"[::ffff:127.0.0.1]:9108": "",
		"0.0.0.0:9108":            "0.0.0.0 is not a loopback address: other machines could read the metrics without a password. Use 127.0.0.1 or ::1",
		"[::]:9108":               ":: is not a loopback address: other machines could read the metrics without a password. Use 127.0.0.1 or ::1",
		"192.0.2.1:9108":          "192.0.2.1 is not a loopback address: other machines could read the metrics without a password. Use 127.0.0.1 or ::1",
		":9108":                   `":9108" is not ADDRESS:PORT, such as 127.0.0.1:9108 or [::1]:9108`,
		"localhost:9108":          `"localhost:9108" is not ADDRESS:PORT, such as 127.0.0.1:9108 or [::1]:9108`,
		"127.0.0.1":               `"127.0.0.1" is not ADDRESS:PORT, such as 127.0.0.1:9108 or [::1]:9108`,
	} {
		_, err := ParseLoopback(text)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestAPortIsGivenBack(t *testing.T) {
	defer goleak.VerifyNone(t)
	var said bytes.Buffer
	stop, err := Serve("127.0.0.1:0", http.NotFoundHandler(), slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if said.Len() > 0 {
		t.Errorf("it complains of its end: %s", said.String())
	}
	if _, err := Serve("192.0.2.1:0", nil, nil); err == nil {
		t.Error("it serves others")
	}
}

// A user of the machine who opens connections, and asks nothing, takes no more of linkd's descriptors than there are scrapers.
func TestScrapersAreCounted(t *testing.T) {
	defer goleak.VerifyNone(t)
	address := freePort(t)
	stop, err := Serve(address, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	before := descriptors(t)
	var held []net.Conn
	for range 4 * maxScrapers {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		held = append(held, conn)
	}
	// One that is accepted is answered. Those that wait behind them are the kernel's.
	for _, conn := range held[:maxScrapers] {
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: linkd\r\n\r\n")
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if taken := descriptors(t) - before - len(held); taken != maxScrapers {
		t.Errorf("%d connections take %d descriptors, want %d", len(held), taken, maxScrapers)
	}
}

// freePort is an address with a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
