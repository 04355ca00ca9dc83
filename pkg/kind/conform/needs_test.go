package conform

import "testing"

func TestMain(m *testing.M) { Main(m) }

// Every kernel that can run the tests has the first three.
func TestHasLink(t *testing.T) {
	Open(t)
	t.Setenv(completeKernel, "")
	for kind, want := range map[string]bool{"veth": true, "bridge": true, "vxlan": true, "no-such-kind": false} {
		if has, err := HasLink(kind); has != want || err != nil {
			t.Errorf("%s: %v, %v", kind, has, err)
		}
	}
	if _, err := HasBridgeVLAN(); err != nil {
		t.Error(err)
	}
}

func TestCompleteKernel(t *testing.T) {
	Open(t)
	t.Setenv(completeKernel, "1")
	_, err := HasLink("another")
	const want = "this kernel has no another links, but LINKD_TEST_COMPLETE_KERNEL says that it has everything"
	if err == nil || err.Error() != want {
		t.Errorf("have %v", err)
	}
}
