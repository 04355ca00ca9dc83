package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"linkd/pkg/plain"
)

// Where text for people goes. Whoever may name an interface, start a process or write a comment into iptables could
// otherwise have root's terminal do things.
var (
	stdout = plain.Writer(os.Stdout)
	stderr = plain.Writer(os.Stderr)
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func coloured(w io.Writer) bool {
	f, is := w.(*os.File)
	return is && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}
