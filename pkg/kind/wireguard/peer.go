package wireguard

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/graph"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// PeerKind is the kind of peers. The kernel announces no change of them.
var PeerKind = reconcile.Register[*Peer](peerKind, peers{}, reconcile.Capabilities[*Peer]{
	Topics: []observe.Topic{observe.LinkTopic},
	Silent: reconcile.Always[*Peer],
	Link:   peers{}.OnLink,
	Roams:  peers{}.Roams,
	Ownership: reconcile.Ownership[*Peer]{
		// linkd cannot tell its peer from the same peer made by another program.
		Fingerprint: func(*Peer) string { return "" },
		Adopts:      func(want, _ *Peer) bool { return want.Adopt },
	},
	Show:     peers{}.Show,
	Contents: peerContents,
	Health:   func(_, have *Peer) reconcile.Condition { return keyCondition("preshared_key_file", have.fileErr) },
})

type peers struct{}

// Observe finds all peers. It compares the preshared keys of the desired ones with those in their files.
func (peers) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Peer]) (found []*Peer, err error) {
	type place struct {
		dev string
		key PublicKey
	}
	files := map[place]string{}
	for _, w := range query.Wanted {
		files[place{w.Dev, w.Key}] = w.KeyFile
	}
	err = devices(ctx, ns, query.Links, func(l *observe.Link, o observed) {
		for i := range o.peers {
			p := &o.peers[i].Peer
			p.NS, p.Dev, p.index = ns.Name, l.Name, l.Index
			p.compareKey(o.peers[i].preshared, files[place{p.Dev, p.Key}])
			clear(o.peers[i].preshared[:])
			one := *p
			found = append(found, &one)
		}
	})
	return found, err
}

// compareKey compares the preshared key of an observed peer with the one in a file; "" is no file.
func (p *Peer) compareKey(preshared [keySize]byte, file string) {
	p.hasKey, p.isInFile = preshared != [keySize]byte{}, true
	if file == "" {
		return
	}
	var key [keySize]byte
	if key, p.fileErr = readKey(file); p.fileErr == nil {
		p.isInFile = subtle.ConstantTimeCompare(key[:], preshared[:]) == 1
		clear(key[:])
	}
}

// OnLink returns the interface.
func (peers) OnLink(p *Peer) (name string, index int) { return p.Dev, p.index }

// Owned returns false, because a peer has no mark.
func (peers) Owned(*Peer) bool { return false }

// Roams returns the endpoint, which the kernel changes when the peer sends from another address.
func (peers) Roams(want *Peer) (value string, strict *Peer) {
	if !want.Endpoint.IsValid() {
		return "", want
	}
	all := *want
	all.strict = true
	return want.Endpoint.String(), &all
}

func (peers) Diff(want, have *Peer) []reconcile.Field {
	var fs reconcile.Fields
	switch {
	case want.KeyFile != "" && have.fileErr == nil && !have.isInFile:
		fs.Differ("preshared_key", keyText(have.hasKey), "the one in "+want.KeyFile)
	case want.KeyFile == "" && have.hasKey && !want.Adopt:
		fs.Differ("preshared_key", keyText(true), keyText(false))
	}
	if want.strict {
		compareText(&fs, "endpoint", endpointText(have.Endpoint), endpointText(want.Endpoint))
	}
	compareText(&fs, "allowed_ips", allowedText(have.AllowedIPs), allowedText(want.AllowedIPs))
	compareText(&fs, "keepalive", keepaliveText(have.Keepalive), keepaliveText(want.Keepalive))
	return fs
}

func compareText(fs *reconcile.Fields, path, have, want string) {
	if have != want {
		fs.Differ(path, have, want)
	}
}

func keyText(has bool) string {
	if has {
		return "another"
	}
	return ""
}

func endpointText(e netip.AddrPort) string {
	if !e.IsValid() {
		return ""
	}
	return e.String()
}

func allowedText(prefixes []netip.Prefix) string {
	words := make([]string, len(prefixes))
	for i, p := range prefixes {
		words[i] = p.String()
	}
	return strings.Join(words, ",")
}

func keepaliveText(seconds int) string {
	if seconds == 0 {
		return "off"
	}
	return strconv.Itoa(seconds)
}

// Create makes the peer, and leaves alone another one with its key.
func (k peers) Create(ctx context.Context, ns *observe.NS, want *Peer) error {
	index, err := indexOf(ns, want.Dev)
	if err != nil {
		return err
	}
	have, err := find(ns, index, want)
	_, strict := k.Roams(want)
	switch {
	case err != nil:
		return err
	case have == nil:
		have = &Peer{}
	case len(k.Diff(strict, have)) == 0:
		return nil
	default:
		return fmt.Errorf("%w: %s already has this peer", unix.EEXIST, want.Dev)
	}
	return k.write(ns, index, strict, have, 0)
}

