package program

import "testing"

// WithoutChildren runs a test as on a kernel that does not list the children of a thread.
func WithoutChildren(t *testing.T) {
	original := listsChildren
	listsChildren = func() bool { return false }
	t.Cleanup(func() { listsChildren = original })
}

// Abandoned returns the number of abandoned calls.
func Abandoned() int { return int(abandoned.Load()) }

const MaxAbandoned = maxAbandoned
