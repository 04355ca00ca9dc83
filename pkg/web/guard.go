package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// policy is the Content-Security-Policy of every answer: scripts and styles from this server only, no frame around the page, and no
// text becomes markup (https://www.w3.org/TR/CSP3, https://www.w3.org/TR/trusted-types).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// headers are the headers of every answer.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), microphone=(), geolocation=()",
	"Cache-Control":                "no-store",
}

// guard passes on the requests of the page. It refuses those that name another host (an attacker's name that leads here: DNS
// rebinding), and those that a page of another origin makes.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		switch {
		case !isLoopbackHost(r.Host):
			refuse(w, "linkd web answers to 127.0.0.1, [::1] and localhost only")
		case !isOwnOrigin(r):
			refuse(w, "linkd web answers no request of another page")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r)
		}
	})
}

// maxBody is the number of bytes of a request's body.
const maxBody = 4 << 10

// isLoopbackHost reports whether a Host header names this machine by its loopback address or as localhost. The port may be another
// one than the server's: ssh -L has its own.
func isLoopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback() && ip.Zone() == ""
}

// isOwnOrigin reports whether the page itself makes a request, or the user in the address bar. Browsers count all ports of a host as one
// site, so SameSite does not tell them apart, but an origin has a port. A request that changes something has to name its origin.
func isOwnOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		// A link elsewhere may lead to the login: who has a token knows it from the terminal.
		if r.URL.Path != loginPath || r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			return false
		}
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return r.Method == http.MethodGet
	}
	return len(origins) == 1 && origins[0] == "http://"+r.Host
}

// loginPath is the path at which a token is exchanged.
const loginPath = "/login"
