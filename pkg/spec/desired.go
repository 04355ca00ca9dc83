package spec

// Desired is the desired state of all files. Namespaces are all namespaces that the files name, by name.
type Desired struct {
	Namespaces map[string]Namespace
	Resources  *Set
	// Probes are what linkd sends to find out whether it arrives, by name.
	Probes []Probe
	// Pools are the pools of addresses by name, and Given the addresses that ends got of them. Lacking: an end got none.
	Pools   map[string]Pool
	Given   map[PoolEnd]Holding
	Lacking bool
	// Leases are the interfaces that get their address from a DHCP server.
	Leases map[LeaseClient]LeaseOptions
	// Members are the ends of links that this node shares with other nodes of its fleet, by the ID of the link.
	Members map[string]MemberEnd
	// Templates are the namespaces that stand for many containers, and Misfits the containers that do not fit their
	// template. Unknown says why the containers of a template are not known: then the desired state is incomplete.
	// Outdated says why they are those of an engine's last answer, which may have changed.
	Templates []Template
	Misfits   []Misfit
	Unknown   error
	Outdated  error
	// Warnings are about places in the files that are valid and probably not intended.
	Warnings Warnings
	// Within limits what linkd removes to what these files declared.
	Within Within
}

// Namespace is a network namespace and how to find it.
type Namespace struct {
	Name     string
	Selector Selector
	Source   Source
	// Left: no file names the namespace any more, but linkd has left something in it.
	Left bool
	// Template is the name of the template that stands for the namespace; "" if a file names it.
	Template string
}
