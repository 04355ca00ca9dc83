package bounded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// endless is a reader without an end that counts the bytes read from it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

func TestAnEndlessReaderIsReadUpToTheLimit(t *testing.T) {
	r := &endless{}
	_, err := ReadAll(r, "the answer", 3<<20)
	if err == nil || err.Error() != "the answer is too large: linkd reads at most 3 MiB" {
		t.Errorf("got %v", err)
	}
	if r.read > 8<<20 {
		t.Errorf("%d bytes were read", r.read)
	}
}

func TestTheLimitItselfIsAllowed(t *testing.T) {
	if text, err := ReadAll(strings.NewReader("abc"), "it", 3); string(text) != "abc" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := ReadAll(strings.NewReader("abcd"), "it", 3); err == nil || err.Error() != "it is too large: linkd reads at most 3 bytes" {
		t.Errorf("got %v", err)
	}
	broken := errors.New("broken")
	if _, err := ReadAll(iotest.ErrReader(broken), "it", 3); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestAFileIsReadUpToTheLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<40), f.Close()); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	if _, err := ReadFile(path, 2<<10); err == nil || err.Error() != path+" is too large: linkd reads at most 2 KiB" {
		t.Errorf("got %v", err)
	}
}
