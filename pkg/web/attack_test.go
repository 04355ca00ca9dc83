package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"linkd/pkg/control"
	"linkd/pkg/graph"
	"linkd/pkg/history"
	"linkd/pkg/probe"
	"linkd/pkg/reconcile"
)

// nobodyHome is a machine of which nothing is known. It counts its probes and looks.
type nobodyHome struct{ probes, looks chan struct{} }

func (nobodyHome) Draw(context.Context, *reconcile.Status) *Wiring {
	return &Wiring{Picture: graph.NewBuilder(func(string) {}).Picture()}
}

func (m nobodyHome) Look(context.Context) bool {
	m.looks <- struct{}{}
	return true
}

func (nobodyHome) Counters(context.Context, string, string) (*netlink.LinkStatistics64, error) {
	return nil, errors.New("none")
}

func (m nobodyHome) Probe(context.Context, string) (*probe.Report, error) {
	m.probes <- struct{}{}
	return &probe.Report{}, nil
}

// newTestServer returns a server on a free port, without a daemon.
func newTestServer(t *testing.T) (*Server, nobodyHome) {
	t.Helper()
	machine := nobodyHome{make(chan struct{}, 1000), make(chan struct{}, 1000)}
	s, err := NewServer(netip.MustParseAddrPort("127.0.0.1:0"), Options{
		Client: control.NewClient(t.TempDir()), Machine: machine, History: history.Open(t.TempDir()), MayDecide: true, By: "a test",
		Host: "here", TokenUsed: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.listener.Close() })
	return s, machine
}

// request is a request as a browser sends it from the page itself, changed by change.
func (s *Server) request(method, path string, change func(r *http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+s.login.base+path, strings.NewReader(`{"name":"x"}`))
	r.AddCookie(&http.Cookie{Name: cookieName, Value: s.login.cookie})
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method != http.MethodGet {
		r.Header.Set("Origin", "http://127.0.0.1:8080")
	}
	if change != nil {
		change(r)
	}
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, r)
	return answer
}

// requests are all that the page asks for. None is refused from the page itself, so that what is refused below is refused for the reason
// that the test gives.
var requests = []struct{ method, path string }{
	{"GET", ""}, {"GET", "page.js"}, {"GET", "states.css"}, {"GET", "api/wiring"}, {"GET", "api/resources"}, {"GET", "api/link?netns=host&name=x"},
	{"POST", "api/probe"}, {"GET", "api/history"}, {"GET", "api/history/diff?number=1"}, {"GET", "api/trial/diff"}, {"POST", "api/confirm"}, {"POST", "api/revert"},
}

func TestThePageMayAsk(t *testing.T) {
	s, _ := newTestServer(t)
	for _, r := range requests {
		if answer := s.request(r.method, r.path, nil); answer.Code != http.StatusOK && answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s %s: %d %s", r.method, r.path, answer.Code, answer.Body)
		}
	}
}

// Whatever another page, another user or another name sends is refused, before it reaches anything.
func TestOthersMayNotAsk(t *testing.T) {
	s, machine := newTestServer(t)
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	host := func(name string) func(*http.Request) {
		return func(r *http.Request) {
			r.Host = name
			if r.Method != http.MethodGet {
				r.Header.Set("Origin", "http://"+name)
			}
		}
	}
	for name, change := range map[string]func(r *http.Request){
		"no cookie":                    header("Cookie"),
		"another cookie":               header("Cookie", cookieName+"="+strings.Repeat("0", 64)),
		"a token as cookie":            header("Cookie", cookieName+"="+s.login.Token()),
		"DNS rebinding":                host("evil.example"),
		"DNS rebinding with a port":    host("evil.example:8080"),
		"a name like a loopback one":   host("127.0.0.1.evil.example"),
		"a name like localhost":        host("localhost.evil.example:8080"),
		"the address of a card":        host("192.0.2.1:8080"),
		"all addresses":                host("0.0.0.0:8080"),
		"an address with a zone":       host("[::1%25lo]:8080"),
		"no host":                      host(""),
		"a page of another site":       header("Sec-Fetch-Site", "cross-site"),
		"a page of another port":       header("Sec-Fetch-Site", "same-site"),
		"the origin of another port":   header("Origin", "http://127.0.0.1:9999"),
		"the origin of another name":   header("Origin", "http://localhost:8080"),
		"the origin of another scheme": header("Origin", "https://127.0.0.1:8080"),
		"a hidden origin":              header("Origin", "null"),
		"an empty origin":              header("Origin", ""),
		"two origins":                  header("Origin", "http://127.0.0.1:8080", "http://evil.example"),
		"another path":                 func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, s.login.base, "/", 1) },
		"another base":                 func(r *http.Request) { r.URL.Path = "/" + strings.Repeat("0", 32) + "/" },
	} {
		for _, r := range requests {
			if answer := s.request(r.method, r.path, change); answer.Code != http.StatusForbidden {
				t.Errorf("%s: %s %s: %d %s", name, r.method, r.path, answer.Code, answer.Body)
			}
		}
	}
	// A form of another page can send everything but an Origin of its choice, and what changes something needs one.
	for _, r := range requests {
		if r.method != http.MethodGet {
			if answer := s.request(r.method, r.path, func(r *http.Request) { r.Header.Del("Origin") }); answer.Code != http.StatusForbidden {
				t.Errorf("no origin: %s %s: %d", r.method, r.path, answer.Code)
			}
			if answer := s.request(http.MethodGet, r.path, nil); answer.Code == http.StatusOK {
				t.Errorf("GET %s does something", r.path)
			}
		}
	}
	if len(machine.probes) > 0 {
		t.Errorf("%d probes were sent", len(machine.probes))
	}
}

