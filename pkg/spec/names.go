package spec

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// IfName is the name of a network interface.
type IfName string

func (name *IfName) DecodeNode(c *Context, n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("expected an interface name, found %s", describe(n))
	}
	*name = IfName(n.Value)
	err := CheckIfName(n.Value)
	if hint := hintAtName(n.Value); hint != "" && err == nil {
		c.WarnAt(n, "%s", hint)
	}
	return err
}

// hintAtName returns a warning about an interface name with the characters of a pattern or a variable, or "". The
// kernel accepts such a name like any other.
func hintAtName(name string) string {
	switch {
	case strings.ContainsAny(name, "${}"):
		return fmt.Sprintf("linkd replaces no variables but those of the key for: the interface name is %q, as it is written", name)
	case strings.ContainsAny(name, "*?[]"):
		return fmt.Sprintf("linkd takes a name as it is written, not as a pattern: write the whole name of one interface in the place of %q", name)
	}
	return ""
}

// IfNamePattern matches what CheckIfName accepts, and "." and "..".
const IfNamePattern = `[!#$&-.0-9;-\[\]-~]{1,15}`

func (IfName) Syntax() Syntax {
	return Syntax{
		Name:    "interface name",
		Doc:     "At most 15 printable ASCII characters, without blanks and `/ : % \" \\`, as the kernel requires.",
		Pattern: "^" + IfNamePattern + "$",
	}
}

// CheckIfName refuses names that the kernel refuses (dev_valid_name in net/core/dev.c: empty, "." and "..", 16 bytes
// and more, a slash, a colon, white space), names in which it would insert a number (%d), and names that cannot be
// printed unchanged.
func CheckIfName(name string) error {
	switch {
	case name == "":
		return errors.New("an interface name is missing")
	case name == "." || name == "..":
		return fmt.Errorf("%q cannot name an interface", name)
	case len(name) > 15:
		return fmt.Errorf("interface name %q has %d bytes; the kernel takes 15 at most", name, len(name))
	case strings.ContainsRune(name, '%'):
		return fmt.Errorf("interface name %q: the kernel would put a number in place of %%", name)
	}
	if at := strings.IndexFunc(name, badInName); at >= 0 {
		return fmt.Errorf("interface name %q: %q is not allowed", name, []rune(name[at:])[0])
	}
	return nil
}

func badInName(r rune) bool {
	return r == '/' || r == ':' || r == '"' || r == '\\' || unicode.IsSpace(r) || r > unicode.MaxASCII || !unicode.IsPrint(r)
}

// CheckNSName accepts names that can be a file in /run/netns, and in no other directory, and part of an ID.
func CheckNSName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q cannot name a namespace", name)
	case len(name) > 255:
		return errors.New("a namespace's name is a file name: 255 bytes at most")
	case strings.HasPrefix(name, "-"):
		return fmt.Errorf("namespace name %q starts with a dash", name)
	}
	if at := strings.IndexFunc(name, badInName); at >= 0 {
		return fmt.Errorf("namespace name %q: %q is not allowed", name, []rune(name[at:])[0])
	}
	return nil
}

// checkLinkID accepts IDs that fit, with linkd's prefix, into an interface's alias (IFALIASZ in linux/if.h: 256
// bytes).
func checkLinkID(id string) error {
	if id == "" || len(id) > 128 {
		return fmt.Errorf("a link's ID has 1 to 128 bytes, %q has %d", id, len(id))
	}
	if at := strings.IndexFunc(id, func(r rune) bool { return r != ':' && badInName(r) }); at >= 0 {
		return fmt.Errorf("link ID %q: %q is not allowed", id, []rune(id[at:])[0])
	}
	return nil
}

// MAC is a link-layer address in the kernel's notation: six lower-case bytes with colons.
type MAC string

func (m *MAC) DecodeNode(_ *Context, n *yaml.Node) error {
	hw, err := parseMAC(n)
	switch {
	case err != nil:
		return err
	case hw[0]&1 != 0:
		return fmt.Errorf("%s is a multicast address: an interface cannot have it", hw)
	case hw.String() == ZeroMAC:
		return errors.New("an interface cannot have the zero address")
	}
	*m = MAC(hw.String())
	return nil
}

func parseMAC(n *yaml.Node) (net.HardwareAddr, error) {
	hw, err := net.ParseMAC(n.Value)
	// Go accepts twelve digits without separators, too; ip-link(8) does not, and in YAML they are a number.
	bare := !strings.ContainsAny(n.Value, ":-.")
	if n.Kind != yaml.ScalarNode || err != nil || len(hw) != 6 || bare {
		return nil, fmt.Errorf("expected a MAC address, found %s", describe(n))
	}
	return hw, nil
}

func (MAC) Syntax() Syntax {
	return Syntax{
		Name:    "MAC address",
		Doc:     "Six bytes, such as `02:00:00:00:00:01`: the address of one interface, so not a multicast address, and not all zero.",
		Pattern: "^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}([.][0-9A-Fa-f]{4}){2})$",
	}
}

// AnyMAC is a link-layer address in the kernel's notation that an interface need not be able to have.
type AnyMAC string

// ZeroMAC is the address with zero bytes only.
const ZeroMAC = "00:00:00:00:00:00"

func (m *AnyMAC) DecodeNode(_ *Context, n *yaml.Node) error {
	hw, err := parseMAC(n)
	*m = AnyMAC(hw.String())
	return err
}

func (AnyMAC) Syntax() Syntax {
	return Syntax{Name: "any MAC address", Doc: "Six bytes, such as `02:00:00:00:00:01`.", Pattern: MAC("").Syntax().Pattern}
}

// NSRef is the name of a namespace that the files refer to: host, a declared name, or an inline selector.
type NSRef string

func (r *NSRef) DecodeNode(c *Context, n *yaml.Node) error {
	name, _ := c.Namespace(n)
	*r = NSRef(name)
	return nil
}

func (NSRef) Syntax() Syntax {
	return Syntax{
		Name: "namespace reference",
		Doc: "`host`, the name of a namespace that some file declares, or a [selector](#selector) in place. A name that is " +
			"not declared is an error.",
	}
}
