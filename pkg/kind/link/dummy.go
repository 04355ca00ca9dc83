package link

var dummy = &Type{
	Name: "dummy",
	Doc:  "an interface that drops what is sent through it: a place for addresses (ip-link(8))",
	// dummy_setup in drivers/net/dummy.c.
	MaxMTU: noMaxMTU,
}
