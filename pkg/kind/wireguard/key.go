package wireguard

import (
	"errors"
	"net/netip"
	"slices"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Options are the keys of a link of the type wireguard.
type Options struct {
	PrivateKeyFile *KeyFile `yaml:"private_key_file" also:"private_key privatekey private-key PrivateKey PrivateKeyFile key" doc:"the file with the private key of this end; linkd reads the file at each look, and never prints the key"`
	ListenPort     *int     `yaml:"listen_port" also:"port listen-port listenport ListenPort" min:"0" max:"65535" doc:"the UDP port at which peers reach this end; the kernel chooses one if it is 0"`
	FwMark         *int     `yaml:"fwmark" also:"mark FirewallMark FwMark" min:"0" max:"4294967295" doc:"the mark of the packets that carry the tunnel, for rules; 0 for none"`
	Peers          []peer   `yaml:"peers" also:"peer Peer" doc:"the other ends; linkd deletes a peer that you remove from the files, and keeps one that somebody else added"`
}

// peer is a peer in YAML.
type peer struct {
	PublicKey        PublicKey `yaml:"public_key" also:"publickey public-key PublicKey" required:"true" doc:"the peer's public key"`
	PresharedKeyFile *KeyFile  `yaml:"preshared_key_file" also:"preshared_key presharedkey preshared-key PresharedKey psk" doc:"the file with a preshared key, which both ends have in addition to the others"`
	Endpoint         *endpoint `yaml:"endpoint" also:"Endpoint" doc:"the first address of the peer; when the peer sends from another address, the kernel uses that one, and linkd does not change it"`
	AllowedIPs       []subnet  `yaml:"allowed_ips" also:"allowedips allowed-ips AllowedIPs" doc:"the addresses behind the peer: the kernel accepts only these as the source, and sends packets for these to the peer"`
	Keepalive        *int      `yaml:"keepalive" also:"persistent_keepalive persistent-keepalive PersistentKeepalive" min:"0" max:"65535" doc:"seconds between packets that keep a NAT on the path open; 0 for none"`
	Source           spec.Source
}

// endpoint is an address and a port.
type endpoint struct{ netip.AddrPort }

// DecodeWord parses an address and a port.
func (e *endpoint) DecodeWord(word string) (err error) {
	if e.AddrPort, err = netip.ParseAddrPort(word); err != nil || e.Port() == 0 || e.Addr().Zone() != "" {
		return errors.New("an endpoint is an IP address and a port, such as 192.0.2.1:51820 or [2001:db8::1]:51820; linkd looks up no names")
	}
	return nil
}

func (endpoint) Syntax() spec.Syntax {
	return spec.Syntax{
		Name: "address and port", Doc: "An IP address and a port: `192.0.2.1:51820`, `[2001:db8::1]:51820`. linkd looks up no names.",
		Pattern: "^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]+$",
	}
}

// subnet is a subnet, or an address.
type subnet struct{ netip.Prefix }

// DecodeWord parses a subnet.
func (s *subnet) DecodeWord(word string) (err error) {
	s.Prefix, err = address.ParseSubnet(word, "a name")
	return err
}

func (subnet) Syntax() spec.Syntax {
	return spec.Syntax{Name: "subnet or address", Doc: "A subnet, or an address: `10.0.0.0/24`, `2001:db8::1`.", Pattern: "^" + spec.CIDRPattern + "$"}
}

// Add adds the device of the interface of the context, and its peers. Birth is the namespace in which its socket is.
func (o *Options) Add(c *spec.Context, n *yaml.Node, birth string) {
	d := &Device{NS: c.NS, Dev: c.Device, KeyFile: string(spec.ValueOr(o.PrivateKeyFile, "")), ListenPort: o.ListenPort, Adopt: c.Adopt, Source: c.Source()}
	if o.FwMark != nil {
		mark := uint32(*o.FwMark)
		d.Mark = &mark
	}
	c.Add(d)
	if port := spec.ValueOr(o.ListenPort, 0); port != 0 {
		c.Claim("UDP port " + spec.ValueOf(n, "listen_port").Value + " of " + birth)
	}
	takenBy := map[netip.Prefix]PublicKey{}
	for _, p := range o.Peers {
		made := &Peer{
			NS: c.NS, Dev: c.Device, Key: p.PublicKey, KeyFile: string(spec.ValueOr(p.PresharedKeyFile, "")), Endpoint: spec.ValueOr(p.Endpoint, endpoint{}).AddrPort,
			Keepalive: spec.ValueOr(p.Keepalive, 0), Adopt: c.Adopt, Source: p.Source,
		}
		for _, s := range p.AllowedIPs {
			if other, taken := takenBy[s.Prefix]; taken {
				c.Reject(p.Source, "%s is behind the peer %s already: the kernel would take it from that one", s.Prefix, other)
			}
			takenBy[s.Prefix] = p.PublicKey
			made.AllowedIPs = append(made.AllowedIPs, s.Prefix)
		}
		slices.SortFunc(made.AllowedIPs, netip.Prefix.Compare)
		c.Add(made)
	}
}

// Shown returns the options of an observed device, without its keys.
func Shown(ns *observe.NS, l *observe.Link) (*Options, error) {
	o, err := look(ns, l.Index)
	if err != nil {
		return nil, err
	}
	shown := &Options{}
	if o.port != 0 {
		shown.ListenPort = &o.port
	}
	if o.mark != 0 {
		mark := int(o.mark)
		shown.FwMark = &mark
	}
	slices.SortFunc(o.peers, func(a, b observedPeer) int { return slices.Compare(a.Key[:], b.Key[:]) })
	for i := range o.peers {
		p := &o.peers[i].Peer
		w := peer{PublicKey: p.Key}
		if p.Endpoint.IsValid() {
			w.Endpoint = &endpoint{p.Endpoint}
		}
		if p.Keepalive != 0 {
			w.Keepalive = &p.Keepalive
		}
		for _, prefix := range p.AllowedIPs {
			w.AllowedIPs = append(w.AllowedIPs, subnet{prefix})
		}
		shown.Peers = append(shown.Peers, w)
	}
	return shown, nil
}
