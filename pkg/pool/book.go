// Package pool keeps which end has which address of a pool, over restarts and reboots.
//
// spec.Compile chooses addresses by a spec.PoolState, and a Book keeps the choice:
//
//	files ──> Compile ──> Desired.Given ──>  Keep  ──> the file ──> the kernel
//	             ▲                            │
//	             └──────────── State ─────────┘
//
// An address is in the file before linkd uses it, so that a linkd that is killed never allocates it twice. The address of an end that
// is removed from the files is free. The book remembers the end, which gets the address again if it returns before another end needs it.
package pool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"linkd/pkg/bounded"
	"linkd/pkg/durable"
	"linkd/pkg/spec"
)

// FileName is the name of the file in the state directory.
const FileName = "pools.json"

const (
	// mostReturned is how many returned addresses of a pool linkd remembers. A pool of IPv6 addresses is never used up.
	mostReturned = 4096
	// largestFile is the size up to which the file is read, in bytes: enough for a million addresses.
	largestFile = 256 << 20
)

// Book has which end has which address. Its methods are safe for concurrent use.
type Book struct {
	path string
	// looks: Keep changes the memory only.
	looks bool

	mu    sync.Mutex
	state spec.PoolState
	// text is the content of the file.
	text []byte
}

// Open reads the book in a file, which Keep makes. If the file cannot be read, no end gets an address until that is repaired.
func Open(path string) *Book {
	b := &Book{path: path}
	b.read()
	return b
}

// Look does the same for a command that changes nothing: Keep does not write.
func Look(path string) *Book {
	b := Open(path)
	b.looks = true
	return b
}

// read reads the file. The caller holds the lock, or is alone.
func (b *Book) read() {
	refused, checks := b.state.Refused, b.state.Checks
	text, err := bounded.ReadFile(b.path, largestFile)
	if errors.Is(err, fs.ErrNotExist) {
		b.state, b.text = spec.PoolState{Refused: refused, Checks: checks}, nil
		return
	}
	state := spec.PoolState{}
	if err == nil {
		state, err = decode(text)
	}
	if err != nil {
		state = spec.PoolState{Unknown: true, Closed: fmt.Errorf("linkd does not know which addresses its ends have: %s: %w. Repair the file, or remove it: then linkd gives all addresses anew", b.path, err)}
	}
	state.Refused, state.Checks = refused, checks
	b.state, b.text = state, text
}

// State returns what is known for spec.Compile. It reads a damaged file again, and tries again to write after a failure.
func (b *Book) State() *spec.PoolState {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.state.Unknown:
		b.read()
	case b.state.Closed != nil && !b.looks:
		b.state.Closed = b.write(b.state)
	}
	state := b.state
	return &state
}

// Write makes Keep write from now on. The caller holds the lock of the runtime directory. changed: another linkd has changed the
// book since it was read, so that what was compiled by it is out of date.
func (b *Book) Write() (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks = false
	before := b.text
	b.read()
	return string(before) != string(b.text)
}

// mostCompilations is how often Keep compiles: once more after addresses were returned, and once more after an error.
const mostCompilations = 3

// Keep compiles a desired state and keeps the addresses that it gives. compile also returns whether the state is complete: then Keep
// takes the addresses of ends back that have left the files. Keep compiles again if an end lacks an address and some have been
// returned, and after an error, notKept: then the desired state gives no further address. err is that of compile, or notKept if the
// desired state must not be used.
func (b *Book) Keep(compile func() (d *spec.Desired, complete bool, err error)) (d *spec.Desired, notKept, err error) {
	for range mostCompilations {
		var complete, again bool
		if d, complete, err = compile(); err != nil {
			return nil, notKept, err
		}
		again, err = b.commit(d, complete)
		if notKept = cmp.Or(err, notKept); !again || err != nil && b.keeps(d) {
			return d, notKept, nil
		}
	}
	if !b.keeps(d) {
		return nil, notKept, notKept
	}
	return d, notKept, nil
}

// commit keeps the addresses that a desired state gives, and with complete takes those of ends back that have left its files. again:
// compile once more, because of an error, or because an end lacks an address and some have been returned.
func (b *Book) commit(d *spec.Desired, complete bool) (again bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Unknown {
		return false, nil
	}
	next, returned := b.next(d, complete)
	if maps.Equal(next.Held, b.state.Held) && slices.Equal(next.Returned, b.state.Returned) {
		return false, nil
	}
	if err := b.write(next); err != nil {
		b.state.Closed = err
		return true, err
	}
	b.state = next
	return returned && d.Lacking, nil
}

