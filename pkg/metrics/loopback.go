package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"
)

// mostScrapers is how many connections there may be at a time. On a loopback address any user of the machine can open some,
// and each takes a descriptor, and where linkd has none left it can open no namespace.
const mostScrapers = 16

// ParseLoopback reads ADDRESS:PORT, and refuses an address that others can reach: there is neither a password nor
// encryption, and who wants to read the metrics from afar has a proxy with both.
func ParseLoopback(text string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("%q is not ADDRESS:PORT, such as 127.0.0.1:9108 or [::1]:9108", text)
	}
	if !at.Addr().IsLoopback() {
		return at, fmt.Errorf("%s is not a loopback address: whoever reaches it could read the metrics, which nothing protects", at.Addr())
	}
	return at, nil
}

// Serve answers on a loopback ADDRESS:PORT of linkd's own network namespace until stop is called.
func Serve(address string, handler http.Handler, log *slog.Logger) (stop func(), err error) {
	at, err := ParseLoopback(address)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 5 * time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(netutil.LimitListener(listener, mostScrapers)); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("the metrics are no longer to be had on a port", "address", at.String(), "error", err)
		}
	}()
	return func() {
		_ = server.Close()
		<-done
	}, nil
}
