package spec

import "net/netip"

// Relations describe, as data, how a resource depends on other resources and namespaces. The zero value is that of a
// resource without relations. Fields that are only known of an observed resource are zero in a desired one.
type Relations struct {
	// Makes is the namespace that the resource makes: everything in it needs the resource.
	Makes string
	// OtherNS is another namespace that must exist, besides the resource's own.
	OtherNS string
	// AlsoMakes is the resource that the kernel makes together with this one.
	AlsoMakes ID
	// Within is the resource that contains this one. It need not be declared. The relation must not form a cycle.
	Within ID
	// StandsOn are the resources whose deletion deletes this one, or cuts its connection.
	StandsOn []ID
	// After are resources that linkd changes before this one if both must be changed. This one does not need them: it is
	// changed even if they fail.
	After []ID
	// EndsWithNamespace: the deletion of the namespace deletes the resource for good: the kernel does not make it
	// again.
	EndsWithNamespace bool
	// StaysBehind: the resource is lost when the link that it needs moves to another namespace.
	StaysBehind bool
	// OnlyFound: linkd configures the resource if it exists, and never makes it.
	OnlyFound bool
	// FetchedFrom is the origin from which linkd fetches the resource, and to which it puts it back. It is zero for a
	// resource that linkd makes. For an observed resource it comes from the journal.
	FetchedFrom ID
	// Claim is the origin that a mark on the observed resource names. Somebody else may be root in the namespace
	// where it was found and can set any mark, so a mark alone never moves anything: it says what to look up in the
	// journal.
	Claim ID
	// Device is a number that no other resource has until the machine reboots, that the resource keeps when it is
	// moved, and that nobody can choose or copy; "" if it is not known.
	Device string
	// PeerUnmarked: the kernel deletes the observed resource together with a peer in another namespace, and the peer
	// does not carry the same mark.
	PeerUnmarked bool
	// ReachedBy are the declared resources that must be as desired before neighbours on the link can reach this one.
	ReachedBy []ID
	// Sole is an IP address that the kernel refuses to the resource while another one on the link has it (RFC 4862, 5.4).
	Sole netip.Addr
	// LeadsTo is the destination of a route.
	LeadsTo netip.Prefix
	// At is the place of the observed resource in the kernel, and Other the place that it refers to.
	At, Other Place
}

// Place is the place in the kernel of a resource that others refer to: the index of an interface, and its namespace
// by the ID that linkd's own namespace has for it (-1: linkd's own). A zero Index is no place.
type Place struct{ NS, Index int }
