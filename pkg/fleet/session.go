package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"linkd/pkg/spec"
)

var (
	errLeaseLost = errors.New("etcd has received nothing from this node in time")
	errClaimLost = errors.New("another daemon has taken the name of this node")
)

// session is the node for as long as its lease lives. It returns why that ended.
func (n *Node) session(ctx context.Context, s *Store, self spec.Node) error {
	lease, err := s.grant(ctx)
	if err != nil {
		return err
	}
	defer s.revoke(lease)
	if err := s.take(ctx, self.Name, n.claim, lease); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer end(nil)
	alive, err := s.client.KeepAlive(ctx, lease)
	if err != nil {
		return explain(err)
	}
	work.Go(func() {
		for range alive {
		}
		end(errLeaseLost)
	})
	work.Go(func() { end(n.guardClaim(ctx, s, self)) })
	work.Go(func() { end(n.publish(ctx, s, self)) })
	work.Go(func() { end(n.announce(ctx, s, self)) })
	work.Go(func() { end(n.followMembers(ctx, s, self)) })
	end(n.follow(ctx, s, self))
	return context.Cause(ctx)
}

func (s *Store) grant(ctx context.Context) (clientv3.LeaseID, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	lease, err := s.client.Grant(ctx, int64(leaseTime/time.Second))
	if err != nil {
		return 0, explain(err)
	}
	return lease.ID, nil
}

// revokeTime is how long a daemon that stops waits for etcd.
const revokeTime = time.Second

// revoke ends a lease now. Without an answer it ends after leaseTime.
func (s *Store) revoke(lease clientv3.LeaseID) {
	ctx, cancel := context.WithTimeout(context.Background(), revokeTime)
	defer cancel()
	_, _ = s.client.Revoke(ctx, lease)
}

// guardClaim returns when the node's name is not this daemon's any more.
func (n *Node) guardClaim(ctx context.Context, s *Store, self spec.Node) error {
	key := s.nodeKey(self.Name, "alive")
	value, _, at, err := s.get(ctx, key)
	for err == nil && n.claim.holds(value) {
		for answer := range s.client.Watch(clientv3.WithRequireLeader(ctx), key, clientv3.WithRev(at+1)) {
			if answer.Err() != nil {
				break
			}
			for _, ev := range answer.Events {
				if !n.claim.holds(ev.Kv.Value) {
					return errClaimLost
				}
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		value, _, at, err = s.get(ctx, key)
	}
	if err != nil {
		return err
	}
	return errClaimLost
}
