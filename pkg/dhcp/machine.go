package dhcp

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// state is a state of a client (RFC 2131, figure 5; those of RFC 8415 correspond). A client without a lease selects, unless it has
// chosen an offer, asks for the address that it had, or checks whether another host has the address that it was given.
type state int

const (
	selecting state = iota
	requesting
	checking
	rebooting
	bound
	renewing
	rebinding
)

const (
	// firstPause is the pause before a message is sent again, which doubles up to lastPause (RFC 2131, 4.1).
	firstPause = 2 * time.Second
	lastPause  = 64 * time.Second
	// mostRequests is how often a client asks for an offered address, or for that which it had, before it gives that up.
	mostRequests = 4
	// unnoticed is how often a client asks without an answer before status says so.
	unnoticed = 2
	// declinePause is the pause after another host had the given address (RFC 2131, 3.1.5).
	declinePause = 10 * time.Second
)

// machine is the state machine of a DHCP client. It does no I/O and reads no clock. One goroutine uses it.
type machine struct {
	version
	mac      net.HardwareAddr
	hostname string
	// lease is the lease in force; nil for none.
	lease *Lease
	// lacks says why there is no lease.
	lacks string

	state state
	xid   [4]byte
	began time.Time
	tries int
	// due is when to call send next.
	due time.Time
	// offer is the best offer, or the lease that is checked. Its MAC is "" if there is none. preference is that of its server.
	offer      Lease
	preference int
	// asked is the address that the client asks for.
	asked netip.Addr
	// naks counts refusals since the last lease, so that a server that refuses everything is asked less and less often.
	naks int
}

// newMachine returns a client that has a lease from an earlier run, or nil. It asks whether the lease still holds.
func newMachine(v version, lease *Lease, hostname string) *machine {
	return &machine{version: v, lease: lease, hostname: hostname, lacks: "no " + v.name() + " server has answered yet"}
}

// begin begins on an interface: with the lease, or with the address of an earlier one, or without. Another link-layer address is
// another client to the server.
func (m *machine) begin(mac net.HardwareAddr, now time.Time) {
	m.mac, m.naks, m.offer = mac, 0, Lease{}
	m.enter(selecting, now)
	if m.lease != nil && m.lease.MAC != mac.String() {
		m.lease = nil
	}
	if m.lease != nil {
		m.asked = m.lease.Prefix.Addr()
		m.enter(rebooting, now)
	}
}

// enter begins a state, whose first message is due at a time.
func (m *machine) enter(s state, at time.Time) {
	m.state, m.tries, m.due, m.began = s, 0, at, at
	for i := range m.xid {
		m.xid[i] = byte(rand.Uint32())
	}
}

// expire ends a lease that has ended.
func (m *machine) expire(now time.Time) {
	if m.lease != nil && !now.Before(m.lease.End) {
		m.lacks = fmt.Sprintf("the lease for %s ended at %s, and no %s server has renewed it", m.lease.Prefix.Addr(), m.lease.End.Format(time.TimeOnly), m.name())
		m.asked = m.lease.Prefix.Addr()
		m.lease = nil
		m.enter(selecting, now)
	}
}

// listens reports whether an answer can come.
func (m *machine) listens() bool { return m.state != bound && m.state != checking }

// send returns the message that is due, or nil. unicast: it goes to the server alone.
func (m *machine) send(now time.Time) (message []byte, unicast bool) {
	m.expire(now)
	if now.Before(m.due) || m.state == checking {
		return nil, false
	}
	switch {
	case m.state == selecting && m.offer.MAC != "":
		m.choose(now)
	case m.state == bound && !now.Before(m.lease.Rebind), m.state == renewing && !now.Before(m.lease.Rebind):
		m.enter(rebinding, now)
	case m.state == bound && !now.Before(m.lease.Renew):
		m.enter(renewing, now)
	case m.state == bound:
		m.due = m.lease.Renew
		return nil, false
	case m.state == requesting && m.tries >= mostRequests:
		m.offer = Lease{}
		m.enter(selecting, now)
	case m.state == rebooting && m.tries >= mostRequests:
		// The lease is in force nevertheless (RFC 2131, 3.2).
		m.rest()
		return nil, false
	}
	m.tries++
	if m.state == selecting && m.tries > unnoticed && m.naks == 0 {
		m.lacks = "no " + m.name() + " server answers on this network"
	}
	m.due = now.Add(m.pause(now))
	return m.message(m, now), m.state == renewing && m.renewsAlone()
}

// rest waits for the next time at which a lease needs something.
func (m *machine) rest() { m.state, m.tries, m.due = bound, 0, m.lease.Renew }

