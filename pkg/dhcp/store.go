package dhcp

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"linkd/pkg/bounded"
	"linkd/pkg/durable"
	"linkd/pkg/spec"
)

// FileName is the name of the file with the leases in the state directory.
const FileName = "leases.json"

// largestFile is the size up to which the file is read, in bytes.
const largestFile = 64 << 20

// Store keeps leases over restarts and reboots. Its methods are safe for concurrent use.
type Store struct {
	path string

	mu     sync.Mutex
	leases map[spec.LeaseClient]Lease
}

// kept is a lease in the file.
type kept struct {
	NS     string `json:"netns"`
	Device string `json:"device"`
	IPv6   bool   `json:"ipv6,omitempty"`
	Lease
}

// OpenStore reads the leases in a file. The error says why there are none; the clients then ask for new ones.
func OpenStore(path string) (*Store, error) {
	s := &Store{path: path, leases: map[spec.LeaseClient]Lease{}}
	text, err := bounded.ReadFile(path, largestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	var all []kept
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return s, fmt.Errorf("the leases of earlier are not known: %s: %w", path, err)
	}
	for _, k := range all {
		if k.Prefix.IsValid() && k.Server.IsValid() && k.Prefix.Addr().Is4() == k.Server.Is4() && k.Prefix.Addr().Is6() == k.IPv6 {
			s.leases[spec.LeaseClient{NS: k.NS, Device: k.Device, IPv6: k.IPv6}] = k.Lease
		}
	}
	return s, nil
}

// Get returns the lease of a client that is valid at a time, or nil.
func (s *Store) Get(client spec.LeaseClient, now time.Time) *Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, known := s.leases[client]; known && now.Before(l.End) {
		return &l
	}
	return nil
}

// All returns a copy of all leases, those among them that have ended.
func (s *Store) All() map[spec.LeaseClient]Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.leases)
}

// Put keeps the lease of a client, or forgets it if lease is nil. After an error the file is as before.
func (s *Store) Put(client spec.LeaseClient, lease *Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.leases[client]
	if lease == nil {
		if !known {
			return nil
		}
		delete(s.leases, client)
	} else {
		s.leases[client] = *lease
	}
	err := s.write()
	if err != nil && known {
		s.leases[client] = before
	} else if err != nil {
		delete(s.leases, client)
	}
	return err
}

func (s *Store) write() error {
	all := make([]kept, 0, len(s.leases))
	for client, l := range s.leases {
		all = append(all, kept{client.NS, client.Device, client.IPv6, l})
	}
	slices.SortFunc(all, func(a, b kept) int {
		return cmp.Or(strings.Compare(a.NS+"/"+a.Device, b.NS+"/"+b.Device), a.Prefix.Addr().Compare(b.Prefix.Addr()))
	})
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(s.path, append(text, '\n'), 0o600)
}
