package program

import "testing"

// WithoutChildren lets linkd do without the files in which the kernel tells the children of a thread.
func WithoutChildren(t *testing.T) {
	tells := tellsChildren
	tellsChildren = func() bool { return false }
	t.Cleanup(func() { tellsChildren = tells })
}

// Abandoned is how many calls have not returned.
func Abandoned() int { return int(abandoned.Load()) }

const MostAbandoned = mostAbandoned
