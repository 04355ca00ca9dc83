package dhcp

import (
	"log/slog"
	"net"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// GiveBackLeft gives back the leases of a store that a desired state does not ask for, unless files outside of it asked for them. The
// addresses still have to be there: linkd removes them next.
func GiveBackLeft(world *observe.World, store *Store, d *spec.Desired, log *slog.Logger) {
	for client, lease := range store.All() {
		if _, declared := d.Leases[client]; declared || !d.Within.All() && !d.Within.Contains(lease.File) {
			continue
		}
		if selector, ok := spec.SelectorOf(lease.From); ok {
			world.DeclareAlso(spec.Namespace{Name: client.NS, Selector: selector})
		}
		m := newMachine(versionOf(client), store.Get(client, time.Now()), "")
		m.mac, _ = net.ParseMAC(lease.MAC)
		giveBack(world, store, client, m, nil, log)
	}
}

// giveBack gives the lease of a client back, and forgets it. A server that does not hear of it waits for the end of the lease.
func giveBack(world *observe.World, store *Store, client spec.LeaseClient, m *machine, serverMAC net.HardwareAddr, log *slog.Logger) {
	if message := m.release(); message != nil {
		p, err := openPort(world, client)
		if err == nil {
			from, server := m.lease.Prefix.Addr(), m.lease.Server
			if client.IPv6 {
				from, server, serverMAC = p.own, p.everyone, nil
			}
			err = p.send(message, from, server, serverMAC)
			p.close()
		}
		if err != nil {
			log.Info("cannot give a lease back; it ends by itself", "netns", client.NS, "device", client.Device, "address", m.lease.Prefix, "error", err)
		}
	}
	if err := store.Put(client, nil); err != nil {
		log.Warn("cannot forget a lease", "error", err)
	}
}
