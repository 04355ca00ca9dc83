package kind_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// The time to read a file grows with its length, whatever it is full of. Eight times the entries take eight times as long,
// or 64 times where one is compared with all others; the better of two runs each keeps what else the machine does out.
func TestReadingGrowsWithTheFile(t *testing.T) {
	const few, many, most = 400, 3200, 24
	for _, s := range shapes {
		took := map[int]time.Duration{}
		for range 2 {
			for _, n := range []int{few, many} {
				if used := read(t, s, n); took[n] == 0 || used < took[n] {
					took[n] = used
				}
			}
			if took[many] < most*took[few] {
				break
			}
		}
		// A file that is read in no time shows nothing but the clock.
		if small := max(took[few], 5*time.Millisecond); took[many] > most*small {
			t.Errorf("%s: %d entries take %v, and %d take %v", s.name, few, took[few], many, took[many])
		}
	}
}

// read compiles a file of n entries, has all errors written, and returns the processor time of both.
func read(t testing.TB, s shape, n int) time.Duration {
	t.Helper()
	file := spec.File{Path: "a.yaml", Text: []byte(s.text(n))}
	start := processorTime()
	_, errs := spec.Compile(kind.Language(), []spec.File{file})
	said := errs.Error()
	took := processorTime() - start
	if wrong := len(errs) > 0; wrong != s.wrong || wrong && len(errs) < n-1 {
		t.Errorf("%s: %d errors in %d entries: %.300s", s.name, len(errs), n, said)
	}
	return took
}

func processorTime() time.Duration {
	var used unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkReading is what `linkd validate` takes for a thousand entries of each shape, and for ten thousand namespaces.
func BenchmarkReading(b *testing.B) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read(b, s, 1000)
			}
		})
	}
	b.Run("10,000 "+shapes[0].name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			read(b, shapes[0], 10_000)
		}
	})
}