// A token works once. Neither a prefetch nor a wrong guess uses it, and its cookie is sent to the page only.
func TestATokenWorksOnce(t *testing.T) {
	s, _ := newTestServer(t)
	login := func(token string, change func(r *http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+loginPath+"?token="+token, nil)
		if change != nil {
			change(r)
		}
		answer := httptest.NewRecorder()
		s.Handler().ServeHTTP(answer, r)
		return answer
	}
	token := s.login.Token()
	for name, answer := range map[string]*httptest.ResponseRecorder{
		"no token":     login("", nil),
		"a wrong one":  login(strings.Repeat("0", len(token)), nil),
		"a part":       login(token[:len(token)-1], nil),
		"the cookie":   login(s.login.cookie, nil),
		"a prefetch":   login(token, func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch;prerender") }),
		"HEAD":         login(token, func(r *http.Request) { r.Method = http.MethodHead }),
		"another host": login(token, func(r *http.Request) { r.Host = "evil.example" }),
		"an image": login(token, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
		}),
	} {
		if answer.Code == http.StatusOK || len(answer.Result().Cookies()) > 0 {
			t.Errorf("%s: %d", name, answer.Code)
		}
	}
	answer := login(token, nil)
	cookies := answer.Result().Cookies()
	if answer.Code != http.StatusOK || len(cookies) != 1 {
		t.Fatalf("the token does not work: %d %s", answer.Code, answer.Body)
	}
	if c := cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != s.login.base || len(c.Path) < 30 || c.Domain != "" || c.MaxAge != 0 {
		t.Errorf("the cookie is %v", c)
	}
	if answer := login(token, nil); answer.Code != http.StatusForbidden {
		t.Errorf("the token works twice: %d", answer.Code)
	}
	if answer := login(s.login.Token(), nil); answer.Code != http.StatusOK {
		t.Errorf("the next token does not work: %d", answer.Code)
	}
}

// Every answer has the policy, whoever asks.
func TestEveryAnswerHasThePolicy(t *testing.T) {
	s, _ := newTestServer(t)
	check := func(name string, answer *httptest.ResponseRecorder) {
		t.Helper()
		for header, value := range headers {
			if answer.Header().Get(header) != value {
				t.Errorf("%s: %s is %q", name, header, answer.Header().Get(header))
			}
		}
		if answer.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: others may read it", name)
		}
	}
	for _, r := range requests {
		check(r.path, s.request(r.method, r.path, nil))
		check(r.path+" refused", s.request(r.method, r.path, func(r *http.Request) { r.Header.Del("Cookie") }))
	}
	for _, word := range []string{"unsafe", "*", "http:", "data:"} {
		if strings.Contains(policy, word) {
			t.Errorf("the policy allows %s", word)
		}
	}
}

// The page has no script or style in itself, fetches nothing from elsewhere, and turns no text into markup.
func TestThePageIsPlain(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)<script(?: type="module")?>|<style|\sstyle=|\son[a-z]+=|javascript:|innerHTML|outerHTML|insertAdjacent|document\.write|setHTML|DOMParser|\beval\(|new Function|https?://|import\(|url\(`)
	err := fs.WalkDir(embedded, "page", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(embedded, path)
		if err != nil {
			return err
		}
		rest := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")
		rest = strings.ReplaceAll(rest, "https://html.spec", "")
		if found := forbidden.FindString(rest); found != "" {
			t.Errorf("%s has %q", path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A server takes a bounded number of streams, bytes of a header and bytes of a body, and no address but a loopback one.
func TestLimits(t *testing.T) {
	for _, address := range []string{"0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[fe80::1%lo]:80", "[::1%lo]:80", "localhost:80", "127.0.0.1", ""} {
		if _, err := ParseAddress(address); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
	s, _ := newTestServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- s.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for range maxStreams {
		conn, first := s.dial(t, "GET", "api/stream", "", "")
		defer conn.Close()
		if !strings.Contains(first, "200 OK") {
			t.Fatal(first)
		}
	}
	if conn, first := s.dial(t, "GET", "api/stream", "", ""); !strings.Contains(first, "503") {
		t.Errorf("a stream more: %s", first)
	} else {
		conn.Close()
	}
	if conn, first := s.dial(t, "GET", "", "X-Long: "+strings.Repeat("x", 2*maxHeader)+"\r\n", ""); !strings.Contains(first, "431") {
		t.Errorf("a long header: %s", first)
	} else {
		conn.Close()
	}
	long := `{"name":"` + strings.Repeat("x", maxBody) + `"}`
	if conn, first := s.dial(t, "POST", "api/probe", fmt.Sprintf("Origin: http://%s\r\nContent-Length: %d\r\n", s.listener.Addr(), len(long)), long); !strings.Contains(first, "422") {
		t.Errorf("a long body: %s", first)
	} else {
		conn.Close()
	}
}

// dial sends a request on a connection of its own, and returns the first line of the answer.
func (s *Server) dial(t *testing.T, method, path, header, body string) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "%s %s%s HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\n%s\r\n%s", method, s.login.base, path, s.listener.Addr(), cookieName, s.login.cookie, header, body)
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return conn, first
}

// While no page is open, linkd web asks nobody and looks at nothing.
func TestWithoutAPageNothingHappens(t *testing.T) {
	s, machine := newTestServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- s.Serve(ctx) }()
	conn, _ := s.dial(t, "GET", "", "", "")
	conn.Close()
	if len(machine.looks) > 0 {
		t.Errorf("%d looks without a stream", len(machine.looks))
	}
	conn, _ = s.dial(t, "GET", "api/stream", "", "")
	<-machine.looks
	conn.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
