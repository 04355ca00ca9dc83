package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"

	"linkd/pkg/fleet"
	"linkd/pkg/spec"
)

// inFleet reports whether this linkd is a node of a fleet. With other files than those of the machine, only --fleet says so.
func (o *options) inFleet() bool {
	if o.given("config") && !o.given("fleet") {
		return false
	}
	_, err := os.Stat(o.fleetFile)
	return !errors.Is(err, fs.ErrNotExist)
}

func (o *options) fleetCache() *fleet.Cache { return fleet.OpenCache(o.stateDir) }

// self returns the node that this machine is, or nil.
func (o *options) self() *spec.Node {
	if o.node != nil {
		return o.node.Self()
	}
	if !o.inFleet() {
		return nil
	}
	conf, err := fleet.LookAtConfig(o.fleetFile)
	if err != nil {
		return nil
	}
	return conf.Node()
}

// membersOf returns the addresses of the other nodes that have a link.
func (o *options) membersOf(link string, own spec.MemberEnd) []netip.Addr {
	if o.node != nil {
		return o.node.MembersOf(link, own)
	}
	return o.fleetCache().MembersOf(link, own)
}

// read reads the files of --config, and those that the daemon has got from the fleet.
func (o *options) read(read func(paths []string) ([]spec.File, error)) ([]spec.File, error) {
	files, err := read(o.config)
	if err != nil || !o.inFleet() {
		return files, err
	}
	if _, err := fleet.LookAtConfig(o.fleetFile); err != nil {
		return nil, err
	}
	further, err := o.fleetCache().Files()
	if isOrdinaryUser(err) {
		fmt.Fprintln(stderr, "without the files of the fleet, which only root can read")
		return files, nil
	}
	return append(files, further...), err
}
