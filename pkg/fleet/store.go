package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	// callTime is how long one request to etcd may take.
	callTime = 5 * time.Second
	// pingPause is how often the connection is checked while a request is outstanding. etcd refuses less than 5 s.
	pingPause = 5 * time.Second
	// connectLimit is the longest pause between two attempts to connect.
	connectLimit = 2 * time.Second
	// answerLimit is the largest answer of etcd in bytes: above a page of pageSize values.
	answerLimit = 64 << 20
)

// Store is the fleet's part of etcd. Its methods are safe for concurrent use.
type Store struct {
	client *clientv3.Client
	prefix string
}

// Open returns a Store. It does not connect: the first request does. The caller closes it.
func Open(c *Config) (*Store, error) {
	conf := clientv3.Config{
		Endpoints:            c.urls(),
		DialTimeout:          callTime,
		DialKeepAliveTime:    pingPause,
		DialKeepAliveTimeout: pingPause,
		MaxCallRecvMsgSize:   answerLimit,
		Logger:               zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: connectLimit},
			MinConnectTimeout: callTime,
		})},
	}
	if c.TLS != nil {
		var err error
		if conf.TLS, err = c.TLS.client(); err != nil {
			return nil, err
		}
	}
	client, err := clientv3.New(conf)
	if err != nil {
		return nil, explain(err)
	}
	return &Store{client: client, prefix: string(c.Prefix)}, nil
}

// Close closes the connection.
func (s *Store) Close() { _ = s.client.Close() }

// The keys of the fleet. A node's certificate lets it write what begins with nodeKey of its name, and read everything.
func (s *Store) currentKey() string               { return s.prefix + "/current" }
func (s *Store) turnKey() string                  { return s.prefix + "/turn" }
func (s *Store) textKey(hash string) string       { return s.prefix + "/texts/" + hash }
func (s *Store) revisionKey(n int64) string       { return fmt.Sprintf("%s/revisions/%016d", s.prefix, n) }
func (s *Store) nodeKey(name, what string) string { return s.prefix + "/nodes/" + name + "/" + what }

// get returns the value of a key, "" if there is none, and the revision of etcd at which that was so.
func (s *Store) get(ctx context.Context, key string) (value []byte, modified, at int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := s.client.Get(ctx, key)
	if err != nil {
		return nil, 0, 0, explain(err)
	}
	if len(answer.Kvs) == 0 {
		return nil, 0, answer.Header.Revision, nil
	}
	return answer.Kvs[0].Value, answer.Kvs[0].ModRevision, answer.Header.Revision, nil
}

// pageSize is how many values one request returns at most.
const pageSize = 500

// each calls f with every key and value that begins with a prefix, in the order of the keys, as they were at one moment.
func (s *Store) each(ctx context.Context, prefix string, f func(key string, value []byte), options ...clientv3.OpOption) error {
	from, end, at := prefix, clientv3.GetPrefixRangeEnd(prefix), int64(0)
	for {
		answer, err := s.page(ctx, from, append([]clientv3.OpOption{clientv3.WithRange(end), clientv3.WithLimit(pageSize), clientv3.WithRev(at)}, options...))
		if err != nil {
			return err
		}
		for _, kv := range answer.Kvs {
			f(string(kv.Key), kv.Value)
			from = string(kv.Key) + "\x00"
		}
		if at = answer.Header.Revision; !answer.More {
			return nil
		}
	}
}

func (s *Store) page(ctx context.Context, from string, options []clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := s.client.Get(ctx, from, options...)
	return answer, explain(err)
}

// commit sends a transaction. It returns whether the conditions held.
func (s *Store) commit(ctx context.Context, conditions []clientv3.Cmp, ops ...clientv3.Op) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := s.client.Txn(ctx).If(conditions...).Then(ops...).Commit()
	if err != nil {
		return false, explain(err)
	}
	return answer.Succeeded, nil
}

// errTime says that etcd did not answer in time.
var errTime = fmt.Errorf("etcd has not answered within %s: it is not reachable, or has no quorum", callTime)

// explain returns the error of a request in the words of an administrator.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return errTime
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return errors.New("etcd does not let the owner of this certificate do that (see `linkd fleet grant`)")
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return errors.New("etcd wants to know who asks, and this machine has shown no certificate: fleet.yaml needs tls")
	case errors.Is(err, rpctypes.ErrNoSpace):
		return errors.New("etcd's disk space is used up: compact and defragment it, and run etcdctl alarm disarm")
	}
	return fmt.Errorf("etcd: %w", err)
}
