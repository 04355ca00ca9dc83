package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/link/belongings"
	"linkd/pkg/observe"
)

// snapshot is the state of an interface before linkd fetches it: all that the kernel removes when the interface leaves, so that
// linkd can restore it.
type snapshot struct {
	attributes
	// Names has its alternative names, and Alias its alias.
	Names  []string `json:"names,omitempty"`
	Alias  *string  `json:"alias,omitempty"`
	Kept   *kept    `json:"kept,omitempty"`
	Master string   `json:"master,omitempty"`
	// Sysctls has the interface's sysctls below /proc/sys/net that differ from the default of its namespace.
	Sysctls map[string]string `json:"sysctls,omitempty"`
	belongings.Belongings
}

func attributesOfLink(l *observe.Link) attributes {
	up := l.Up()
	return attributes{MAC: &l.MAC, MTU: &l.MTU, TxQueueLen: &l.TxQLen, Up: &up}
}

// takeSnapshot reads the snapshot of an interface.
func takeSnapshot(ns *observe.NS, l *observe.Link) (r snapshot, err error) {
	r = snapshot{attributes: attributesOfLink(l), Names: l.AltNames, Alias: &l.Alias}
	if l.Master != 0 {
		if r.Master, err = nameOf(ns, l.Master); err != nil {
			return r, err
		}
	}
	if r.Kept, err = keptOf(ns, l.Index); err != nil {
		return r, err
	}
	if r.Sysctls, err = sysctlsOf(ns, l.Name); err != nil {
		return r, err
	}
	r.Belongings, err = belongings.Read(ns, l)
	return r, err
}

func nameOf(ns *observe.NS, index int) (string, error) {
	links, err := ns.Some(map[int]bool{index: true}, nil)
	if err != nil {
		return "", err
	}
	return links.NameOf(index), nil
}

// maxSnapshot is the longest text of a snapshot, in bytes: the journal stores it in one line.
const maxSnapshot = 512 << 10

func (r snapshot) text() (string, error) {
	text, err := json.Marshal(r)
	if err == nil && len(text) > maxSnapshot {
		err = fmt.Errorf("it has %d addresses, neighbours and routes, more than can be remembered and put back", len(r.Entries))
	}
	return string(text), err
}

// parseSnapshot parses a snapshot. For "", when only the origin of the interface is known, the snapshot has only whether the
// interface is up now.
func parseSnapshot(text string, now *observe.Link) snapshot {
	var r snapshot
	if json.Unmarshal([]byte(text), &r) != nil {
		up := now.Up()
		return snapshot{attributes: attributes{Up: &up}}
	}
	r.DropDamaged()
	return r
}

// restore configures the interface from the snapshot. It sets the interface up before it adds addresses and routes, which need
// that, and after it sets the MAC address and sysctls, which take effect when the interface comes up.
func (r snapshot) restore(ns *observe.NS, name string) error {
	want := &Link{NS: ns.Name, Name: name, MAC: r.MAC, MTU: r.MTU, TxQueueLen: r.TxQueueLen}
	if err := configure(ns, want); err != nil {
		return err
	}
	l, err := ns.LinkByName(name)
	if err == nil {
		err = r.Kept.restore(ns, l.Index)
	}
	if err != nil {
		return err
	}
	if err := r.enslave(ns, name); err != nil {
		return err
	}
	if err := writeSysctls(ns, name, r.Sysctls); err != nil {
		return err
	}
	if err := configure(ns, &Link{NS: ns.Name, Name: name, Up: r.Up}); err != nil {
		return err
	}
	return r.Belongings.Restore(ns, name)
}

// enslave makes the interface a port of its master again, unless it has a master or the old master does not exist any more.
func (r snapshot) enslave(ns *observe.NS, name string) error {
	l, err := ns.LinkByName(name)
	if err != nil || r.Master == "" || l.Master != 0 {
		return err
	}
	master, err := ns.Index(r.Master)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err == nil {
		err = set(ns, l.Index, nil, nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(master))))
	}
	return err
}

// sysctlFolders are the folders with one folder for each interface, besides one with the defaults for new interfaces.
var sysctlFolders = []string{"ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"}

const procNet = "/proc/sys/net"

func sysctlsOf(ns *observe.NS, name string) (map[string]string, error) {
	sysctls := map[string]string{}
	err := ns.Do(func() error {
		for _, folder := range sysctlFolders {
			files, err := os.ReadDir(filepath.Join(procNet, folder, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			for _, f := range files {
				// Some files cannot be read before they are written (stable_secret). The IPv6 mtu follows the interface's.
				own, err := os.ReadFile(filepath.Join(procNet, folder, name, f.Name()))
				standard, standardErr := os.ReadFile(filepath.Join(procNet, folder, "default", f.Name()))
				if err == nil && standardErr == nil && string(own) != string(standard) && f.Name() != "mtu" {
					sysctls[filepath.Join(folder, f.Name())] = strings.TrimSpace(string(own))
				}
			}
		}
		return nil
	})
	return sysctls, err
}

func writeSysctls(ns *observe.NS, name string, sysctls map[string]string) error {
	if len(sysctls) == 0 {
		return nil
	}
	return ns.Do(func() error {
		for key, value := range sysctls {
			if !slices.Contains(sysctlFolders, filepath.Dir(key)) {
				return fmt.Errorf("the journal has no setting of an interface in %q", key)
			}
			path := filepath.Join(procNet, filepath.Dir(key), name, filepath.Base(key))
			if now, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(now)) == value {
				continue
			}
			if err := os.WriteFile(path, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
}
