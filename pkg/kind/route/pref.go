package route

import (
	"strconv"

	"linkd/pkg/spec"
)

// Pref is the router preference of an IPv6 route (RFC 4191, linux/icmpv6.h).
type Pref uint8

// Router preferences.
const (
	prefMedium Pref = 0
	prefHigh   Pref = 1
	prefLow    Pref = 3
)

var prefs = []string{"low", "medium", "high"}

func (p Pref) String() string {
	switch p {
	case prefLow:
		return "low"
	case prefMedium:
		return "medium"
	case prefHigh:
		return "high"
	}
	return strconv.Itoa(int(p))
}

// DecodeWord reads low, medium or high.
func (p *Pref) DecodeWord(word string) error {
	for _, value := range []Pref{prefLow, prefMedium, prefHigh} {
		if value.String() == word {
			*p = value
		}
	}
	return spec.OneOf("pref", word, prefs...)
}

func (Pref) Syntax() spec.Syntax { return spec.Syntax{Name: "router preference", Words: prefs} }
