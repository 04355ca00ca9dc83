package probe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// mostRead is how many bytes of an answer linkd reads.
const mostRead = 64 << 10

// get asks for the URL of a target. A redirection is an answer, and is not followed: it may lead elsewhere.
func get(ctx context.Context, ns *observe.NS, t Target) (text string, err error) {
	client := http.Client{
		Transport: &http.Transport{
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: mostRead,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dial(ctx, ns, unix.SOCK_STREAM, t.Address)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", "linkd probe")
	answer, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, mostRead)); err != nil {
		return "", err
	}
	text = fmt.Sprintf("HTTP %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	if answer.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("the server answers %s", text)
	}
	return text, nil
}

// Resolve looks a name up from within a namespace, as its programs would: with the name servers of /etc/resolv.conf, which are asked
// from there.
func Resolve(ctx context.Context, ns *observe.NS, name string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap(), nil
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, err
		}
		kind := unix.SOCK_DGRAM
		if network == "tcp" || network == "tcp4" || network == "tcp6" {
			kind = unix.SOCK_STREAM
		}
		return dial(ctx, ns, kind, to)
	}}
	found, err := resolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return netip.Addr{}, err
	}
	return found[0].Unmap(), nil
}
