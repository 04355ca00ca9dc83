package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/reconcile"
)

// ErrNoDaemon says that no daemon answers on the socket.
var ErrNoDaemon = errors.New("no daemon is running")

// errDenied says that the socket's mode keeps out who asks.
var errDenied = errors.New("permission denied")

// Client asks the daemon behind the socket in a runtime directory.
type Client struct {
	http *http.Client
	path string
}

// NewClient makes a client; it connects when it is used.
func NewClient(dir string) *Client {
	path := filepath.Join(dir, SocketName)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if errors.Is(err, fs.ErrPermission) {
			return nil, errDenied
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoDaemon, err)
		}
		return conn, nil
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, path: path}
}

// Status is how everything stands.
func (c *Client) Status(ctx context.Context) (*reconcile.Status, error) {
	return ask[reconcile.Status](ctx, c, http.MethodGet, "status", nil)
}

// Identity is which program the daemon is.
func (c *Client) Identity(ctx context.Context) (*Identity, error) {
	return ask[Identity](ctx, c, http.MethodGet, "identity", nil)
}

// Changed is how everything stands once that is another status than the one that is known, or than none.
func (c *Client) Changed(ctx context.Context, known *reconcile.Status) (*reconcile.Status, error) {
	query := url.Values{}
	if known != nil {
		query.Set("after", strconv.Itoa(known.Counters.Passes))
	}
	return ask[reconcile.Status](ctx, c, http.MethodGet, "changed", query)
}

// Wait returns when the resources, or all, are as wanted.
func (c *Client) Wait(ctx context.Context, ids []string) (*reconcile.Status, error) {
	return ask[reconcile.Status](ctx, c, http.MethodGet, "wait", url.Values{"id": ids})
}

// Reload has the files read again, and returns when that has been acted upon.
func (c *Client) Reload(ctx context.Context) (*Reloaded, error) {
	return ask[Reloaded](ctx, c, http.MethodPost, "reload", nil)
}

// Metrics is what the daemon has counted, in Prometheus' text format.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	resp, err := c.send(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// deniedHere says what the daemon would say if it could be asked.
func deniedHere(method, what string) string {
	if method != http.MethodGet {
		return refusal(what, "")
	}
	return refusal(what, Group)
}

// longestReason bounds, in bytes, what is read of an answer that is a refusal.
const longestReason = 1 << 10

func ask[T any](ctx context.Context, c *Client, method, what string, query url.Values) (*T, error) {
	resp, err := c.send(ctx, method, "/v1/"+what, query)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var v T
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return nil, fmt.Errorf("the daemon's answer to %s: %w", what, err)
	}
	return &v, nil
}

// send asks, and returns an answer that is a good one.
func (c *Client) send(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	target := url.URL{Scheme: "http", Host: "linkd", Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, ErrNoDaemon) {
			return nil, fmt.Errorf("%w (%s)", ErrNoDaemon, c.path)
		}
		if errors.Is(err, errDenied) {
			return nil, fmt.Errorf("%s: %w: %s", c.path, errDenied, deniedHere(method, strings.TrimPrefix(path, "/v1/")))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
			err = closed(err)
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusForbidden, http.StatusServiceUnavailable:
		why, err := io.ReadAll(io.LimitReader(resp.Body, longestReason))
		if err != nil {
			return nil, err
		}
		return nil, errors.New(strings.TrimSpace(string(why)))
	}
	return nil, fmt.Errorf("the daemon answers %s to %s", resp.Status, path)
}
