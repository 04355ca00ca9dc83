package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
)

// secretBytes is the length of a token and of the secret of a cookie, before they are written as hexadecimal digits.
const secretBytes = 32

// cookieName is the name of the cookie.
const cookieName = "linkd"

func newSecret() string {
	b := make([]byte, secretBytes)
	// It never returns an error (crypto/rand).
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func sameSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// login exchanges a token, which works once, for the cookie of the page.
//
// A browser sends the cookies of one port of 127.0.0.1 to every other port, where another user may listen (RFC 6265, 8.5). So the
// page is below a path that nobody can guess, and the cookie is for that path only.
type login struct {
	cookie string
	// base is the path of the page. It begins and ends with a slash.
	base string
	// used is called after a token was exchanged.
	used func()

	mu    sync.Mutex
	token string
}

func newLogin() *login {
	return &login{cookie: newSecret(), base: "/" + newSecret()[:32] + "/", token: newSecret(), used: func() {}}
}

// Token returns the token that works now.
func (l *login) Token() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.token
}

// exchange reports whether a token works, and replaces it if it does.
func (l *login) exchange(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !sameSecret(token, l.token) {
		return false
	}
	l.token = newSecret()
	return true
}

// ServeHTTP answers a request with a token.
func (l *login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") {
		// The browser only guesses that the user will go there, and the token works once.
		http.Error(w, "this address is not for prefetching", http.StatusServiceUnavailable)
		return
	}
	if !l.exchange(r.URL.Query().Get("token")) {
		refuse(w, "this address does not work, or no longer: each works once. `linkd web` prints a new one whenever one was used.")
		return
	}
	l.used()
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: l.cookie, Path: l.base, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// After a redirect the browser would not send the cookie if the address was opened from another site (SameSite=Strict).
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta http-equiv="refresh" content="0;url=` + l.base + `"><title>linkd</title><p><a href="` + l.base + `">linkd</a></p></html>`))
}

// knows reports whether a request has the cookie.
func (l *login) knows(r *http.Request) bool {
	for _, c := range r.CookiesNamed(cookieName) {
		if sameSecret(c.Value, l.cookie) {
			return true
		}
	}
	return false
}

// refuse answers that the request is not allowed, and why.
func refuse(w http.ResponseWriter, why string) { http.Error(w, why, http.StatusForbidden) }
