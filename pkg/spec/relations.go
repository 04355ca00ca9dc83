package spec

import "net/netip"

// Relations say, as data, how a resource stands to other resources and to namespaces. The zero value is of a resource that
// concerns no other. What is only known of a found resource is zero in a wanted one.
type Relations struct {
	// Makes is the namespace that the resource makes: everything in it needs the resource.
	Makes string
	// OtherNS is a namespace that has to be there besides the resource's own.
	OtherNS string
	// AlsoMakes is the resource that comes into being together with this one.
	AlsoMakes ID
	// Within is the resource in which this one stands without needing it to be declared. That must not go round in a circle.
	Within ID
	// StandsOn are the resources with which this one ends, or loses its connection, when one of them is deleted.
	StandsOn []ID
	// After are resources that are changed before this one where both have to be changed. This one does not need them: it is
	// changed where they fail, too.
	After []ID
	// EndsWithNamespace: the resource is lost when its namespace is deleted, and the kernel does not make another like it.
	EndsWithNamespace bool
	// StaysBehind: the resource is lost when the link that it needs moves to another namespace.
	StaysBehind bool
	// OnlyFound: linkd configures the resource where it finds it, and does not make it.
	OnlyFound bool
	// FetchedFrom is where linkd fetches the resource from, and puts it back. It is zero for a resource that linkd makes. Of a found
	// one the journal tells.
	FetchedFrom ID
	// Claim is the home that a mark on the found resource names. Somebody else may be root in the namespace where it was
	// found and can set any mark, so a mark alone never moves anything: it says what to look up in the journal.
	Claim ID
	// Device is a number that no other resource has until the machine is booted, that the resource keeps wherever it is
	// moved, and that nobody can choose or copy. It is "" where it is not known.
	Device string
	// PeerUnmarked: the kernel deletes the found resource together with a peer in another namespace, and that does not carry
	// the same mark of linkd's.
	PeerUnmarked bool
	// ReachedBy are the declared resources that have to be as wanted for neighbours on the link to reach this one.
	ReachedBy []ID
	// LeadsTo is the destination of a route.
	LeadsTo netip.Prefix
	// At is where the kernel has the found resource, and Other what it refers to.
	At, Other Place
}

// Place is where the kernel has a resource that others refer to: an interface by its index in a namespace, which the id
// that linkd's own namespace has for it names, and -1 if it is linkd's own. The zero Index is nowhere.
type Place struct{ NS, Index int }
