package observe_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
)

// Forwards says what the files below /proc/sys say, in the namespace and in no other.
func TestForwards(t *testing.T) {
	lab := conform.Open(t)
	for family, file := range map[uint8]string{unix.AF_INET: "ipv4/ip_forward", unix.AF_INET6: "ipv6/conf/all/forwarding"} {
		for _, value := range []string{"1", "0"} {
			conform.Must(t, lab.NS.Do(func() error { return os.WriteFile("/proc/sys/net/"+file, []byte(value), 0) }))
			if forwards, err := lab.NS.Forwards(family); err != nil || forwards != (value == "1") {
				t.Errorf("%s is %s: %t, %v", file, value, forwards, err)
			}
		}
	}
}
