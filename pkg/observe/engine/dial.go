package engine

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moby/moby/client"

	"linkd/pkg/bounded"
)

const (
	// answerLimit is how much of one answer of an engine linkd reads: 10,000 containers with 6 KiB each.
	answerLimit = 64 << 20
	// eventLimit is how much of one event linkd reads. Most of it are the container's labels.
	eventLimit = 4 << 20
	// dialPatience is how long an engine on the network may take to accept a connection.
	dialPatience = 2 * time.Second
)

// meter counts the bytes that an engine sends, and fails a read beyond the limit. Everything that is sent on one
// connection after a request is one answer.
type meter struct {
	read  atomic.Int64
	limit int64
	what  string
}

// reset begins the count anew: what is read from now on is another answer, or another event of the same.
func (m *meter) reset() { m.read.Store(0) }

type meteredConn struct {
	net.Conn
	*meter
	// perRequest: each request begins the count anew.
	perRequest bool
}

func (c *meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.meter.read.Add(int64(n)) > c.limit {
		c.Close()
		return 0, &bounded.TooLarge{Name: c.what, Limit: c.limit}
	}
	return n, err
}

func (c *meteredConn) Write(p []byte) (int, error) {
	if c.perRequest {
		c.reset()
	}
	return c.Conn.Write(p)
}

// newClient returns a client of the engine at host, a URL; "" is what the environment says (DOCKER_HOST and its like), or
// Docker's own socket. Events is nil for a client that asks, each answer of which has a limit of its own; of a client
// that follows events it is the meter of the events.
func newClient(host string, events *meter) (*client.Client, error) {
	// Compression would hide the size of an answer from the meter, and HTTP/2 where it begins. The other values are those
	// of the client's own.
	transport := &http.Transport{
		DisableCompression: true, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		MaxIdleConns: 6, IdleConnTimeout: 30 * time.Second,
	}
	options := []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
		client.WithHost(client.DefaultDockerHost),
		client.FromEnv,
	}
	if host != "" {
		options[2] = client.WithHost(host)
	}
	c, err := client.New(options...)
	if err != nil {
		return nil, err
	}
	daemon := c.DaemonHost()
	_ = c.Close()
	return client.New(append(options, client.WithDialContext(func(ctx context.Context, network, address string) (net.Conn, error) {
		if path, isUnix := strings.CutPrefix(daemon, "unix://"); isUnix {
			network, address = "unix", path
		}
		conn, err := (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if events != nil {
			return &meteredConn{conn, events, false}, nil
		}
		return &meteredConn{conn, &meter{limit: answerLimit, what: "an answer from " + daemon}, true}, nil
	}))...)
}
