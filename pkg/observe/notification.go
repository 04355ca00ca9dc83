package observe

import (
	"net/netip"
	"slices"
	"sync"
)

// Topic is the subject of a notification: it says what to look at, not what happened.
type Topic int

// The topics, each with multicast groups of the kernel (rtnetlink(7); linux/netfilter/nfnetlink.h).
const (
	// NamespaceTopic: a namespace that the files name has appeared, disappeared or been replaced. The kernel
	// announces the end of a namespace; the files and engines that have its name announce the start.
	NamespaceTopic Topic = iota
	LinkTopic
	AddressTopic
	RouteTopic
	RuleTopic
	// NeighbourTopic: ARP and NDP. The kernel does not announce proxy entries.
	NeighbourTopic
	// ForwardingTopic: the forwarding databases of bridges and VXLANs.
	ForwardingTopic
	// NetconfTopic: settings such as forwarding, proxy_arp and rp_filter.
	NetconfTopic
	// TemplateTopic: a template stands for other containers than before, so the desired state changes.
	TemplateTopic
	// TrafficTopic: qdiscs, and their classes, filters and actions (tc(8)).
	TrafficTopic
	// RulesetTopic: nftables, and so iptables with the nft backend.
	RulesetTopic
)

// Notification says where to look: at a topic in a namespace. By is the process that may have caused it. Links are
// the indexes of the interfaces that a change of links, neighbours, forwarding entries or qdiscs concerns; none means too
// many or unknown. Removed are the addresses or routes that were removed, if nothing else happened; none means too
// many, or that something else happened.
type Notification struct {
	NS      string
	Topic   Topic
	By      Cause
	Links   []int
	Removed []Subject
	// Foreign: the notification is about routes that linkd did not make, to destinations of no desired route.
	Foreign bool
}

// Subject identifies an address or a route in a namespace as the kernel does. Table and Metric are those of a route.
type Subject struct {
	Prefix        netip.Prefix
	Table, Metric uint32
}

// manyLinks is the number of interfaces, addresses or routes above which a notification does not list them.
const manyLinks = 16

// Inbox collects notifications until Take. It merges equal ones, so its size is bounded by the number of namespaces
// and topics, however long Take is not called.
type Inbox struct {
	// Ready is readable while there are notifications.
	Ready chan struct{}

	mu       sync.Mutex
	news     map[inboxKey]Notification
	overruns int
	sources  []*eventSocket
	// foreignToo: notifications about foreign routes make the inbox ready, too.
	foreignToo bool
}

// inboxKey is what merged notifications have in common. Foreign routes are separate, because mostly nobody waits for
// them, and they say nothing about others.
type inboxKey struct {
	ns      string
	topic   Topic
	foreign bool
}

// NewInbox returns an empty inbox.
func NewInbox() *Inbox {
	return &Inbox{Ready: make(chan struct{}, 1), news: map[inboxKey]Notification{}}
}

func (in *Inbox) put(n Notification) {
	in.mu.Lock()
	at := inboxKey{n.NS, n.Topic, n.Foreign}
	if before, again := in.news[at]; again {
		n = before.merge(n)
	}
	in.news[at] = n
	wanted := !n.Foreign || in.foreignToo
	in.mu.Unlock()
	if wanted {
		in.wake()
	}
}

// Populate announces that the desired state has changed without a change of the files, as when the containers of a template do.
func (in *Inbox) Populate() { in.put(Notification{Topic: TemplateTopic}) }

// WaitFor sets whether notifications about foreign routes alone make the inbox ready. A routing daemon changes
// thousands of routes; if nothing waits for one, it is enough to take these notifications with the next one.
func (in *Inbox) WaitFor(foreign bool) {
	in.mu.Lock()
	wanted := foreign && !in.foreignToo && len(in.news) > 0
	in.foreignToo = foreign
	in.mu.Unlock()
	if wanted {
		in.wake()
	}
}

// merge returns one notification for two about the same topic and namespace.
func (n Notification) merge(other Notification) Notification {
	n.By = n.By.merge(other.By)
	for _, subject := range other.Removed {
		if len(n.Removed) > 0 && !slices.Contains(n.Removed, subject) {
			n.Removed = append(n.Removed, subject)
		}
	}
	if len(other.Removed) == 0 || len(n.Removed) > manyLinks {
		n.Removed = nil
	}
	for _, index := range other.Links {
		if len(n.Links) > 0 && !slices.Contains(n.Links, index) {
			n.Links = append(n.Links, index)
		}
	}
	if len(other.Links) == 0 || len(n.Links) > manyLinks {
		n.Links = nil
	}
	return n
}

// By returns the cause of the notification about a topic in a namespace that has not been taken yet.
func (in *Inbox) By(ns string, topic Topic) Cause {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.news[inboxKey{ns, topic, false}].By
}

// overrun records that the kernel dropped messages, so that linkd must look at everything.
func (in *Inbox) overrun() {
	in.mu.Lock()
	in.overruns++
	in.mu.Unlock()
	in.wake()
}

func (in *Inbox) wake() {
	select {
	case in.Ready <- struct{}{}:
	default:
	}
}

func (in *Inbox) addSource(s *eventSocket) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sources = append(in.sources, s)
}

func (in *Inbox) removeSource(s *eventSocket) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sources = slices.DeleteFunc(slices.Clone(in.sources), func(other *eventSocket) bool { return other == s })
}

// Take empties the inbox, after it has read what its sockets have queued. Overruns counts how often the kernel
// dropped messages since the last Take.
func (in *Inbox) Take() (news []Notification, overruns int) {
	in.mu.Lock()
	sources := in.sources
	in.mu.Unlock()
	for _, s := range sources {
		s.readQueued()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case <-in.Ready:
	default:
	}
	for _, n := range in.news {
		news = append(news, n)
	}
	clear(in.news)
	overruns, in.overruns = in.overruns, 0
	return news, overruns
}
