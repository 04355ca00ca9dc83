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

// maxScrapers limits the connections at a time. Every user of the machine can connect to a loopback address. Each connection
// takes a descriptor, and without a free descriptor linkd cannot open a namespace.
const maxScrapers = 16

// ParseLoopback parses ADDRESS:PORT. It refuses an address that other machines can reach, because linkd serves metrics without
// password and encryption. For access from other machines, use a proxy that has both.
func ParseLoopback(text string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("%q is not ADDRESS:PORT, such as 127.0.0.1:9108 or [::1]:9108", text)
	}
	if !at.Addr().IsLoopback() {
		return at, fmt.Errorf("%s is not a loopback address: other machines could read the metrics without a password. Use 127.0.0.1 or ::1", at.Addr())
	}
	return at, nil
}

// Serve serves the metrics on a loopback ADDRESS:PORT of linkd's own network namespace until stop is called.
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
		if err := server.Serve(netutil.LimitListener(listener, maxScrapers)); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("linkd no longer serves metrics", "address", at.String(), "error", err)
		}
	}()
	return func() {
		_ = server.Close()
		<-done
	}, nil
}
