package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Place is a target as a user writes it: a host, and what to send there.
type Place struct {
	Method Method
	// Host is an address, a name, the ID of a link, or the name of a namespace.
	Host string
	// Port is 0 for an echo.
	Port uint16
	URL  string
}

// ParsePlace reads TARGET, TARGET:PORT, [IPV6]:PORT, or a URL of http or https.
func ParsePlace(text string) (p Place, err error) {
	if strings.Contains(text, "://") {
		return ParseURL(text)
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		return Place{Method: Echo, Host: ip.Unmap().String()}, nil
	}
	if at, err := netip.ParseAddrPort(text); err == nil && at.Port() != 0 {
		return Place{Method: TCP, Host: at.Addr().Unmap().String(), Port: at.Port()}, nil
	}
	host, port, hasPort := strings.Cut(text, ":")
	if host == "" || strings.ContainsAny(text, "[]/ \t") {
		return p, notPlace(text)
	}
	if !hasPort {
		return Place{Method: Echo, Host: host}, nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return p, notPlace(text)
	}
	return Place{Method: TCP, Host: host, Port: uint16(number)}, nil
}

func notPlace(text string) error {
	return fmt.Errorf("expected HOST, HOST:PORT, [IPV6]:PORT or http://HOST/, found %q", text)
}

// ParseURL reads a URL of http or https.
func ParseURL(text string) (p Place, err error) {
	u, err := url.Parse(text)
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return p, fmt.Errorf("%q is not a URL: %w", text, err)
	}
	ports := map[string]uint16{"http": 80, "https": 443}
	port, known := ports[u.Scheme]
	if !known || u.Hostname() == "" {
		return p, fmt.Errorf("expected http://HOST/ or https://HOST/, found %q", text)
	}
	if u.Port() != "" {
		number, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || number == 0 {
			return p, fmt.Errorf("the port of %q is 1 to 65535", text)
		}
		port = uint16(number)
	}
	return Place{Method: HTTP, Host: u.Hostname(), Port: port, URL: text}, nil
}

// At is the target at an address.
func (p Place) At(ip netip.Addr) Target {
	return Target{Method: p.Method, Address: netip.AddrPortFrom(ip, p.Port), URL: p.URL}
}
