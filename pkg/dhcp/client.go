package dhcp

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"sync"
	"time"

	"linkd/pkg/duplicate"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// client is a DHCP client and its goroutine.
type client struct {
	spec.LeaseClient
	all  *Clients
	stop context.CancelFunc
	done chan struct{}
	wake chan struct{}

	// The client's goroutine alone uses what follows, and after done is closed the one that stopped it.
	machine   *machine
	index     int
	identity  observe.Identity
	serverMAC net.HardwareAddr

	mu      sync.Mutex // of what follows
	options spec.LeaseOptions
	lease   *spec.Lease
	lacks   string
	open    *port
}

func result(m *machine) (*spec.Lease, string) {
	if m.lease == nil {
		return nil, m.lacks
	}
	lease := m.lease.Lease
	return &lease, ""
}

// end stops a client and gives its lease back. A server that does not receive this message waits for the end of the lease.
func (c *client) end() {
	c.stop()
	c.mu.Lock()
	if c.open != nil {
		c.open.interrupt()
	}
	c.mu.Unlock()
	<-c.done
	giveBack(c.all.world, c.all.store, c.LeaseClient, c.machine, c.serverMAC, c.all.log)
}

// run is the client's goroutine.
func (c *client) run(ctx context.Context) {
	pause := firstLook
	for ctx.Err() == nil {
		now := time.Now()
		c.machine.expire(now)
		c.publish()
		due := c.machine.due
		switch moved, found := c.moved(); {
		case c.index != 0 && found && !moved && now.Before(due):
		default:
			if err := c.exchange(ctx); err != nil {
				if c.machine.lease == nil {
					c.machine.lacks = err.Error()
				}
				c.index = 0
				c.publish()
				due = time.Now().Add(pause)
				pause = min(2*pause, lastLook)
				break
			}
			pause, due = firstLook, c.machine.due
		}
		if l := c.machine.lease; l != nil && l.End.Before(due) {
			due = l.End
		}
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// moved reports whether the namespace is another one than that in which the client was, and whether it was found.
func (c *client) moved() (moved, found bool) {
	id, found := c.all.world.Known(c.NS)
	return id != c.identity, found
}

// exchange sends what is due and takes answers until nothing is due any more, or for a while. The error says why it cannot.
func (c *client) exchange(ctx context.Context) error {
	if _, found := c.moved(); !found {
		return observe.Pendingf("the namespace %s is not there yet", c.NS)
	}
	select {
	case c.all.slots <- struct{}{}:
		defer func() { <-c.all.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p, err := openPort(c.all.world, c.LeaseClient)
	if err != nil {
		return err
	}
	c.setOpen(p)
	defer func() {
		c.setOpen(nil)
		p.close()
	}()
	m := c.machine
	if p.index != c.index || p.identity != c.identity || m.mac.String() != p.mac.String() {
		c.index, c.identity, c.serverMAC = p.index, p.identity, nil
		m.begin(p.mac, time.Now())
	}
	until := time.Now().Add(listenTime)
	for now := time.Now(); ctx.Err() == nil && now.Before(until); now = time.Now() {
		message, unicast := m.send(now)
		c.publish()
		if message != nil {
			from, server, mac := p.own, p.everyone, net.HardwareAddr(nil)
			if !c.IPv6 && (m.state == renewing || m.state == rebinding) {
				from = m.lease.Prefix.Addr()
			}
			if unicast {
				server, mac = m.lease.Server, c.serverMAC
			}
			if err := p.send(message, from, server, mac); err != nil {
				return fmt.Errorf("send by %s: %w", c.Device, err)
			}
		}
		if !m.listens() {
			return nil
		}
		answer, from, mac := p.receive(earlier(until, m.due))
		if answer == nil {
			if p.interrupted.Load() {
				return observe.Pendingf("the namespace %s has ended", c.NS)
			}
			continue
		}
		m.receive(answer, from, time.Now())
		if m.state == checking {
			if err := c.check(p); err != nil {
				return err
			}
		}
		if m.state == bound {
			c.serverMAC = mac
		}
		c.publish()
	}
	return nil
}

// check asks whether another host has the address that a server has given, and tells the server if so.
func (c *client) check(p *port) error {
	m := c.machine
	session := c.all.world.NewSession()
	in, err := session.Open(c.NS)
	var asker *duplicate.Asker
	if err == nil && in.Identity != p.identity {
		err = observe.Pendingf("the namespace %s has ended", c.NS)
	}
	if err == nil {
		asker, err = duplicate.Open(in, p.index, p.mac, m.offer.Prefix.Addr())
	}
	session.Close()
	if err != nil {
		return err
	}
	defer asker.Close()
	other, err := asker.Ask()
	if err != nil {
		return fmt.Errorf("ask by %s who has %s: %w", c.Device, m.offer.Prefix.Addr(), err)
	}
	if decline := m.checked(other, time.Now()); decline != nil {
		if err := p.send(decline, p.own, p.everyone, nil); err != nil {
			return fmt.Errorf("send by %s: %w", c.Device, err)
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (c *client) setOpen(p *port) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = p
}

// publish keeps the lease, and then lets linkd use it. A lease that cannot be kept is not used, because a restart would forget it.
func (c *client) publish() {
	if l := c.machine.lease; l != nil {
		c.mu.Lock()
		l.File, l.From = c.options.Source.File, c.options.Selector.Notation()
		c.mu.Unlock()
	}
	lease, lacks := result(c.machine)
	if known := c.all.store.Get(c.LeaseClient, time.Time{}); !reflect.DeepEqual(known, c.machine.lease) {
		if err := c.all.store.Put(c.LeaseClient, c.machine.lease); err != nil && c.machine.lease != nil {
			lease, lacks = nil, fmt.Sprintf("linkd cannot keep the lease for %s: %v", c.machine.lease.Prefix.Addr(), err)
		}
	}
	c.mu.Lock()
	changed := lacks != c.lacks || !reflect.DeepEqual(lease, c.lease)
	c.lease, c.lacks = lease, lacks
	c.mu.Unlock()
	if changed {
		c.all.changed()
	}
}
