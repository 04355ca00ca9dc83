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

// ErrNoDaemon means that nothing listens on the control socket.
var ErrNoDaemon = errors.New("no daemon is running")

// errDenied means that the mode of the socket's file does not let this user connect.
var errDenied = errors.New("permission denied")

// Client sends requests to the daemon behind the control socket of a runtime directory. Its methods return ErrNoDaemon if no
// daemon is running. They may be called from several goroutines.
type Client struct {
	http *http.Client
	path string
}

// NewClient returns a client for the runtime directory dir. It does not connect before the first request.
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

// Status returns the daemon's last status. If there is none yet, it waits for the first.
func (c *Client) Status(ctx context.Context) (*reconcile.Status, error) {
	return request[reconcile.Status](ctx, c, http.MethodGet, "status", nil)
}

// Identity returns which program the daemon is.
func (c *Client) Identity(ctx context.Context) (*Identity, error) {
	return request[Identity](ctx, c, http.MethodGet, "identity", nil)
}

// Changed waits for a status other than the known one, and returns it. With nil it waits for the next status.
func (c *Client) Changed(ctx context.Context, known *reconcile.Status) (*reconcile.Status, error) {
	query := url.Values{}
	if known != nil {
		query.Set("after", strconv.Itoa(known.Counters.Passes))
	}
	return request[reconcile.Status](ctx, c, http.MethodGet, "changed", query)
}

// Wait makes the daemon look at everything, and returns once the resources with these IDs have converged; all, if there are
// no IDs.
func (c *Client) Wait(ctx context.Context, ids []string) (*reconcile.Status, error) {
	return request[reconcile.Status](ctx, c, http.MethodGet, "wait", url.Values{"id": ids})
}

// Reload makes the daemon read the files again, and returns when it has applied them.
func (c *Client) Reload(ctx context.Context) (*Reloaded, error) {
	return request[Reloaded](ctx, c, http.MethodPost, "reload", nil)
}

// Progress returns how far the daemon is.
func (c *Client) Progress(ctx context.Context) (*reconcile.Progress, error) {
	return request[reconcile.Progress](ctx, c, http.MethodGet, "progress", nil)
}

// Metrics returns the daemon's metrics in the Prometheus text format.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	resp, err := c.send(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// localRefusal returns the refusal that the daemon would send if this user could connect.
func localRefusal(method, command string) string {
	if method != http.MethodGet {
		return refusal(command, "")
	}
	return refusal(command, Group)
}

// maxReasonSize is the number of bytes that the client reads of an error message of the daemon.
const maxReasonSize = 1 << 10

// request sends a request to a command of the API, and decodes the answer from JSON.
func request[T any](ctx context.Context, c *Client, method, command string, query url.Values) (*T, error) {
	resp, err := c.send(ctx, method, "/v1/"+command, query)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var v T
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return nil, fmt.Errorf("the daemon's answer to %s: %w", command, err)
	}
	return &v, nil
}

// send sends a request, and returns the answer if its status is OK. The caller closes the body.
func (c *Client) send(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	return c.sendBody(ctx, method, path, query, nil)
}

func (c *Client) sendBody(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	target := url.URL{Scheme: "http", Host: "linkd", Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, ErrNoDaemon) {
			return nil, fmt.Errorf("%w (%s)", ErrNoDaemon, c.path)
		}
		if errors.Is(err, errDenied) {
			return nil, fmt.Errorf("%s (%s)", localRefusal(method, strings.TrimPrefix(path, "/v1/")), c.path)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
			err = connectionClosed(err)
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusForbidden, http.StatusServiceUnavailable:
		reason, err := io.ReadAll(io.LimitReader(resp.Body, maxReasonSize))
		if err != nil {
			return nil, err
		}
		return nil, errors.New(strings.TrimSpace(string(reason)))
	}
	return nil, fmt.Errorf("the daemon answers %s to %s", resp.Status, path)
}
