package fleet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"linkd/pkg/plain"
)

// leaseTime is how long etcd believes that a node is there without hearing of it. The client renews the lease after a third of it.
const leaseTime = 7 * time.Second

// claim is the value of a node's key alive, which etcd deletes with the node's lease.
type claim struct {
	// Instance tells the state directories of two machines apart, Boot two boots of one machine (a copy of a virtual machine has another),
	// and Run two daemons.
	Instance string    `json:"instance"`
	Boot     string    `json:"boot"`
	Run      string    `json:"run"`
	Host     string    `json:"host"`
	Since    time.Time `json:"since"`
}

// Taken says that another machine is the node.
type Taken struct{ by claim }

func (e *Taken) Error() string {
	return fmt.Sprintf("another machine is a node with this name: host %s, since %s. linkd takes no files from the fleet as long as it is: give one of the two another name in its fleet.yaml",
		plain.Text(e.by.Host), e.by.Since.Local().Format("2006-01-02 15:04:05"))
}

// newClaim returns the claim of this daemon.
func newClaim(instance string) (claim, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return claim{}, err
	}
	host, err := os.Hostname()
	return claim{Instance: instance, Boot: strings.TrimSpace(string(boot)), Run: randomID(), Host: host}, err
}

// randomID returns an ID that no other daemon has.
func randomID() string { return rand.Text() }

// holds reports whether the value of a key alive is this claim.
func (c claim) holds(value []byte) bool {
	var other claim
	return json.Unmarshal(value, &other) == nil && other.Run == c.Run
}

// take claims a node for as long as the lease lives. The error is a *Taken if another machine is the node. A daemon takes the claim of
// the one that ran before it on this machine.
func (s *Store) take(ctx context.Context, name string, c claim, lease clientv3.LeaseID) error {
	key := s.nodeKey(name, "alive")
	c.Since = time.Now()
	value, err := json.Marshal(c)
	if err != nil {
		return err
	}
	put := clientv3.OpPut(key, string(value), clientv3.WithLease(lease))
	for {
		text, modified, _, err := s.get(ctx, key)
		if err != nil {
			return err
		}
		var other claim
		if text != nil && json.Unmarshal(text, &other) == nil && (other.Instance != c.Instance || other.Boot != c.Boot) {
			return &Taken{other}
		}
		held, err := s.commit(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(key), "=", modified)}, put)
		if held || err != nil {
			return err
		}
	}
}
