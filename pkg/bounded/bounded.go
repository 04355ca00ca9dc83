// Package bounded reads files, pipes and program output that other users or programs can fill, up to a stated limit.
// Beyond the limit a read fails with a TooLarge, and memory stays bounded.
package bounded

import (
	"fmt"
	"io"
	"os"
)

// TooLarge is the error of a read that reached its limit.
type TooLarge struct {
	// What is the file, program or connection that was read.
	What string
	// Limit is the number of bytes that linkd reads of it at most.
	Limit int64
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("%s is too large: linkd reads at most %s", e.What, Size(e.Limit))
}

// Size is a number of bytes in the largest unit that divides it.
func Size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// ReadAll reads r to its end. It returns a TooLarge about what as soon as r has more than limit bytes.
func ReadAll(r io.Reader, what string, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, &TooLarge{what, limit}
	}
	return text, err
}

// ReadFile reads a file of at most limit bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, path, limit)
}