// find returns the observed peer with the key of want; nil if there is none.
func find(ns *observe.NS, index int, want *Peer) (*Peer, error) {
	now, err := look(ns, index)
	if err != nil {
		return nil, err
	}
	for _, p := range now.peers {
		if p.Key == want.Key {
			p.compareKey(p.preshared, want.KeyFile)
			return &p.Peer, nil
		}
	}
	return nil, nil
}

// Update changes what differs. It deletes and replaces nothing that stays, so the peer loses no packet.
func (k peers) Update(_ context.Context, ns *observe.NS, want, _ *Peer) error {
	index, err := indexOf(ns, want.Dev)
	if err != nil {
		return err
	}
	have, err := find(ns, index, want)
	if err != nil {
		return err
	}
	if have == nil {
		return fmt.Errorf("%s has no such peer any more: %w", want.Dev, unix.ENOENT)
	}
	if err := k.write(ns, index, want, have, updateOnly); err != nil {
		return err
	}
	return disallow(ns, index, without(have.AllowedIPs, want.AllowedIPs))
}

// without returns those of some that are not among others.
func without(some, others []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(some), func(p netip.Prefix) bool { return slices.Contains(others, p) })
}

// write sends what of want differs from have. It removes no allowed address.
func (k peers) write(ns *observe.NS, index int, want, have *Peer, flags uint32) error {
	attrs := []*nl.RtAttr{publicAttr(want.Key)}
	if flags != 0 {
		attrs = append(attrs, flagsAttr(flags))
	}
	switch {
	case want.KeyFile != "":
		preshared, err := readKey(want.KeyFile)
		if err != nil {
			return fmt.Errorf("preshared_key_file: %w", err)
		}
		defer clear(preshared[:])
		if !have.isInFile {
			attrs = append(attrs, nl.NewRtAttr(peerPresharedKey, preshared[:]))
		}
	case have.hasKey && !want.Adopt:
		attrs = append(attrs, nl.NewRtAttr(peerPresharedKey, make([]byte, keySize)))
	}
	if want.strict && want.Endpoint.IsValid() && want.Endpoint != have.Endpoint {
		attrs = append(attrs, endpointAttr(want.Endpoint))
	}
	if want.Keepalive != have.Keepalive {
		attrs = append(attrs, nl.NewRtAttr(peerKeepalive, nl.Uint16Attr(uint16(want.Keepalive))))
	}
	if err := set(ns, index, peersAttr(attrs)); err != nil {
		return err
	}
	for some := range slices.Chunk(without(want.AllowedIPs, have.AllowedIPs), someAllowed) {
		if err := set(ns, index, peersAttr([]*nl.RtAttr{publicAttr(want.Key), flagsAttr(updateOnly), allowedAttr(some)})); err != nil {
			return err
		}
	}
	return nil
}

// Delete deletes the peer of the device on which it was found.
func (peers) Delete(_ context.Context, ns *observe.NS, have *Peer) (err error) {
	index := have.index
	if index == 0 {
		index, err = indexOf(ns, have.Dev)
	}
	if err == nil {
		err = set(ns, index, peersAttr([]*nl.RtAttr{publicAttr(have.Key), flagsAttr(removeMe)}))
	}
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, observe.ErrPending) {
		return nil
	}
	return err
}

// Show adds remarks about preshared keys. The link shows the rest.
func (peers) Show(doc *spec.Document, found []*Peer, _ reconcile.JournalLookup) {
	for _, p := range found {
		if p.hasKey {
			doc.LeaveOut(p.NS, p.Dev, "preshared key", "(preshared_key_file is the path of a file with it)")
		}
	}
}

func peerContents(p *Peer) (text string, lines []string) {
	var words []string
	add := func(key, value string) {
		if value != "" {
			words = append(words, key+" "+value)
		}
	}
	add("endpoint", endpointText(p.Endpoint))
	add("allowed_ips", allowedText(p.AllowedIPs))
	if p.Keepalive != 0 {
		add("keepalive", keepaliveText(p.Keepalive))
	}
	add("preshared_key_file", p.KeyFile)
	return strings.Join(words, " "), nil
}

var _ graph.Drawn = &Peer{}

// Draw draws a tunnel to the peer, by its endpoint if it has one.
func (p *Peer) Draw(pen *graph.Pen) {
	pen.Tunnel(spec.LinkID(p.NS, p.Dev), cmp.Or(endpointText(p.Endpoint), "peer "+p.Key.String()[:8]))
}
