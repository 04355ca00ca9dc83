package fleet

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// watch is what Store.watch watches, and what it does.
type watch struct {
	key     string
	options []clientv3.OpOption
	// from is the revision of etcd from which changes count.
	from int64
	// take gets each change; the value is empty if the key was deleted. act is called after changes: not before next, and then once in a
	// pause at most. Its error ends the watch.
	take  func(key string, value []byte)
	act   func() error
	next  time.Time
	pause time.Duration
	// stop ends the watch without an error; nil never does.
	stop <-chan struct{}
}

// watch watches keys until ctx ends or etcd does not answer.
func (s *Store) watch(ctx context.Context, w watch) error {
	// The buffer of the events is bounded because it is always emptied, and ends with this function.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := s.client.Watch(clientv3.WithRequireLeader(ctx), w.key, append(w.options, clientv3.WithRev(w.from))...)
	var due <-chan time.Time
	for {
		select {
		case <-w.stop:
			return nil
		case answer, open := <-events:
			if !open {
				return ctx.Err()
			}
			if err := answer.Err(); err != nil {
				return err
			}
			for _, ev := range answer.Events {
				w.take(string(ev.Kv.Key), ev.Kv.Value)
				due = time.After(time.Until(w.next))
			}
		case <-due:
			due = nil
			if err := w.act(); err != nil {
				return err
			}
			w.next = time.Now().Add(w.pause)
		}
	}
}
