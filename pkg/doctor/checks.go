package doctor

// Checks is the one list of the checks: linkd and its rights first, then the machine, then what is around the wiring.
var Checks = []Check{
	validFiles,
	rights,
	daemon,
	resources,
	runtimeDirectory,
	mountNamespace,
	procSys,
	inotify,
	kernelLinks,
	addressMarks,
	engines,
	otherManagers,
	iptablesPrograms,
	iptablesBackends,
	otherNftables,
	forwarding,
	forwardDrop,
	bridgeNetfilter,
	bridgePorts,
	sharedSubnets,
	dockerAddresses,
	dockerChains,
	dockerNftables,
	dockerMasquerade,
}
