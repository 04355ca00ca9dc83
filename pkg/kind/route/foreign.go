package route

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// isAdministrators tells whether an administrator made the route, or linkd: the other protocol numbers are those of programs that
// keep their routes themselves, and of the kernel (RTPROT_* in linux/rtnetlink.h).
func (r *Route) isAdministrators() bool {
	switch r.Proto {
	case unix.RTPROT_UNSPEC, unix.RTPROT_BOOT, unix.RTPROT_STATIC, address.Mark:
		return true
	}
	return false
}

// whyNotInFiles is what keeps the route from being said in the files; "" is nothing.
func (r *Route) whyNotInFiles() string {
	if r.Object != 0 {
		return "by a nexthop object"
	}
	if len(r.Unspoken) > 0 {
		return "with " + strings.Join(r.Unspoken, ", ")
	}
	return ""
}

// ordinary are the attributes that linkd reads, those that say nothing of the route itself, and the router preference,
// as far as that is medium (RFC 4191).
var ordinary = map[uint16]bool{
	unix.RTA_DST: true, unix.RTA_TABLE: true, unix.RTA_PRIORITY: true, unix.RTA_GATEWAY: true, unix.RTA_VIA: true,
	unix.RTA_OIF: true, unix.RTA_PREFSRC: true, unix.RTA_MULTIPATH: true, rtaNhID: true,
	unix.RTA_METRICS: true, unix.RTA_CACHEINFO: true, unix.RTA_PREF: true,
}

// unspoken are the attributes of a message that linkd has no words for (rtnetlink(7)).
func unspoken(attrs map[uint16][]byte) (words []string) {
	for attr := range uint16(unix.RTA_MAX + 1) {
		if _, there := attrs[attr]; there && !ordinary[attr] {
			words = append(words, fmt.Sprintf("attribute %d", attr))
		}
	}
	if pref := attrs[unix.RTA_PREF]; observe.Number(pref) != 0 {
		words = append(words, "a preference")
	}
	// struct rta_cacheinfo: clntref, lastuse, expires.
	if info := attrs[unix.RTA_CACHEINFO]; len(info) >= 12 && observe.Number(info[8:12]) != 0 {
		words = append(words, "a lifetime")
	}
	metrics, _ := observe.Attrs(attrs[unix.RTA_METRICS])
	for metric := range uint16(unix.RTAX_MAX + 1) {
		if _, there := metrics[metric]; there && metric != unix.RTAX_MTU {
			words = append(words, fmt.Sprintf("metric %d", metric))
		}
	}
	return words
}
