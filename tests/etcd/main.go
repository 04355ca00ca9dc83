// Command etcd is one member of an etcd cluster, for the tests and the demo of a fleet. It is a module of its own, so that linkd's
// module does not have what a server needs.
//
//	etcd member -name NAME -dir DIR -host IP [-port N] [-certs DIR] [-cluster NAME=IP:PORT,...]
//	etcd certs DIR NAME... IP...
//	etcd put -config DIR USER URL KEY VALUE
//	etcd compact -config DIR USER URL
//
// certs makes an authority and a certificate for each name, with all the addresses.
package main

import (
	"errors"
	"fmt"
	"os"
)

var errUsage = errors.New("usage: etcd member|certs|put|compact ARGUMENT...")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	switch args[0] {
	case "member":
		return runMember(args[1:])
	case "certs":
		return makeCerts(args[1], args[2:])
	case "put":
		return withClient(args[1:], put)
	case "compact":
		return withClient(args[1:], compact)
	}
	return errUsage
}
