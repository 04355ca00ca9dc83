package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"linkd/pkg/bounded"
)

// endlessEngine is an engine whose answers never end, but for pings. It counts the bytes that it could send.
func endlessEngine(t *testing.T, body string) (engine api, sent *atomic.Int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	sent = &atomic.Int64{}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.44")
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			return
		}
		_, _ = w.Write([]byte(body))
		filler := []byte(strings.Repeat("a", 64<<10))
		for {
			n, err := w.Write(filler)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	engine, err = newAPI("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.close)
	return engine, sent
}

func tooLarge(err error) bool {
	large := (*bounded.TooLarge)(nil)
	return errors.As(err, &large) || err != nil && strings.Contains(err.Error(), "is too large: linkd reads at most")
}

// What an engine says is read up to a limit, however much it says.
func TestAnAnswerWithoutEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for name, ask := range map[string]struct {
		body  string
		ask   func(engine api) error
		limit int64
	}{
		"a container": {`{"Id": "`, func(engine api) error { _, err := engine.inspect(ctx, "web"); return err }, answerLimit},
		"containers":  {`[{"Id": "`, func(engine api) error { _, err := engine.withLabel(ctx, "role"); return err }, answerLimit},
		"blanks":      {strings.Repeat(" ", 1<<20), func(engine api) error { _, err := engine.withLabel(ctx, "role"); return err }, answerLimit},
		"an event": {`{"Type": "container", "id": "`, func(engine api) error {
			heard, broken := engine.events(ctx)
			select {
			case <-heard:
				return errors.New("an event was heard")
			case err := <-broken:
				return err
			}
		}, eventLimit},
	} {
		t.Run(name, func(t *testing.T) {
			engine, sent := endlessEngine(t, ask.body)
			if err := ask.ask(engine); name != "blanks" && !tooLarge(err) || err == nil {
				t.Errorf("got %v", err)
			}
			// The rest is in buffers of the kernel's.
			if n := sent.Load(); n > ask.limit+16<<20 {
				t.Errorf("%d bytes were taken of it, and the limit is %d", n, ask.limit)
			}
		})
	}
}

// A stream of events as a whole has no limit.
func TestManyEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	const count = 40
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.44")
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			return
		}
		event := `{"Type":"container","Action":"start","Actor":{"ID":"1","Attributes":{"name":"web","label":"` + strings.Repeat("a", eventLimit/4) + `"}}}` + "\n"
		for range count {
			_, _ = w.Write([]byte(event))
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	engine, err := newAPI("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.close)
	heard, broken := engine.events(t.Context())
	for n := range count {
		select {
		case <-heard:
		case err := <-broken:
			t.Fatalf("after %d events: %v", n, err)
		}
	}
}
