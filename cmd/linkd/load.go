package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"linkd/pkg/dhcp"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
	"linkd/pkg/trial"
)

// keepAgainPause is the pause after which the daemon tries again to keep addresses of pools that it could not write.
const keepAgainPause = 30 * time.Second

// load reads the files. For an invalid file it uses the last valid content. It keeps the addresses of pools that the files give,
// and starts and ends DHCP clients.
func (o *options) load(trials *trial.Keeper, clients *dhcp.Clients, inbox *observe.Inbox, log *slog.Logger) (l reconcile.Loaded) {
	var events []reconcile.Event
	complete := false
	compile := func() (*spec.Desired, bool, error) {
		l = trials.Load(func(loader *spec.Loader) {
			if err := loader.Save(); err != nil {
				log.Warn("cannot save the last valid files for the next start", "error", err)
			}
		})
		events = append(events, l.Events...)
		if l.Err != nil {
			return nil, false, l.Err
		}
		l.Desired.Within = o.within(true)
		// A trial returns no address and no lease: when it ends, everything has to be as before.
		complete = l.Complete && l.Desired.Unknown == nil && trials.Current() == nil
		return l.Desired, complete, nil
	}
	desired, notKept, err := o.pools().Keep(compile)
	if notKept != nil {
		log.Warn("cannot keep the addresses of pools", "error", notKept)
		o.keepAgain.Stop()
		o.keepAgain = time.AfterFunc(keepAgainPause, inbox.Populate)
	}
	if err != nil {
		return reconcile.Loaded{Err: err, Events: events}
	}
	clients.Declare(desired, complete)
	l.Desired, l.Events = desired, events
	return l
}

// leaseOf returns the lease of a DHCP client, or why there is none. Without the daemon nobody asks a server.
func (o *options) leaseOf(client spec.LeaseClient) (*spec.Lease, string) {
	if o.lease != nil {
		return o.lease(client)
	}
	leases, err := dhcp.OpenStore(o.leasesFile())
	if err != nil {
		return nil, err.Error()
	}
	return dhcp.Known(leases, client)
}

// giveBackLeases gives back what DHCP servers gave to ends that the desired state does not have any more. The caller holds the lock of
// the runtime directory, so no daemon looks after the leases.
func (o *options) giveBackLeases(world *observe.World, d *spec.Desired, log *slog.Logger) {
	leases, err := dhcp.OpenStore(o.leasesFile())
	if err != nil {
		log.Warn("cannot read the leases", "error", err)
		return
	}
	dhcp.GiveBackLeft(world, leases, d, log)
}

// leases returns the leases of all DHCP clients; none if they cannot be read.
func (o *options) leases() map[spec.LeaseClient]spec.Lease {
	all := map[spec.LeaseClient]spec.Lease{}
	if kept, err := dhcp.OpenStore(o.leasesFile()); err == nil {
		for client, lease := range kept.All() {
			all[client] = lease.Lease
		}
	}
	return all
}

func (o *options) leasesFile() string { return filepath.Join(o.stateDir, dhcp.FileName) }

// keepGiven returns a recompile that keeps the addresses of pools that its results give. The first time it uses desired, unless another
// linkd has given addresses since that was compiled. The caller holds the lock of the runtime directory.
func (o *options) keepGiven(desired *spec.Desired, recompile func() (*spec.Desired, error)) func() (*spec.Desired, error) {
	if o.pools().Write() {
		desired = nil
	}
	compile := func() (d *spec.Desired, complete bool, err error) {
		if d = desired; d == nil {
			d, err = recompile()
		}
		desired = nil
		return d, err == nil && d.Unknown == nil, err
	}
	return func() (*spec.Desired, error) {
		kept, notKept, err := o.pools().Keep(compile)
		if notKept != nil {
			fmt.Fprintln(stderr, "cannot keep the addresses of pools:", notKept)
		}
		return kept, err
	}
}
