package observe

import (
	"maps"
	"testing"
)

func TestMountinfoNamesNetworkNamespaces(t *testing.T) {
	const text = `22 27 0:21 / /proc rw,relatime - proc proc rw
90 25 0:4 net:[4026532179] /run/netns/blue rw shared:5 - nsfs nsfs rw
91 25 0:4 net:[4026532179] /run/netns/same rw - nsfs nsfs rw
92 25 0:4 net:[4026532180] /srv/a\040net:[1\134] rw master:1 propagate_from:2 - nsfs nsfs rw
93 25 0:4 mnt:[4026532181] /run/snapd/ns/x.mnt rw - nsfs nsfs rw
94 25 8:1 /net:[7] /mnt/net:[7] rw - ext4 /dev/sda rw
95 25 0:4 net:[x] /run/netns/bad rw - nsfs nsfs rw
96 25 0:4 net:[9] /run/netns/cut rw
`
	want := map[uint64]string{4026532179: "/run/netns/blue", 4026532180: `/srv/a net:[1\]`}
	if got := mountedNamespaces(text); !maps.Equal(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
}
