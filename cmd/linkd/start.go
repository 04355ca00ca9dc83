//go:build !docgen

package main

import "os"

func main() {
	// The main goroutine is bound to the main thread (see package observe), and every switch to it costs; the work is
	// done on others.
	code := make(chan int, 1)
	go func() { code <- execute() }()
	os.Exit(<-code)
}
