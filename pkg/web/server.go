package web

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"golang.org/x/net/netutil"

	"linkd/pkg/control"
	"linkd/pkg/graph"
	"linkd/pkg/history"
)

//go:embed page
var embedded embed.FS

// Options are what a Server needs. All are set.
type Options struct {
	Client  *control.Client
	Machine Machine
	History *history.Store
	// MayDecide: the user may confirm and revert a trial. The daemon decides about that again.
	MayDecide bool
	// By says who confirms or reverts, such as "root (process 17)".
	By string
	// Host is the name of the machine.
	Host string
	// TokenUsed is called with a new address after an address was used.
	TokenUsed func(address string)
}

// Server serves the page.
type Server struct {
	options  Options
	listener net.Listener
	login    *login
	feed     *Feed
	streams  chan struct{} // an element for each stream
}

// The limits of what others on this machine can take from the server, and of what pages cost.
const (
	maxConnections = 128
	maxHeader      = 16 << 10
	// requestTime is how long a client may take to send a request, and answerTime to read an answer.
	requestTime = 10 * time.Second
	answerTime  = 30 * time.Second
	// idleTime is how long a connection is kept that nobody uses.
	idleTime = 30 * time.Second
)

// ParseAddress parses ADDRESS:PORT. It refuses an address that other machines can reach, because the page is served without
// encryption.
func ParseAddress(text string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("%q is not ADDRESS:PORT, such as 127.0.0.1:0 or [::1]:8080", text)
	}
	if !at.Addr().IsLoopback() || at.Addr().Zone() != "" {
		return at, fmt.Errorf("%s is not a loopback address: others could read the page on its way. Use 127.0.0.1, and from another machine ssh -L", at.Addr())
	}
	return at, nil
}

// NewServer listens on a loopback address; port 0 is a free one. Nobody is served before Serve.
func NewServer(at netip.AddrPort, o Options) (*Server, error) {
	listener, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, listener: listener, login: newLogin(), feed: NewFeed(o.Client, o.Machine), streams: make(chan struct{}, maxStreams)}
	s.login.used = func() { o.TokenUsed(s.Address()) }
	return s, nil
}

// Address returns the address with the token that works now.
func (s *Server) Address() string {
	u := url.URL{Scheme: "http", Host: s.listener.Addr().String(), Path: loginPath, RawQuery: "token=" + s.login.Token()}
	return u.String()
}

// Serve serves until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: requestTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(discard{}, "", 0),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	following := make(chan struct{})
	go func() {
		defer close(following)
		s.feed.Run(ctx)
	}()
	err := server.Serve(netutil.LimitListener(s.listener, maxConnections))
	if errors.Is(err, http.ErrServerClosed) {
		<-following
		return nil
	}
	return err
}

// discard is a writer for what net/http says about clients that break off.
type discard struct{}

func (discard) Write(text []byte) (int, error) { return len(text), nil }

// Handler returns what answers the requests.
func (s *Server) Handler() http.Handler {
	page, err := fs.Sub(embedded, "page")
	if err != nil {
		panic(err)
	}
	inside := http.NewServeMux()
	inside.Handle("GET /", http.FileServerFS(page))
	inside.HandleFunc("GET /states.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write([]byte(graph.StyleSheet()))
	})
	inside.HandleFunc("GET /api/stream", s.stream)
	inside.HandleFunc("GET /api/wiring", s.wiring)
	inside.HandleFunc("GET /api/resources", s.resources)
	inside.HandleFunc("GET /api/link", s.link)
	inside.HandleFunc("POST /api/probe", s.probe)
	inside.HandleFunc("GET /api/history", s.history)
	inside.HandleFunc("GET /api/history/diff", s.historyDiff)
	inside.HandleFunc("GET /api/trial/diff", s.trialDiff)
	inside.HandleFunc("POST /api/confirm", s.confirm)
	inside.HandleFunc("POST /api/revert", s.revert)
	outside := http.NewServeMux()
	outside.Handle("GET "+loginPath, s.login)
	outside.Handle(s.login.base, http.StripPrefix(s.login.base[:len(s.login.base)-1], s.withCookie(inside)))
	outside.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, "open the address that `linkd web` has printed")
	})
	return guard(outside)
}

// withCookie passes on the requests that have the cookie, and gives each time to read the answer.
func (s *Server) withCookie(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.login.knows(r) {
			refuse(w, "this browser has not opened the address that `linkd web` has printed")
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
		next.ServeHTTP(w, r)
	})
}

// answer writes v as JSON, or the error.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v)
}
