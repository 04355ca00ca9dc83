package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// whyNotInFiles returns why the files cannot express the route; "" if they can.
func (r *Route) whyNotInFiles() string {
	if r.Object != 0 {
		return "by a nexthop object"
	}
	if len(r.Unsupported) > 0 {
		return "with " + strings.Join(r.Unsupported, ", ")
	}
	return ""
}

// ordinary has the attributes that linkd reads, and those that do not describe the route.
var ordinary = map[uint16]bool{
	unix.RTA_DST: true, unix.RTA_TABLE: true, unix.RTA_PRIORITY: true, unix.RTA_GATEWAY: true, unix.RTA_VIA: true,
	unix.RTA_OIF: true, unix.RTA_PREFSRC: true, unix.RTA_MULTIPATH: true, rtaNhID: true,
	unix.RTA_METRICS: true, unix.RTA_CACHEINFO: true, unix.RTA_PREF: true,
}

// unsupported returns the attributes of a message that the files cannot express (rtnetlink(7)), in the syntax of ip-route(8).
// Encapsulated: they can express its encapsulation.
func unsupported(attrs map[uint16][]byte, encapsulated bool) (words []string) {
	for attr := range uint16(rtaMax + 1) {
		if _, there := attrs[attr]; there && !ordinary[attr] && !(encapsulated && (attr == unix.RTA_ENCAP || attr == unix.RTA_ENCAP_TYPE)) {
			words = append(words, wordFor(attributeNames, attr))
		}
	}
	// An encapsulation has two attributes.
	words = slices.Compact(words)
	// struct rta_cacheinfo: clntref, lastuse, expires.
	if info := attrs[unix.RTA_CACHEINFO]; len(info) >= 12 && observe.Number(info[8:12]) != 0 {
		words = append(words, "expires")
	}
	metrics, _ := observe.Attrs(attrs[unix.RTA_METRICS])
	for metric := range uint16(unix.RTAX_MAX + 1) {
		value, there := metrics[metric]
		switch {
		case !there || isMetric(metric, metrics):
		case metric == unix.RTAX_LOCK:
			words = append(words, locked(observe.Number(value))...)
		case metric == unix.RTAX_CC_ALGO:
			words = append(words, "congctl "+nl.BytesToString(value))
		case unitOf[metric] != 0:
			words = append(words, fmt.Sprintf("%s %dms", wordFor(metricNames, metric), observe.Number(value)/unitOf[metric]))
		case metric == unix.RTAX_FEATURES && observe.Number(value) == unix.RTAX_FEATURE_ECN:
			words = append(words, "features ecn")
		default:
			words = append(words, fmt.Sprintf("%s %d", wordFor(metricNames, metric), observe.Number(value)))
		}
	}
	return words
}

// locked returns the metrics that path MTU discovery and TCP must not change: each bit of mask is a metric.
func locked(mask uint64) (words []string) {
	for metric := range uint16(unix.RTAX_MAX + 1) {
		if mask&(1<<metric) != 0 {
			words = append(words, wordFor(metricNames, metric)+" lock")
		}
	}
	return words
}

// wordFor returns the name of an attribute, or its number if linkd does not know it.
func wordFor(names map[uint16]string, attr uint16) string {
	if name, named := names[attr]; named {
		return name
	}
	return fmt.Sprintf("attribute %d", attr)
}

// rtaFlowLabel is the last attribute of linux/rtnetlink.h that linkd knows; golang.org/x/sys/unix does not have it.
const rtaFlowLabel, rtaMax = 31, 31

var attributeNames = map[uint16]string{
	unix.RTA_SRC: "from", unix.RTA_IIF: "iif", unix.RTA_FLOW: "realms", unix.RTA_MARK: "mark",
	unix.RTA_NEWDST: "as to", unix.RTA_ENCAP_TYPE: "encap", unix.RTA_ENCAP: "encap", unix.RTA_EXPIRES: "expires",
	unix.RTA_UID: "uid", unix.RTA_TTL_PROPAGATE: "ttl-propagate", unix.RTA_IP_PROTO: "ipproto",
	unix.RTA_SPORT: "sport", unix.RTA_DPORT: "dport", rtaFlowLabel: "flowlabel",
}

// unitOf has the metrics that are times: into how many parts of a millisecond the kernel divides them (print_rta_metrics in
// iproute2's ip/iproute.c).
var unitOf = map[uint16]uint64{unix.RTAX_RTT: 8, unix.RTAX_RTTVAR: 4, unix.RTAX_RTO_MIN: 1}

var metricNames = map[uint16]string{
	unix.RTAX_MTU: "mtu", unix.RTAX_WINDOW: "window", unix.RTAX_RTT: "rtt", unix.RTAX_RTTVAR: "rttvar",
	unix.RTAX_SSTHRESH: "ssthresh", unix.RTAX_CWND: "cwnd", unix.RTAX_ADVMSS: "advmss",
	unix.RTAX_REORDERING: "reordering", unix.RTAX_HOPLIMIT: "hoplimit", unix.RTAX_INITCWND: "initcwnd",
	unix.RTAX_FEATURES: "features", unix.RTAX_RTO_MIN: "rto_min", unix.RTAX_INITRWND: "initrwnd",
	unix.RTAX_QUICKACK: "quickack", unix.RTAX_FASTOPEN_NO_COOKIE: "fastopen_no_cookie",
}
