package observe

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// counted counts the bytes that are read.
type counted struct {
	from io.Reader
	read int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += n
	return n, err
}

func TestJoinArguments(t *testing.T) {
	const longest = len("sleep 36000")
	nul := func(n int) string { return strings.Repeat("\x00", n) }
	for _, test := range []struct {
		name, text, line string
		err              error
		read             int // at most
	}{
		{"arguments", "sleep\x0036000\x00", "sleep 36000", nil, 12},
		{"without the last NUL", "sleep\x0036000", "sleep 36000", nil, 11},
		{"one argument", "sleep 36000\x00", "sleep 36000", nil, 12},
		{"a shorter one", "sh\x00", "sh", nil, 3},
		{"filled up", "sleep\x0036000" + nul(longestPadding), "sleep 36000", nil, 1 << 13},
		{"a shorter one that is filled up", "sh" + nul(100), "sh", nil, 102},
		{"none", "", "", errNoMemory, 0},
		{"a longer one", "sleep\x00360000\x00", "", errTooLong, 12},
		{"an argument more", "sleep\x0036000\x001\x00", "", errTooLong, 14},
		{"one behind the padding", "sleep\x0036000" + nul(100) + "1", "", errTooLong, 200},
		{"too much padding", "sleep\x0036000" + nul(1<<20), "", errTooLong, 1 << 13},
		{"a large one", strings.Repeat("a", 1<<20), "", errTooLong, 12},
	} {
		from := &counted{from: strings.NewReader(test.text)}
		line, err := joinArguments(from, longest)
		if line != test.line || !errors.Is(err, test.err) || from.read > test.read {
			t.Errorf("%s: %q, %v, %d bytes read", test.name, line, err, from.read)
		}
	}
}
