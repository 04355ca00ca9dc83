// Package wireguard implements what an interface of the type wireguard has beyond other interfaces: its private key, its port and
// mark (a Device), and its peers. The interface itself is a link.
//
// Private and preshared keys stay in files. linkd reads such a file right before it compares its key with the kernel's or gives it
// to the kernel, and keeps neither the key nor a digest of it.
package wireguard

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"

	"linkd/pkg/spec"
)

const (
	deviceKind = "wireguard"
	peerKind   = "peer"
)

// keySize is the size of every key, in bytes.
const keySize = 32

// PublicKey is the public key of a device or of a peer.
type PublicKey [keySize]byte

func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// DecodeWord parses a key as wg(8) prints it.
func (k *PublicKey) DecodeWord(word string) error {
	key, err := parseKey(word)
	*k = PublicKey(key)
	return err
}

func (PublicKey) Syntax() spec.Syntax {
	return spec.Syntax{
		Name: "WireGuard key", Doc: "A public key as `wg pubkey` prints it: 32 bytes in base64.",
		Pattern: "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$",
	}
}

// errNoKey does not quote the text: it may be most of a secret key.
var errNoKey = errors.New("this is no key of WireGuard: 32 bytes in base64, as wg(8) prints them")

func parseKey(text string) (key [keySize]byte, err error) {
	bytes, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(bytes) != keySize || strings.ContainsAny(text, "\r\n") {
		return key, errNoKey
	}
	return [keySize]byte(bytes), nil
}

// publicOf returns the public key of a private one.
func publicOf(private [keySize]byte) (PublicKey, error) {
	key, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		return PublicKey{}, errNoKey
	}
	return PublicKey(key.PublicKey().Bytes()), nil
}

// Device is the key, the port and the mark of an interface. It exists as long as the interface, so it is a setting.
type Device struct {
	NS, Dev string
	// KeyFile is the absolute path of the file with the private key; "" if the files do not set it.
	KeyFile string
	// ListenPort is a UDP port, and Mark the mark of the packets that carry the tunnel. nil is not managed.
	ListenPort *int
	Mark       *uint32
	Adopt      bool
	Source     spec.Source

	// The rest is set only in an observed device.
	index  int
	public PublicKey
	// inFile is the public key of the private key in the desired KeyFile, and fileErr why linkd could not read it.
	inFile  PublicKey
	fileErr error
}

// ID returns the ID of the settings of an interface.
func (d *Device) ID() spec.ID { return spec.ID{NS: d.NS, Kind: deviceKind, Key: d.Dev} }

func (d *Device) Needs() []spec.ID { return []spec.ID{spec.LinkID(d.NS, d.Dev)} }

func (d *Device) Relations() spec.Relations { return spec.Relations{} }

func (d *Device) Origin() spec.Source { return d.Source }

// Peer is a peer of an interface. The kernel has no room for a mark in a peer, so only the journal says which ones are linkd's.
type Peer struct {
	NS, Dev string
	Key     PublicKey
	// KeyFile is the absolute path of the file with the preshared key; "" for none, or if Adopt is set, for any.
	KeyFile string
	// Endpoint is the address to which the device sends first; the kernel follows a peer that roams. It may be invalid: the
	// peer speaks first.
	Endpoint   netip.AddrPort
	AllowedIPs []netip.Prefix // sorted
	// Keepalive is the time between keepalive packets in seconds; 0 for none.
	Keepalive int
	Adopt     bool
	Source    spec.Source

	// strict: the endpoint has to be set, wherever the peer has roamed.
	strict bool

	// The rest is set only in an observed peer.
	index int
	// hasKey: it has a preshared key. isInFile: that is the one in the desired KeyFile. fileErr is why linkd could not read that.
	hasKey, isInFile bool
	fileErr          error
}

// ID returns the ID: a device has a public key once.
func (p *Peer) ID() spec.ID {
	return spec.ID{NS: p.NS, Kind: peerKind, Key: p.Dev + "/" + p.Key.String()}
}

func (p *Peer) Needs() []spec.ID { return []spec.ID{spec.LinkID(p.NS, p.Dev)} }

// Relations: the device gets its own key first, so that it does not answer peers with none.
func (p *Peer) Relations() spec.Relations {
	return spec.Relations{After: []spec.ID{{NS: p.NS, Kind: deviceKind, Key: p.Dev}}}
}

func (p *Peer) Origin() spec.Source { return p.Source }
