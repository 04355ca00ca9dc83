package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/duplicate"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

const (
	// mostChecks is how many checks have a socket open at a time.
	mostChecks = 64
	// carrierTime is how long a check waits for the carrier of an interface. Nobody can answer without one.
	carrierTime = time.Second
	// leaveTime is how long another host may have the address, and againPause the time between two questions: linkd may be about to
	// remove it from the end that had it before.
	leaveTime  = 2 * time.Second
	againPause = 200 * time.Millisecond
	// lookPause is the pause before a check looks again for an interface that does not exist. A pass of linkd ends it, too.
	lookPause = 30 * time.Second
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
	asker, err := duplicate.Open(ns, link.Index, mac, g.Addr)
	session.Close()
	if err != nil {
		return true, nil, err
	}
	defer asker.Close()
	other, err = asker.Ask()
	return true, other, err
}
