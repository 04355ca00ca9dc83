// Package sysctl implements the kernel's network settings below net: those of a namespace and those of its devices. They always
// exist, so linkd does not create and delete them, but sets and restores them.
package sysctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

const kindName = "sysctl"

// Sysctl is one setting of a namespace.
type Sysctl struct {
	NS string
	// Path is the path below /proc/sys: net/ipv4/ip_forward.
	Path string
	// Dev is the device of the setting; "" for a setting of the namespace.
	Dev string
	// Value has one space between its parts.
	Value string
	// Default stands for the value that a new device has, instead of Value. Only a setting to restore has it.
	Default bool
	// Adopt: the device was taken over, and its settings with it.
	Adopt  bool
	Source spec.Source
	// firewall are the resources that decide which packets are forwarded, of a setting that lets packets be forwarded; nil
	// of any other. It is set until all files are read.
	firewall *[]spec.ID
	// acceptRA are the settings accept_ra of interfaces that forward because of this setting; nil of any other setting. It is
	// set until all files are read.
	acceptRA *[]spec.ID
	// overwritten are the settings of the files whose writing sets this one, which is an interface's; nil of one that no other
	// setting sets. It is set until all files are read.
	overwritten *[]spec.ID
}

// opensForwarding reports whether the setting lets a namespace, or one of its devices, forward packets of a family, which is
// ipv4 or ipv6.
func (s Sysctl) opensForwarding(family string) bool {
	last := s.Path[strings.LastIndexByte(s.Path, '/')+1:]
	return strings.HasPrefix(s.Path, "net/"+family+"/") && (last == "ip_forward" || last == "forwarding") && s.Value != "0"
}

// ForwardAfter makes the settings that let a namespace forward packets of a family, which is ipv4 or ipv6, need what decides
// which packets are forwarded. Call it in spec.Context.Later.
func ForwardAfter(all *spec.Set, ns, family string, firewall []spec.ID) {
	for _, r := range all.In(ns, kindName) {
		if s := r.(Sysctl); s.opensForwarding(family) {
			*s.firewall = firewall
		}
	}
}

// ID returns the ID. Its key is the name with dots or, if a part of the name contains a dot, the path.
func (s Sysctl) ID() spec.ID {
	key := s.Path
	if !strings.Contains(key, ".") {
		key = strings.ReplaceAll(key, "/", ".")
	}
	return spec.ID{NS: s.NS, Kind: kindName, Key: key}
}

// Needs implements spec.Resource.
//
// What sets a setting as well, as conf/all/forwarding does with that of every interface, is no need: either may be declared
// alone. Where both are, the interface's comes after. (ip_forward and conf/all/forwarding themselves are one value, see aliases.)
func (s Sysctl) Needs() []spec.ID {
	var needs []spec.ID
	if s.Dev != "" {
		needs = []spec.ID{spec.LinkID(s.NS, s.Dev)}
	}
	if s.firewall != nil {
		needs = append(needs, *s.firewall...)
	}
	return needs
}

func (s Sysctl) Relations() spec.Relations {
	var after []spec.ID
	for _, ids := range []*[]spec.ID{s.acceptRA, s.overwritten} {
		if ids != nil {
			after = append(after, *ids...)
		}
	}
	return spec.Relations{After: after}
}

func (s Sysctl) Origin() spec.Source { return s.Source }

// parseName splits a setting's name as sysctl(8) does. The first separator determines whether dots or slashes separate the parts.
// In the form with dots, a slash stands for a dot inside a part (net.ipv4.conf.eth0/100.forwarding).
func parseName(name string) ([]string, error) {
	if at := strings.IndexAny(name, "./"); at >= 0 && name[at] == '.' {
		name = strings.NewReplacer(".", "/", "/", ".").Replace(name)
	}
	parts := strings.Split(name, "/")
	for _, part := range parts {
		if part == "" || part == "." || part == ".." {
			return nil, fmt.Errorf("%q cannot be part of a sysctl's name", part)
		}
		if strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("%q cannot be part of a sysctl's name", part)
		}
	}
	return parts, nil
}

// ofNamespace returns the setting that a namespace's key names.
func ofNamespace(ns, name string) (Sysctl, error) {
	parts, err := parseName(name)
	if err != nil {
		return Sysctl{}, err
	}
	if parts[0] != "net" || len(parts) < 2 {
		return Sysctl{}, errors.New("a namespace has the sysctls below net. only, such as net.ipv4.ip_forward")
	}
	s := Sysctl{NS: ns, Path: strings.Join(parts, "/")}
	// all and default are not devices but templates, and no device can have those names (sysctl_dev_name_is_allowed in
	// net/core/sysctl_net_core.c).
	if len(parts) == 5 && isPerDevice(parts[1], parts[2]) && parts[3] != "all" && parts[3] != "default" {
		s.Dev = parts[3]
		err = spec.CheckIfName(s.Dev)
	}
	return s, err
}

// ofDevice returns the setting that an end's key names: ipv4.proxy_arp, or ipv4.neigh.gc_stale_time.
func ofDevice(ns, dev, name string) (Sysctl, error) {
	parts, err := parseName(name)
	if err != nil {
		return Sysctl{}, err
	}
	if len(parts) == 2 {
		parts = slices.Insert(parts, 1, "conf")
	}
	if len(parts) != 3 || !isPerDevice(parts[0], parts[1]) {
		return Sysctl{}, errors.New("a device has the sysctls ipv4.NAME, ipv6.NAME, ipv4.neigh.NAME and ipv6.neigh.NAME, such as ipv4.proxy_arp")
	}
	return Sysctl{NS: ns, Path: strings.Join([]string{"net", parts[0], parts[1], dev, parts[2]}, "/"), Dev: dev}, nil
}

// template returns the path of the setting in conf/default, from which the kernel copies the value of a new device (inetdev_init in
// net/ipv4/devinet.c, ipv6_add_dev in net/ipv6/addrconf.c).
func (s Sysctl) template() string {
	parts := strings.Split(s.Path, "/")
	parts[3] = "default"
	return strings.Join(parts, "/")
}

// RoutesLocalnet reports whether the files let a namespace route packets with addresses in 127.0.0.0/8. The setting of one
// interface or that of conf/all is enough (IN_DEV_ROUTE_LOCALNET in linux/inetdevice.h).
func RoutesLocalnet(all *spec.Set, ns string) bool {
	return slices.ContainsFunc(all.In(ns, kindName), func(r spec.Resource) bool {
		s := r.(Sysctl)
		return s.Value != "0" && strings.HasPrefix(s.Path, "net/ipv4/conf/") && strings.HasSuffix(s.Path, "/route_localnet")
	})
}

func isPerDevice(family, group string) bool {
	return (family == "ipv4" || family == "ipv6") && (group == "conf" || group == "neigh")
}
