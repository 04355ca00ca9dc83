package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"linkd/pkg/plain"
)

// stdout and stderr print text for people without control characters. Other users choose the names of interfaces and
// processes, and comments in iptables; with control characters in them they could control root's terminal.
var (
	stdout = plain.Writer(os.Stdout)
	stderr = plain.Writer(os.Stderr)
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// coloured reports whether w is a terminal on which the user wants colours (https://no-color.org).
func coloured(w io.Writer) bool {
	f, is := w.(*os.File)
	return is && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}
