package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

const (
	// mostChecks is how many checks have a socket open at a time.
	mostChecks = 64
	// probeTimes is how often a check asks, and answerTime how long it waits each time. A host that uses an address answers within
	// milliseconds; RFC 5227 waits for seconds, because a host may be booting.
	probeTimes = 2
	answerTime = 150 * time.Millisecond
	// carrierTime is how long a check waits for the carrier of an interface. Nobody can answer without one.
	carrierTime = time.Second
	// leaveTime is how long another host may have the address, and againPause the time between two questions: linkd may be about to
	// remove it from the end that had it before.
	leaveTime  = 2 * time.Second
	againPause = 200 * time.Millisecond
	// lookPause is the pause before a check looks again for an interface that does not exist. A pass of linkd ends it, too.
	lookPause = 30 * time.Second
	// mostHeard is how many ARP packets of others a check reads while it waits for answers.
	mostHeard = 10_000
)

// Checker asks on the link of an end whether another host has the address that the end is about to get (RFC 5227, 2.1.1). It refuses
// the address if one answers, and the end then gets another. Its methods are safe for concurrent use.
type Checker struct {
	ctx     context.Context
	world   *observe.World
	book    *Book
	changed func()
	slots   chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	checks map[spec.GivenAddress]chan struct{}
}

// NewChecker makes the checker of a book, whose new addresses wait for it from now on. It ends with ctx. changed is called after the
// book has changed.
func NewChecker(ctx context.Context, world *observe.World, book *Book, changed func()) *Checker {
	book.CheckFirst()
	return &Checker{ctx: ctx, world: world, book: book, changed: changed, slots: make(chan struct{}, mostChecks), checks: map[spec.GivenAddress]chan struct{}{}}
}

// Check begins to check the addresses that the book has got.
func (c *Checker) Check() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end, ip := range c.book.State().Unchecked {
		g := spec.GivenAddress{PoolEnd: end, Addr: ip}
		if c.checks[g] != nil {
			continue
		}
		wake := make(chan struct{}, 1)
		c.checks[g] = wake
		c.running.Go(func() {
			c.check(g, wake)
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.checks, g)
		})
	}
}

// Wake has checks look again that wait for their interface. The daemon calls it after each pass.
func (c *Checker) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, wake := range c.checks {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// Wait returns when all checks have ended, after ctx has.
func (c *Checker) Wait() { c.running.Wait() }

// check checks an address as soon as its interface exists, and ends when the end has another one.
func (c *Checker) check(g spec.GivenAddress, wake <-chan struct{}) {
	var until, leaves time.Time
	for c.ctx.Err() == nil && c.book.State().Unchecked[g.PoolEnd] == g.Addr {
		pause := lookPause
		if _, found := c.world.Known(g.NS); found {
			exists, other, err := c.ask(g)
			switch {
			case other != nil && leaves.IsZero():
				leaves, pause = time.Now().Add(leaveTime), againPause
			case other != nil && time.Now().Before(leaves):
				pause = againPause
			case other != nil:
				c.book.Refuse(g.Addr, fmt.Sprintf("%s has it on the link of %s in %s", other, g.Device, g.NS))
				c.changed()
				return
			case exists && err == nil, exists && !until.IsZero() && !time.Now().Before(until):
				c.book.Checked(g)
				c.changed()
				return
			case exists && until.IsZero():
				until = time.Now().Add(carrierTime)
				pause = carrierTime
			case exists:
				pause = time.Until(until)
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-c.ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// errNoCarrier says that nothing can be sent yet.
var errNoCarrier = errors.New("no carrier")

// ask asks for an address on the interface of its end. exists is false if there is no such interface. other is the link-layer address
// of another host that has the address. The error says why it cannot ask.
func (c *Checker) ask(g spec.GivenAddress) (exists bool, other net.HardwareAddr, err error) {
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	session := c.world.NewSession()
	ns, err := session.Open(g.NS)
	var link *observe.Link
	if err == nil {
		link, err = ns.LinkByName(g.Device)
	}
	if err != nil || link == nil {
		session.Close()
		return false, nil, err
	}
	mac, parseErr := net.ParseMAC(link.MAC)
	if parseErr != nil || len(mac) != 6 || link.Flags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) != 0 {
		// It has no neighbours.
		session.Close()
		return true, nil, nil
	}
	if link.Flags&(unix.IFF_UP|unix.IFF_RUNNING) != unix.IFF_UP|unix.IFF_RUNNING {
		session.Close()
		return true, nil, errNoCarrier
	}
	var file *os.File
	err = ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open a packet socket: %w", err)
		}
		file = os.NewFile(uintptr(fd), "arp")
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: observe.NetworkOrder(unix.ETH_P_ARP), Ifindex: link.Index})
	})
	session.Close()
	if file != nil {
		defer file.Close()
	}
	for i := 0; i < probeTimes && err == nil && other == nil; i++ {
		other, err = askOnce(file, link.Index, mac, g.Addr)
	}
	return true, other, err
}

// askOnce sends one probe and waits for an answer, or for another host that speaks as the address.
func askOnce(file *os.File, index int, mac net.HardwareAddr, ip netip.Addr) (other net.HardwareAddr, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	all := &unix.SockaddrLinklayer{Protocol: observe.NetworkOrder(unix.ETH_P_ARP), Ifindex: index, Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), address.ARPRequest(mac, netip.IPv4Unspecified(), ip), 0, all)
		return true
	})
	if err = errors.Join(err, sent, file.SetReadDeadline(time.Now().Add(answerTime))); err != nil {
		return nil, err
	}
	buf := make([]byte, 64)
	for range mostHeard {
		n, from := 0, unix.Sockaddr(nil)
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), buf, 0)
			return failed != unix.EAGAIN
		})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, nil
		}
		if err = errors.Join(err, failed); err != nil {
			return nil, err
		}
		at, is := from.(*unix.SockaddrLinklayer)
		// An ARP packet for Ethernet and IPv4 has the sender's addresses at 8 and 14 (RFC 826).
		if !is || at.Pkttype == unix.PACKET_OUTGOING || n < 28 || buf[4] != 6 || buf[5] != 4 {
			continue
		}
		if sender, _ := netip.AddrFromSlice(buf[14:18]); sender == ip && string(buf[8:14]) != string(mac) {
			return net.HardwareAddr(append([]byte(nil), buf[8:14]...)), nil
		}
	}
	return nil, nil
}