// keeps reports whether the book has every address that a desired state gives, so that linkd may use them.
func (b *Book) keeps(d *spec.Desired) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for end, gets := range d.Given {
		if b.state.Held[end].Addr != gets.Addr {
			return false
		}
	}
	return true
}

// next returns the state with what a desired state gives, and whether addresses were returned.
func (b *Book) next(d *spec.Desired, complete bool) (next spec.PoolState, returned bool) {
	next = b.state
	next.Held = maps.Clone(b.state.Held)
	if next.Held == nil {
		next.Held = map[spec.PoolEnd]spec.Holding{}
	}
	next.Returned = slices.Clone(b.state.Returned)
	if complete {
		for _, end := range slices.SortedFunc(maps.Keys(b.state.Held), spec.PoolEnd.Compare) {
			has := next.Held[end]
			if now, gets := d.Given[end]; gets && now.Addr == has.Addr || !gets && !d.Within.All() && !d.Within.Contains(has.File) {
				continue
			}
			next.Returned = append(next.Returned, spec.GivenAddress{PoolEnd: end, Addr: has.Addr})
			delete(next.Held, end)
			returned = true
		}
	}
	given := make(map[netip.Addr]bool, len(d.Given))
	next.Unchecked = maps.Clone(b.state.Unchecked)
	maps.DeleteFunc(next.Unchecked, func(end spec.PoolEnd, ip netip.Addr) bool { return next.Held[end].Addr != ip })
	for end, gets := range d.Given {
		if next.Checks && gets.Addr.Is4() && next.Held[end].Addr != gets.Addr {
			if next.Unchecked == nil {
				next.Unchecked = map[spec.PoolEnd]netip.Addr{}
			}
			next.Unchecked[end] = gets.Addr
		}
		next.Held[end] = spec.Holding{Addr: gets.Addr, File: d.Within.Absolute(gets.File)}
		given[gets.Addr] = true
	}
	newest := map[spec.PoolEnd]int{}
	for i, r := range next.Returned {
		newest[r.PoolEnd] = i
	}
	last, count := map[netip.Addr]int{}, map[string]int{}
	for i, r := range next.Returned {
		last[r.Addr] = i
		count[r.Pool]++
	}
	kept := next.Returned[:0]
	for i, r := range next.Returned {
		_, declared := d.Pools[r.Pool]
		_, holds := next.Held[r.PoolEnd]
		switch {
		case given[r.Addr] || holds || newest[r.PoolEnd] != i || last[r.Addr] != i || complete && !declared:
		case count[r.Pool] > mostReturned:
			count[r.Pool]--
		default:
			kept = append(kept, r)
		}
	}
	next.Returned = kept
	return next, returned
}

// Refuse records that another host has an address, and why linkd thinks so. No end gets the address as long as linkd runs. changed is
// false if that is known.
func (b *Book) Refuse(ip netip.Addr, why string) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Refused[ip] == why {
		return false
	}
	// State has given the map to others.
	refused := maps.Clone(b.state.Refused)
	if refused == nil {
		refused = map[netip.Addr]string{}
	}
	refused[ip] = why
	b.state.Refused = refused
	return true
}

// CheckFirst sets that a Checker looks at each new address before linkd uses it.
func (b *Book) CheckFirst() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Checks = true
}

// Checked records that no other host has an address.
func (b *Book) Checked(g spec.GivenAddress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Unchecked[g.PoolEnd] == g.Addr {
		// State has given the map to others.
		unchecked := maps.Clone(b.state.Unchecked)
		delete(unchecked, g.PoolEnd)
		b.state.Unchecked = unchecked
	}
}

// write writes the file.
func (b *Book) write(state spec.PoolState) error {
	if b.looks {
		return nil
	}
	text, err := encode(state)
	if err != nil {
		return err
	}
	now, err := bounded.ReadFile(b.path, largestFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if string(now) != string(b.text) {
		return fmt.Errorf("another program has changed %s since linkd read it: run one linkd with this state directory", b.path)
	}
	if err := os.MkdirAll(filepath.Dir(b.path), 0o700); err != nil {
		return err
	}
	if err = durable.WriteFile(b.path, text, 0o600); err != nil {
		err = fmt.Errorf("linkd cannot keep an address: %w", err)
		if now, _ = bounded.ReadFile(b.path, largestFile); string(now) != string(text) {
			return err
		}
		// The file has the new content, and a crash of the machine may undo that.
	}
	b.text = text
	return err
}
