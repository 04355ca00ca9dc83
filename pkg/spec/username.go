package spec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// UserName is the name of a user, or a user ID in decimal, as User= of systemd.exec(5). linkd looks the name up when
// it looks for a process, so a user who does not exist yet is no error.
type UserName string

func (UserName) Syntax() Syntax {
	return Syntax{
		Name: "user",
		Doc: "A user's name, as in `/etc/passwd`, or a user ID in decimal. While no user has that name, the namespace is pending. " +
			"For a user whom only a directory service knows (LDAP, SSSD), write the ID.",
		Min: 0, Max: maxUID,
		Pattern: "^[^-\\s:,/][^:,/]*$",
	}
}

// maxUID is the highest user ID: the kernel uses the next number, -1, for none (uid_valid in linux/uidgid.h).
const maxUID = 1<<32 - 2

// longestUserName is LOGIN_NAME_MAX of limits.h.
const longestUserName = 256

func (u *UserName) DecodeNode(_ *Context, n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("expected a user, found %s", describe(n))
	}
	*u = UserName(n.Value)
	return checkUserName(n.Value)
}

func checkUserName(name string) error {
	bad := func(r rune) bool { return strings.ContainsRune(":,/", r) || unicode.IsControl(r) }
	switch _, isNumber, err := ParseUID(name); {
	case name == "":
		return errors.New("a user's name or ID is missing")
	case isNumber:
		return err
	case len(name) > longestUserName:
		return fmt.Errorf("user name of %d bytes: %d are allowed", len(name), longestUserName)
	case name[0] == '-' || name != strings.TrimSpace(name) || name == "." || name == ".." || strings.ContainsFunc(name, bad):
		return fmt.Errorf("%q is not the name of a user", name)
	}
	return nil
}

// ParseUID parses a user ID. isNumber reports whether the text is a number and not a name; the error says that the
// number is not valid.
func ParseUID(text string) (uid uint32, isNumber bool, err error) {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false, nil
	}
	if len(text) > 1 && text[0] == '0' {
		return 0, true, fmt.Errorf("%s starts with a zero, which YAML versions read differently: write it without", text)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > maxUID {
		return 0, true, fmt.Errorf("%s is not a user ID: the highest is %d", text, uint32(maxUID))
	}
	return uint32(n), true, nil
}
