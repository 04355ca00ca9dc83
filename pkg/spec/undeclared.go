package spec

import (
	"regexp"

	"gopkg.in/yaml.v3"
)

// foreign are names of interfaces that others make: the kernel's drivers, systemd's names for cards, container engines and
// hypervisors. Nobody has to declare those.
var foreign = regexp.MustCompile(`^(lo|docker0|docker_gwbridge|br-[0-9a-f]{12}|podman[0-9]+|cni[0-9]+|cni-podman[0-9]+|nerdctl[0-9]+|virbr[0-9]+|lxcbr[0-9]+|` +
	`lxdbr[0-9]+|incusbr[0-9]+|vmbr[0-9]+|flannel[.][0-9]+|(eth|wlan|wwan|ib|usb|tap|tun|ppp|wg|bond|team)[0-9]+([.][0-9]+)?|(en|wl|ww|sl|ib)[psoxbdcv][0-9A-Za-z]+([.][0-9]+)?)$`)

// WarnUndeclared reports at the node n that no file declares the interface that a link has as its master or parent. It has to be
// called when all files are read.
func (c *Context) WarnUndeclared(n *yaml.Node, id ID, as string) {
	if c.Declared(id) != nil || foreign.MatchString(id.Key) {
		return
	}
	c.WarnAt(n, "no file declares %s in %s, the %s of this interface; if something else makes it, declare it with kind: existing", id.Key, id.NS, as)
}

// WarnAbsent warns at the node n that the context's namespace has no interface with a name: no file makes it, and it is not in linkd's
// own namespace now, if that is looked at. Others may make it later, and nobody knows what is in a namespace that linkd did not create.
func (c *Context) WarnAbsent(n *yaml.Node, name, consequence string) {
	ns, here := c.NS, c.At(n)
	c.Later(func() {
		known := ns == Host && c.c.lang.HostHas != nil && !c.c.lang.HostHas(name)
		if known && c.Declared(LinkID(ns, name)) == nil {
			here.Warn(here.Source(), "no file declares %s in %s, and there is none now: %s", name, ns, consequence)
		}
	})
}
