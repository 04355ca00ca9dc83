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
	// answerLimit is the largest answer of an engine, in bytes. 10,000 containers with 6 KiB each fit into it.
	answerLimit = 64 << 20
	// eventLimit is the largest event, in bytes. Most of an event is the container's labels.
	eventLimit = 4 << 20
	// dialTimeout is how long an engine may take to accept a connection.
	dialTimeout = 2 * time.Second
)

// meter counts the bytes of one answer or event of an engine. A read beyond the limit fails. All bytes that come on one
// connection after a request are one answer.
type meter struct {
	read  atomic.Int64
	limit int64
	name  string
}

// reset sets the count to 0 for the next answer or event.
func (m *meter) reset() { m.read.Store(0) }

// meteredConn is a connection to an engine whose reads are counted.
type meteredConn struct {
	net.Conn
	*meter
	// perRequest: each request resets the count.
	perRequest bool
}

func (c *meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.meter.read.Add(int64(n)) > c.limit {
		c.Close()
		return 0, &bounded.TooLarge{Name: c.name, Limit: c.limit}
	}
	return n, err
}

func (c *meteredConn) Write(p []byte) (int, error) {
	if c.perRequest {
		c.reset()
	}
	return c.Conn.Write(p)
}

// newClient returns a client for the engine at host, see newAPI. For a client that reads events, events is their meter. With
// nil, each answer has its own limit.
func newClient(host string, events *meter) (*client.Client, error) {
	// With compression, the meter would not see the size of an answer, and with HTTP/2 not its beginning. The other values
	// are those of the client's own transport.
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
		conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if events != nil {
			return &meteredConn{conn, events, false}, nil
		}
		return &meteredConn{conn, &meter{limit: answerLimit, name: "an answer from " + daemon}, true}, nil
	}))...)
}
