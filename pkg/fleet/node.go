package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"linkd/pkg/pause"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// retryPause is the pause before another attempt to reach etcd, and up to as long again, so that the nodes of a fleet do not all come at
// the same moment.
const retryPause = time.Second

// Node is this machine as a part of the fleet. Set the exported fields before Run. All methods are safe for concurrent use.
type Node struct {
	Cache *Cache
	// Reload makes the daemon read the files again. It does not wait for that.
	Reload func()
	// Describe returns what the daemon has to report.
	Describe func() Report
	Log      *slog.Logger

	path    string
	claim   claim
	woken   chan struct{}
	members *members

	mu    sync.Mutex
	conf  *Config
	state reconcile.Fleet
	// passed is the number of the revision that the daemon's status is about.
	passed int64
}

// NewNode returns the node that the Config at path describes. If that is not valid, the node waits until it is, and its files are not
// known. The error is ErrNoFleet if there is no such file.
func NewNode(path string, cache *Cache) (*Node, error) {
	conf, wrong := readNodeConfig(path)
	if errors.Is(wrong, ErrNoFleet) {
		return nil, wrong
	}
	instance, err := cache.instance()
	if err != nil {
		return nil, err
	}
	n := &Node{Cache: cache, path: path, woken: make(chan struct{}, 1), members: newMembers(cache.dir)}
	n.state = reconcile.Fleet{Since: time.Now(), Reason: "linkd has just started"}
	if wrong != nil {
		n.state.Reason = wrong.Error()
	} else {
		n.conf, n.state.Node = conf, string(conf.Identity.Name)
	}
	n.claim, err = newClaim(instance)
	return n, err
}

// readNodeConfig reads the Config of a daemon.
func readNodeConfig(path string) (*Config, error) {
	conf, err := ReadConfig(path)
	switch {
	case err != nil:
		return nil, err
	case conf.Identity == nil:
		return nil, fmt.Errorf(`%s: "node" is missing: it names this machine, as in node: {name: n1}`, path)
	}
	if err := conf.CheckName(); err != nil {
		return nil, err
	}
	return conf, nil
}

// Self returns the node for the compiler of the files; nil while the Config is not valid.
func (n *Node) Self() *spec.Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conf == nil {
		return nil
	}
	return n.conf.Node()
}

// Files returns the fleet's files for this machine (see Cache.Files).
func (n *Node) Files() ([]spec.File, error) {
	if n.Self() == nil {
		return []spec.File{{Path: n.Cache.Dir(), Err: &spec.Unavailable{Reason: "the files of the fleet are not in force: " + n.State().Reason}}}, nil
	}
	return n.Cache.Files()
}

// Dir returns the directory whose files are those of the fleet.
func (n *Node) Dir() string { return n.Cache.Dir() }

// Stamp returns a value that changes when Files may return something else.
func (n *Node) Stamp() string { return fmt.Sprintf("%v %s", n.Self(), n.Cache.Stamp()) }

// State returns how the node stands with the fleet.
func (n *Node) State() *reconcile.Fleet {
	n.mu.Lock()
	defer n.mu.Unlock()
	state := n.state
	state.Revision = n.Cache.Read()
	return &state
}

// Wake says that what Describe returns may have changed.
func (n *Node) Wake() {
	select {
	case n.woken <- struct{}{}:
	default:
	}
}

// NotePass says that the daemon's status is about the files that it has read.
func (n *Node) NotePass() {
	n.mu.Lock()
	n.passed = n.Cache.Read()
	n.mu.Unlock()
	n.Wake()
}

// Passed returns the number of the revision that the daemon's status is about; 0 for none.
func (n *Node) Passed() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.passed
}

// Run follows the fleet until ctx ends. It reads the Config again when that changes.
func (n *Node) Run(ctx context.Context) {
	changed, stop, err := spec.Watch([]string{n.path})
	if err != nil {
		n.Log.Warn("cannot watch for changes of the fleet's configuration", "file", n.path, "error", err)
		changed, stop = nil, func() {}
	}
	defer stop()
	for ctx.Err() == nil {
		current, cancel := context.WithCancel(ctx)
		var work sync.WaitGroup
		if conf := n.config(); conf != nil {
			work.Go(func() { n.keepUp(current, conf) })
		} else {
			n.Log.Error("the fleet's configuration is not valid", "file", n.path, "error", n.State().Reason)
		}
		n.awaitConfig(ctx, changed)
		cancel()
		work.Wait()
	}
}

func (n *Node) config() *Config {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.conf
}

// awaitConfig returns when the Config has changed, or ctx ends. One that is not valid changes nothing.
func (n *Node) awaitConfig(ctx context.Context, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		conf, err := readNodeConfig(n.path)
		if err != nil {
			n.Log.Error("the fleet's configuration is not valid, and linkd goes on with the one before", "file", n.path, "error", err)
			continue
		}
		n.mu.Lock()
		same := reflect.DeepEqual(conf, n.conf)
		n.conf, n.state.Node = conf, string(conf.Identity.Name)
		n.mu.Unlock()
		if !same {
			n.Log.Info("the fleet's configuration has changed", "file", n.path)
			n.Reload()
			return
		}
	}
}

// keepUp connects to etcd again and again until ctx ends.
func (n *Node) keepUp(ctx context.Context, conf *Config) {
	for {
		err := n.connect(ctx, conf)
		if ctx.Err() != nil {
			return
		}
		n.lost(err)
		if !pause.For(ctx, retryPause+rand.N(retryPause)) {
			return
		}
	}
}

func (n *Node) connect(ctx context.Context, conf *Config) error {
	s, err := Open(conf)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		err := n.session(ctx, s, *conf.Node())
		// The client finds another member by itself, and keeps its connections.
		if ctx.Err() != nil {
			return err
		}
		n.lost(err)
		if !pause.For(ctx, retryPause+rand.N(retryPause)) {
			return err
		}
	}
}

// lost records that the node has no connection. It logs another reason once.
func (n *Node) lost(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state.Connected || n.state.Since.IsZero() {
		n.state.Since = time.Now()
	}
	if n.state.Connected || n.state.Reason != err.Error() {
		n.Log.Warn("no connection to the fleet: linkd keeps the files that it has", "error", err)
	}
	n.state.Connected, n.state.Reason = false, err.Error()
}

// connected records that the node has a connection, and what is wrong with what etcd has, if anything.
func (n *Node) connected(wrong error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	reason := ""
	if wrong != nil {
		reason = wrong.Error()
	}
	if !n.state.Connected {
		n.state.Since = time.Now()
		n.Log.Info("connected to the fleet", "node", n.state.Node)
	}
	if reason != "" && reason != n.state.Reason {
		n.Log.Error("cannot use what the fleet has: linkd keeps the files that it has", "error", reason)
	}
	n.state.Connected, n.state.Reason = true, reason
}
