package route

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Metrics are parameters of the connections that take a route (ip-route(8)); nil is not managed, and in an observed route it
// means that the kernel has none.
type Metrics struct {
	// MTU and AdvMSS are in bytes, and InitCwnd and InitRwnd in segments.
	MTU      *uint32 `json:"mtu,omitempty"`
	AdvMSS   *uint32 `json:"advmss,omitempty"`
	InitCwnd *uint32 `json:"initcwnd,omitempty"`
	InitRwnd *uint32 `json:"initrwnd,omitempty"`
	HopLimit *uint32 `json:"hoplimit,omitempty"`
	// Cwnd is in segments. The kernel uses it only if it is locked (RTAX_LOCK), so linkd locks it, and knows no other.
	Cwnd *uint32 `json:"cwnd,omitempty"`
	// QuickAck is 0 or 1.
	QuickAck *uint32 `json:"quickack,omitempty"`
}

// metric is one of Metrics with its name, and its attribute in RTA_METRICS.
type metric struct {
	name string
	attr uint16
	of   func(*Metrics) **uint32
}

var metrics = []metric{
	{"mtu", unix.RTAX_MTU, func(m *Metrics) **uint32 { return &m.MTU }},
	{"advmss", unix.RTAX_ADVMSS, func(m *Metrics) **uint32 { return &m.AdvMSS }},
	{"initcwnd", unix.RTAX_INITCWND, func(m *Metrics) **uint32 { return &m.InitCwnd }},
	{"initrwnd", unix.RTAX_INITRWND, func(m *Metrics) **uint32 { return &m.InitRwnd }},
	{"hoplimit", unix.RTAX_HOPLIMIT, func(m *Metrics) **uint32 { return &m.HopLimit }},
	{"cwnd", unix.RTAX_CWND, func(m *Metrics) **uint32 { return &m.Cwnd }},
	{"quickack", unix.RTAX_QUICKACK, func(m *Metrics) **uint32 { return &m.QuickAck }},
}

// isMetric reports whether an attribute in RTA_METRICS is one of Metrics, or belongs to one.
func isMetric(attr uint16, attrs map[uint16][]byte) bool {
	if attr == unix.RTAX_CWND || attr == unix.RTAX_LOCK {
		return locksCwnd(attrs)
	}
	for _, m := range metrics {
		if m.attr == attr {
			return true
		}
	}
	return false
}

// lockedCwnd is the value of RTAX_LOCK for a locked cwnd alone.
const lockedCwnd = 1 << unix.RTAX_CWND

// locksCwnd reports whether cwnd is locked, and no other metric.
func locksCwnd(attrs map[uint16][]byte) bool {
	return attrs[unix.RTAX_CWND] != nil && observe.Number(attrs[unix.RTAX_LOCK]) == lockedCwnd
}

// read reads RTA_METRICS. The kernel reports no metric that is 0 (rtnetlink_put_metrics in net/core/rtnetlink.c).
func (m *Metrics) read(attrs map[uint16][]byte) {
	for _, one := range metrics {
		if one.attr == unix.RTAX_CWND && !locksCwnd(attrs) {
			continue
		}
		if value := uint32(observe.Number(attrs[one.attr])); value != 0 {
			*one.of(m) = &value
		}
	}
}

// attr returns RTA_METRICS; nil if there are no metrics.
func (m *Metrics) attr() *nl.RtAttr {
	var all *nl.RtAttr
	for _, one := range metrics {
		// The kernel stores a metric that is 0 as none.
		if value := *one.of(m); valueOf(value) != 0 {
			if all == nil {
				all = nl.NewRtAttr(unix.RTA_METRICS, nil)
			}
			all.AddRtAttr(int(one.attr), nl.Uint32Attr(*value))
			if one.attr == unix.RTAX_CWND && *value != 0 {
				all.AddRtAttr(unix.RTAX_LOCK, nl.Uint32Attr(lockedCwnd))
			}
		}
	}
	return all
}

// compare compares the desired metrics with the observed ones.
func (m *Metrics) compare(fs *reconcile.Fields, have *Metrics) {
	for _, one := range metrics {
		reconcile.Compare(fs, one.name, *one.of(m), valueOf(*one.of(have)))
	}
}

// or returns the metrics, with those of other in place of the ones that are nil.
func (m Metrics) or(other Metrics) Metrics {
	for _, one := range metrics {
		if p := one.of(&m); *p == nil {
			*p = *one.of(&other)
		}
	}
	return m
}
