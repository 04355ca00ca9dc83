// Package bounded reads files, pipes and connections that other users or programs fill, up to a stated limit. If there is more
// to read, it returns a TooLarge error instead of using more memory.
package bounded

import (
	"fmt"
	"io"
	"os"
)

// TooLarge is the error of a read that exceeded its limit.
type TooLarge struct {
	// Name is the name of what was read, as messages begin with it: a path, or "the answer of Docker".
	Name string
	// Limit is the largest size in bytes that linkd reads.
	Limit int64
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("%s is too large: linkd reads at most %s", e.Name, Size(e.Limit))
}

// Size returns a number of bytes as text, in the largest unit that divides it: "2 KiB", "1025 bytes".
func Size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// ReadAll reads r to its end. It returns a *TooLarge with this name as soon as r has more than limit bytes.
func ReadAll(r io.Reader, name string, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, &TooLarge{name, limit}
	}
	return text, err
}

// ReadFile reads a file of at most limit bytes. It returns a *TooLarge for a larger one.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, path, limit)
}
