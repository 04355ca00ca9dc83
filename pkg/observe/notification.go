package observe

import (
	"net/netip"
	"slices"
	"sync"
)

// Topic is a kind of news: it says what to look at, not what happened.
type Topic int

// The topics, each with the kernel's multicast groups behind it (rtnetlink(7); linux/netfilter/nfnetlink.h).
const (
	// NamespaceTopic: a namespace that the files name has come, gone, or been made anew. The kernel says that it has gone, and
	// the files and engines that have its name say that it has come.
	NamespaceTopic Topic = iota
	LinkTopic
	AddressTopic
	RouteTopic
	RuleTopic
	// NeighbourTopic: ARP and NDP. A proxy entry is not announced.
	NeighbourTopic
	// ForwardingTopic: the forwarding databases of bridges and VXLANs.
	ForwardingTopic
	// NetconfTopic: forwarding, proxy_arp, rp_filter and their like.
	NetconfTopic
	// TemplateTopic: a template stands for others than before, so other things are wanted.
	TemplateTopic
	// RulesetTopic: nftables, and so iptables of the nft backend.
	RulesetTopic
)

// Notification is where to look: a topic in a namespace. By is who may have caused it. Links are the indexes of the interfaces
// that news of links, neighbours and forwarding is about; none means that there are too many to tell. Removed are the addresses
// or routes that have gone, where that is all that has happened; none means that there are too many, or that it is not all.
type Notification struct {
	NS      string
	Topic   Topic
	By      Cause
	Links   []int
	Removed []Subject
	// Foreign: it is news of routes that linkd did not make, to destinations for which none is wanted.
	Foreign bool
}

// Subject is an address or a route as the kernel tells it from others in a namespace. Table and Metric are those of a route.
type Subject struct {
	Prefix        netip.Prefix
	Table, Metric uint32
}

// manyLinks is the number of interfaces, addresses or routes from which on news does not tell them apart.
const manyLinks = 16

// Inbox collects news until somebody takes it. The same news twice is the same news, so it never grows past the
// number of places, however long the taker is busy.
type Inbox struct {
	// Ready is readable while there is news.
	Ready chan struct{}

	mu       sync.Mutex
	news     map[newsKey]Notification
	overruns int
	sources  []*eventSocket
	// foreignToo: somebody waits for news of foreign routes, too.
	foreignToo bool
}

// newsKey is a place. News of foreign routes is kept apart: mostly nobody waits for it, and it says nothing of the others.
type newsKey struct {
	ns      string
	topic   Topic
	foreign bool
}

// NewInbox is an empty inbox.
func NewInbox() *Inbox {
	return &Inbox{Ready: make(chan struct{}, 1), news: map[newsKey]Notification{}}
}

func (in *Inbox) put(n Notification) {
	in.mu.Lock()
	at := newsKey{n.NS, n.Topic, n.Foreign}
	if before, again := in.news[at]; again {
		n = before.and(n)
	}
	in.news[at] = n
	wanted := !n.Foreign || in.foreignToo
	in.mu.Unlock()
	if wanted {
		in.wake()
	}
}

// WaitFor sets whether news that is of foreign routes alone makes the inbox ready. A routing daemon changes thousands of them,
// and where nobody waits for one, it is soon enough to take the news with the next.
func (in *Inbox) WaitFor(foreign bool) {
	in.mu.Lock()
	wanted := foreign && !in.foreignToo && len(in.news) > 0
	in.foreignToo = foreign
	in.mu.Unlock()
	if wanted {
		in.wake()
	}
}

// and is one piece of news for two about the same place.
func (n Notification) and(other Notification) Notification {
	n.By = n.By.and(other.By)
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

// By is who may have caused the news of a place that nobody has taken yet.
func (in *Inbox) By(ns string, topic Topic) Cause {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.news[newsKey{ns, topic, false}].By
}

// overrun notes that the kernel dropped messages: everything has to be looked at.
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

// Take empties the inbox, and the sockets that it is filled from as far as they are read at once. Overruns counts how often
// the kernel dropped messages since the last Take.
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
