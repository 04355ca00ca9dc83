package observe

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
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

// hanging is a command line that cannot be read until it is let go.
type hanging struct{ letGo chan struct{} }

func (h hanging) Read([]byte) (int, error) {
	<-h.letGo
	return 0, io.EOF
}

func (hanging) Close() error { return nil }

// FAULTS 37: processes whose command line hangs cost a user's selectors a quarter of a second in all, and linkd eight threads.
func TestCommandLinesThatHang(t *testing.T) {
	letGo := make(chan struct{})
	const good, user, other = 100, 1000, 0
	opened := make(chan int, 1000)
	r := newCommandLineReader(func(pid int) (io.ReadCloser, error) {
		opened <- pid
		if pid < good {
			return hanging{letGo}, nil
		}
		return io.NopCloser(strings.NewReader("sleep\x001\x00")), nil
	})
	for range 2 * mostHung {
		r.begin()
		began := time.Now()
		for pid := 1; pid < good; pid++ {
			if _, err := r.read(pid, user, 100); !errors.Is(err, errHung) {
				t.Fatalf("process %d: %v", pid, err)
			}
		}
		if took := time.Since(began); took > 10*readPatience {
			t.Errorf("a scan took %v", took)
		}
		if r.missed(user) == nil {
			t.Error("nobody says that command lines were not read")
		}
		// Another user's processes are read all the same.
		if line, err := r.read(good, other, 100); line != "sleep 1" || err != nil || r.missed(other) != nil {
			t.Errorf("another user's: %q, %v", line, err)
		}
	}
	if n := len(opened) - 2*mostHung; n > mostHung {
		t.Errorf("%d reads hang", n)
	}
	close(letGo)
	for deadline := time.Now().Add(20 * time.Second); ; {
		r.begin()
		if line, err := r.read(good+1, user, 100); err == nil && line == "sleep 1" {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("after they were let go: %v", err)
		}
	}
}
