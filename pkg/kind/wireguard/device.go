package wireguard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the kind of devices. The kernel announces no change of them.
var Kind = reconcile.Register[*Device](deviceKind, kind{}, reconcile.Capabilities[*Device]{
	Topics:    []observe.Topic{observe.LinkTopic},
	Silent:    reconcile.Always[*Device],
	Link:      kind{}.OnLink,
	Settings:  kind{},
	Fill:      kind{}.Fill,
	Ownership: reconcile.Ownership[*Device]{Adopts: func(want, _ *Device) bool { return want.Adopt }},
	Show:      kind{}.Show,
	Contents:  deviceContents,
	Health:    func(_, have *Device) reconcile.Condition { return keyCondition("private_key_file", have.fileErr) },
})

type kind struct{}

// keyCondition reports a key file that linkd cannot read. What the kernel has stays as it is.
func keyCondition(key string, err error) (c reconcile.Condition) {
	if err != nil {
		c.State, c.Reason, c.Unannounced = reconcile.Failed, key+": "+err.Error(), true
	}
	return c
}

// devices calls visit for each WireGuard device that a query asks for.
func devices(ctx context.Context, ns *observe.NS, links *observe.Links, visit func(l *observe.Link, o observed)) (err error) {
	if links == nil {
		if links, err = ns.Links(ctx); err != nil {
			return err
		}
	}
	for _, l := range links.All {
		if l.Kind != deviceKind {
			continue
		}
		switch o, err := look(ns, l.Index); {
		case errors.Is(err, unix.ENODEV):
			// It has gone since.
		case err != nil:
			return fmt.Errorf("%s: look at the WireGuard device %s: %w", ns.Name, l.Name, err)
		default:
			visit(l, o)
		}
	}
	return nil
}

// Observe finds all devices. It compares the keys of the desired ones with those in their files.
func (kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Device]) (found []*Device, err error) {
	files := map[string]string{}
	for _, w := range query.Wanted {
		files[w.Dev] = w.KeyFile
	}
	err = devices(ctx, ns, query.Links, func(l *observe.Link, o observed) {
		d := &Device{NS: ns.Name, Dev: l.Name, ListenPort: &o.port, Mark: &o.mark, index: l.Index, public: o.public, inFile: o.public}
		if file := files[d.Dev]; file != "" {
			d.inFile, d.fileErr = publicInFile(file)
		}
		found = append(found, d)
	})
	return found, err
}

func publicInFile(path string) (PublicKey, error) {
	private, err := readKey(path)
	if err != nil {
		return PublicKey{}, err
	}
	defer clear(private[:])
	return publicOf(private)
}

// OnLink returns the interface.
func (kind) OnLink(d *Device) (name string, index int) { return d.Dev, d.index }

// Owned returns false, because settings are the kernel's own.
func (kind) Owned(*Device) bool { return false }

func (kind) Diff(want, have *Device) []reconcile.Field {
	var fs reconcile.Fields
	if want.KeyFile != "" && have.fileErr == nil && have.inFile != have.public {
		fs.Differ("public_key", have.public.String(), have.inFile.String())
	}
	reconcile.Compare(&fs, "listen_port", want.ListenPort, *have.ListenPort)
	if want.Mark != nil && *want.Mark != *have.Mark {
		fs.Differ("fwmark", markText(*have.Mark), markText(*want.Mark))
	}
	return fs
}

func markText(mark uint32) string { return fmt.Sprintf("%#x", mark) }

// before is the journal's record of a device: never a key.
type before struct {
	ListenPort *int    `json:"listen_port,omitempty"`
	Mark       *uint32 `json:"fwmark,omitempty"`
}

