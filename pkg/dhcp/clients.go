// Package dhcp runs DHCP clients in namespaces, for IPv4 (RFC 2131) and IPv6 (RFC 8415).
//
//	files ──> Compile ──> Desired.Leases ──> Clients ──> servers
//	             ▲                              │
//	             └──── Lease <──── Store <──────┘
//
// A client only talks to servers. The address and the routes of its lease become part of the desired state, and linkd configures and
// repairs them as if they stood in a file. So nothing that a server sends can change anything but the addresses and routes of the
// interface that asked, and the resolver of its namespace if the file says so.
package dhcp

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

const (
	// mostAtATime is how many clients have a socket open at a time.
	mostAtATime = 64
	// listenTime is how long a client listens after a message. A namespace that ends meanwhile lives on until then.
	listenTime = 10 * time.Second
	// firstLook and lastLook are the first and the longest pause before a client looks again for an interface that it does not find. A
	// pass of linkd ends the pause, too.
	firstLook = 250 * time.Millisecond
	lastLook  = 30 * time.Second
)

// Clients are the DHCP clients of the daemon. Its methods are safe for concurrent use.
type Clients struct {
	world *observe.World
	store *Store
	// changed is called after the result of Lease has changed for a client.
	changed func()
	log     *slog.Logger

	ctx     context.Context
	slots   chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	clients map[spec.LeaseClient]*client
}

// NewClients returns clients that open namespaces of the world and keep their leases in the store. They end with ctx. changed is called
// after the result of Lease has changed.
func NewClients(ctx context.Context, world *observe.World, store *Store, changed func(), log *slog.Logger) *Clients {
	return &Clients{
		world: world, store: store, changed: changed, log: log, ctx: ctx,
		slots: make(chan struct{}, mostAtATime), clients: map[spec.LeaseClient]*client{},
	}
}

// Lease returns the lease of a client for spec.Compile, or why there is none.
func (c *Clients) Lease(key spec.LeaseClient) (lease *spec.Lease, lacks string) {
	c.mu.Lock()
	one := c.clients[key]
	c.mu.Unlock()
	if one == nil {
		return Known(c.store, key)
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.lease, one.lacks
}

// Known returns the lease of a client that no daemon looks after, or why there is none.
func Known(s *Store, key spec.LeaseClient) (lease *spec.Lease, lacks string) {
	if l := s.Get(key, time.Now()); l != nil {
		return &l.Lease, ""
	}
	return nil, "no DHCP server has answered yet: the daemon asks (linkd run)"
}

// Declare sets the clients. If the desired state is complete, a client that it does not have gives its lease back: this is the last
// moment, because linkd removes its interface next.
func (c *Clients) Declare(d *spec.Desired, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, options := range d.Leases {
		options.Source.File = d.Within.Absolute(options.Source.File)
		if one := c.clients[key]; one != nil {
			one.mu.Lock()
			one.options = options
			one.mu.Unlock()
			continue
		}
		c.clients[key] = c.start(key, options)
	}
	if !complete {
		return
	}
	for key, one := range c.clients {
		if _, declared := d.Leases[key]; !declared {
			delete(c.clients, key)
			one.end()
		}
	}
	// Those of files that were removed while no daemon was running.
	GiveBackLeft(c.world, c.store, d, c.log)
}

// Wake has clients that wait for their interface look for it, and those look again whose namespace may have ended. The daemon calls it
// after each pass.
func (c *Clients) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.clients {
		select {
		case one.wake <- struct{}{}:
		default:
		}
		one.mu.Lock()
		if p := one.open; p != nil {
			if id, known := c.world.Known(one.NS); !known || id != p.identity {
				p.interrupt()
			}
		}
		one.mu.Unlock()
	}
}

// Wait returns when all clients have ended, after ctx has.
func (c *Clients) Wait() { c.running.Wait() }

func (c *Clients) start(key spec.LeaseClient, options spec.LeaseOptions) *client {
	ctx, stop := context.WithCancel(c.ctx)
	one := &client{LeaseClient: key, all: c, stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1), options: options}
	one.machine = newMachine(versionOf(key), c.store.Get(key, time.Now()), options.Hostname)
	one.lease, one.lacks = result(one.machine)
	c.running.Go(func() {
		defer close(one.done)
		one.run(ctx)
	})
	return one
}
