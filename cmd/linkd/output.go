package main

import (
	"os"

	"linkd/pkg/plain"
)

// Where text for people goes. Whoever may name an interface, start a process or write a comment into iptables could
// otherwise have root's terminal do things.
var (
	stdout = plain.Writer(os.Stdout)
	stderr = plain.Writer(os.Stderr)
)