// Before returns the present values of what the files set. A new device has a port that the kernel chooses, and no mark.
func (kind) Before(want, have *Device) (string, bool) {
	b := before{ListenPort: want.ListenPort, Mark: want.Mark}
	port, mark := 0, uint32(0)
	if have != nil {
		port, mark = *cmp.Or(have.ListenPort, &port), *cmp.Or(have.Mark, &mark)
	}
	if b.ListenPort != nil {
		b.ListenPort = &port
	}
	if b.Mark != nil {
		b.Mark = &mark
	}
	text, err := json.Marshal(b)
	return string(text), err == nil
}

// Prior returns the device as it was before linkd changed it. It leaves the key as it is.
func (kind) Prior(have *Device, text string) *Device {
	var b before
	_ = json.Unmarshal([]byte(text), &b)
	return &Device{NS: have.NS, Dev: have.Dev, ListenPort: b.ListenPort, Mark: b.Mark}
}

// Fill returns want with the values of prior for everything that want does not manage.
func (kind) Fill(want, prior *Device) *Device {
	full := *want
	full.ListenPort, full.Mark = cmp.Or(want.ListenPort, prior.ListenPort), cmp.Or(want.Mark, prior.Mark)
	return &full
}

// Create sets up a device that the same plan has made.
func (k kind) Create(ctx context.Context, ns *observe.NS, want *Device) error {
	return k.Update(ctx, ns, want, &Device{})
}

func (kind) Update(_ context.Context, ns *observe.NS, want, _ *Device) error {
	index, err := indexOf(ns, want.Dev)
	if err != nil {
		return err
	}
	var attrs []*nl.RtAttr
	if want.KeyFile != "" {
		private, err := readKey(want.KeyFile)
		if err != nil {
			return fmt.Errorf("private_key_file: %w", err)
		}
		defer clear(private[:])
		attrs = append(attrs, nl.NewRtAttr(devicePrivateKey, private[:]))
	}
	if want.Mark != nil {
		attrs = append(attrs, nl.NewRtAttr(deviceMark, nl.Uint32Attr(*want.Mark)))
	}
	now, err := look(ns, index)
	if err != nil {
		return err
	}
	if want.ListenPort != nil && *want.ListenPort != now.port {
		// Even for the same port the kernel would close the socket and open another (set_port in drivers/net/wireguard/netlink.c).
		attrs = append(attrs, nl.NewRtAttr(devicePort, nl.Uint16Attr(uint16(*want.ListenPort))))
	}
	err = set(ns, index, attrs...)
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("%w: another socket of the namespace in which %s was created has UDP port %d", err, want.Dev, *want.ListenPort)
	}
	return err
}

// indexOf returns the index of a device, which must be of the type wireguard.
func indexOf(ns *observe.NS, dev string) (int, error) {
	l, err := ns.LinkByName(dev)
	switch {
	case errors.Is(err, unix.ENODEV):
		return 0, observe.Pendingf("there is no %s in %s", dev, ns.Name)
	case err != nil:
		return 0, err
	case l.Kind != deviceKind:
		return 0, fmt.Errorf("%s is no WireGuard device", dev)
	}
	return l.Index, nil
}

// Delete does nothing, because the settings end with the device.
func (kind) Delete(context.Context, *observe.NS, *Device) error { return nil }

// Show adds remarks about the keys. The link shows the rest.
func (kind) Show(doc *spec.Document, found []*Device, _ reconcile.JournalLookup) {
	for _, d := range found {
		if d.public != (PublicKey{}) {
			doc.Remark(d.NS, d.Dev, "its private key is not shown: private_key_file is the path of a file with it")
		}
	}
}

func deviceContents(d *Device) (text string, lines []string) {
	if d.KeyFile != "" {
		text = " private_key_file " + d.KeyFile
	}
	if d.public != (PublicKey{}) {
		text = " public_key " + d.public.String()
	}
	if d.ListenPort != nil && *d.ListenPort != 0 {
		text += fmt.Sprintf(" listen_port %d", *d.ListenPort)
	}
	if d.Mark != nil && *d.Mark != 0 {
		text += " fwmark " + markText(*d.Mark)
	}
	if text == "" {
		return "", nil
	}
	return text[1:], nil
}
