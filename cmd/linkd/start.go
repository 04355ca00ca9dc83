//go:build !docgen

package main

import "os"

func main() {
	// Package observe binds the main goroutine to the main thread, and every switch to that thread costs time. So the work
	// is done on another goroutine.
	code := make(chan int, 1)
	go func() { code <- execute() }()
	os.Exit(<-code)
}
