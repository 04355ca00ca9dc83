package dhcp

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"linkd/pkg/spec"
)

// A lease is there after a restart until it ends, and what cannot be written is not kept.
func TestLeasesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", FileName)
	lease := newBound(t).m.lease
	web, db := spec.LeaseClient{NS: "web", Device: "eth0"}, spec.LeaseClient{NS: "db", Device: "eth0"}
	put := func(s *Store, client spec.LeaseClient, lease *Lease, fails bool) {
		t.Helper()
		if err := s.Put(client, lease); (err != nil) != fails {
			t.Errorf("%v: %v", client, err)
		}
	}
	open := func() *Store {
		t.Helper()
		s, err := OpenStore(path)
		if err != nil {
			t.Error(err)
		}
		return s
	}
	s := open()
	put(s, web, lease, false)
	if d := cmp.Diff(lease, open().Get(web, start), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
		t.Errorf("after a restart (-before +now):\n%s", d)
	}
	if has := open().Get(web, lease.End); has != nil {
		t.Errorf("after its end: %v", has)
	}
	// Nothing can take the place of a directory that has files.
	if err := os.MkdirAll(filepath.Join(path+".new", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	later := *lease
	later.End = later.End.Add(time.Minute)
	put(s, web, &later, true)
	put(s, db, lease, true)
	put(s, web, nil, true)
	if has := s.Get(web, start); has == nil || !has.End.Equal(lease.End) || s.Get(db, start) != nil {
		t.Errorf("after failures: %v, %v", has, s.Get(db, start))
	}
	if err := os.RemoveAll(path + ".new"); err != nil {
		t.Fatal(err)
	}
	put(s, web, nil, false)
	if has := open().Get(web, start); has != nil {
		t.Errorf("after it was given back: %v", has)
	}
	if err := os.WriteFile(path, []byte("["), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := OpenStore(path); err == nil || s.Get(web, start) != nil {
		t.Error("a damaged file is not noticed")
	}
}