// pause returns the pause before the same message is sent again.
func (m *machine) pause(now time.Time) time.Duration {
	switch m.state {
	case renewing:
		return min(max(m.lease.Rebind.Sub(now)/2, shortestRenewal), max(m.lease.Rebind.Sub(now), 0))
	case rebinding:
		return min(max(m.lease.End.Sub(now)/2, shortestRenewal), m.lease.End.Sub(now))
	}
	pause := min(firstPause<<min(m.tries-1, 10), lastPause)
	// Clients that begin together must not go on together.
	return pause - pause/8 + rand.N(pause/4)
}

// choose asks for the offered address.
func (m *machine) choose(now time.Time) {
	xid := m.xid
	m.enter(requesting, now)
	m.xid = xid
}

// receive takes a message that a server sent from an address. It ignores what is not for this client, and what does not fit its state.
func (m *machine) receive(message []byte, from netip.Addr, now time.Time) {
	m.expire(now)
	if !m.listens() || m.tries == 0 {
		return
	}
	a, ok := m.read(m, message, from, now)
	if !ok || a.kind != offered && !m.fromServer(a) {
		return
	}
	switch {
	case a.kind == offered && m.state == selecting:
		m.offered(a, now)
	case a.kind == refused && m.state != selecting:
		m.lacks = a.why
		m.naks++
		m.lease, m.asked, m.offer = nil, netip.Addr{}, Lease{}
		m.enter(selecting, now)
		if m.naks > 1 {
			m.due = now.Add(min(firstPause<<min(m.naks-2, 10), lastPause))
		}
	case a.kind == unknown && (m.state == renewing || m.state == rebinding):
		m.offer = *m.lease
		m.offer.Server, m.offer.ServerID = a.lease.Server, a.lease.ServerID
		m.enter(requesting, now)
	case a.kind == confirmed && m.state == rebooting:
		m.rest()
	case a.kind == given && m.state != selecting:
		m.given(a, now)
	}
}

// offered takes an offer: at once if no better one can come, and otherwise when the pause is over (RFC 8415, 18.2.1).
func (m *machine) offered(a answer, now time.Time) {
	if a.err != nil {
		m.lacks = fmt.Sprintf("a %s server offers what linkd cannot take: %v", m.name(), a.err)
		return
	}
	if m.offer.MAC == "" || a.preference > m.preference {
		m.offer, m.preference = a.lease, a.preference
	}
	if a.preference == urgent || m.tries > 1 {
		m.choose(now)
	}
}

// given takes a lease. One for another address than before is used when no other host has turned out to have that.
func (m *machine) given(a answer, now time.Time) {
	if a.err == nil && a.lease.Prefix.Addr() != m.wants() {
		a.err = fmt.Errorf("%s is not the address that linkd asked for", a.lease.Prefix.Addr())
	}
	if a.err != nil {
		m.lacks = fmt.Sprintf("a %s server gives what linkd cannot take: %v", m.name(), a.err)
		return
	}
	if m.lease == nil || m.lease.Prefix.Addr() != a.lease.Prefix.Addr() {
		m.state, m.offer = checking, a.lease
		return
	}
	m.use(a.lease)
}

// use makes a lease the one in force.
func (m *machine) use(l Lease) {
	m.lease, m.lacks, m.naks, m.offer = &l, "", 0, Lease{}
	m.asked = l.Prefix.Addr()
	m.rest()
}

// checked takes the result of a check: the link-layer address of another host that has the given address, or nil. It returns the
// message that tells the server about the former.
func (m *machine) checked(other net.HardwareAddr, now time.Time) (decline []byte) {
	if other == nil {
		m.use(m.offer)
		return nil
	}
	decline = m.giveBack(m, &m.offer, true)
	m.lacks = fmt.Sprintf("the %s server %s gave %s, which %s has: linkd asks for another address", m.name(), m.offer.Server, m.offer.Prefix.Addr(), other)
	m.asked, m.offer = netip.Addr{}, Lease{}
	m.enter(selecting, now.Add(declinePause))
	return decline
}

// release returns the message that gives the lease back; nil without a lease.
func (m *machine) release() []byte {
	if m.lease == nil || m.mac == nil {
		return nil
	}
	return m.giveBack(m, m.lease, false)
}

// wants returns the address that the client is asking for.
func (m *machine) wants() netip.Addr {
	switch {
	case m.state == requesting:
		return m.offer.Prefix.Addr()
	case m.lease != nil:
		return m.lease.Prefix.Addr()
	}
	return m.asked
}

// fromServer reports whether an answer is from the server that was asked, if it was one.
func (m *machine) fromServer(a answer) bool {
	switch m.state {
	case requesting:
		return a.lease.isFrom(&m.offer)
	case renewing:
		return a.lease.isFrom(m.lease)
	}
	return m.state != selecting
}

// isFrom reports whether two leases are from the same server.
func (l *Lease) isFrom(other *Lease) bool {
	if l.ServerID != "" || other.ServerID != "" {
		return l.ServerID == other.ServerID
	}
	return l.Server == other.Server
}
