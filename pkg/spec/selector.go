package spec

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Host is the name of the namespace in which linkd itself runs.
const Host = "host"

// Selector says which network namespace: one of a few schemes and what it needs to know. User is whose processes the
// scheme process finds, by name or ID; root's where it is empty.
type Selector struct{ Scheme, Value, User string }

func (s Selector) String() string {
	if s.User != "" {
		return s.text() + " (user " + s.User + ")"
	}
	return s.text()
}

// text is the selector as ParseSelector reads it, without the user.
func (s Selector) text() string {
	if s.Scheme == Host {
		return Host
	}
	return s.Scheme + ":" + s.Value
}

// Notation are the selector's parts, for SelectorOf to put together again.
func (s Selector) Notation() []string {
	if s.User == "" {
		return []string{s.Scheme, s.Value}
	}
	return []string{s.Scheme, s.Value, s.User}
}

// SelectorOf is the selector that has these Words; ok is false where no selector has.
func SelectorOf(words []string) (s Selector, ok bool) {
	switch len(words) {
	case 2:
		return Selector{Scheme: words[0], Value: words[1]}, true
	case 3:
		return Selector{Scheme: words[0], Value: words[1], User: words[2]}, true
	}
	return s, false
}

// Engine is the name of the container engine that started what is in the namespace; "" where none did.
func (s Selector) Engine() string {
	switch s.Scheme {
	case "docker":
		return "Docker"
	case "podman":
		return "podman"
	}
	return ""
}

// ByPID tells whether the namespace is that of a process, and so comes and goes with it.
func (s Selector) ByPID() bool { return s.Scheme == "pid" || s.Scheme == "process" }

// schemes are the ways to find a namespace, with what follows the colon.
var schemes = []struct{ name, value, doc string }{
	{"name", "NAME", "the file `/run/netns/NAME`, as `ip netns add NAME` makes it"},
	{"path", "/ABS", "a file on which a network namespace is mounted"},
	{"pid", "N", "the process with that ID"},
	{"process", "COMMAND LINE", "the one process of root, or of the `user` that the namespace names, whose command line matches; several are an error that lists them"},
	{"docker", "NAME|ID", "a container of Docker's; `DOCKER_HOST` is honoured"},
	{"docker", "label=KEY[=VALUE]", "every container of Docker's that runs and has the label, or podman's with `podman:`: a template"},
	{"podman", "NAME|ID", "a container of podman's; `CONTAINER_HOST` is honoured"},
	{"unit", "NAME.service", "the main process of a systemd service"},
}

func schemeNames() (names []string) {
	for _, s := range schemes {
		names = append(names, s.name)
	}
	return slices.Compact(names)
}

var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// labelText is KEY or KEY=VALUE.
var labelText = regexp.MustCompile(`^[^=\s]+(=.*)?$`)

var serviceName = regexp.MustCompile(`^[a-zA-Z0-9:_.\\@-]+\.service$`)

// isSelector tells a selector from a plain namespace name, which cannot hold a colon.
func isSelector(text string) bool { return text == Host || strings.Contains(text, ":") }

// selectorText is a selector in YAML.
type selectorText string

// Syntax implements Described.
func (selectorText) Syntax() Syntax {
	doc := "Which network namespace:\n\n- `host`: the one that linkd itself runs in"
	for _, s := range schemes {
		doc += fmt.Sprintf("\n- `%s:%s`: %s", s.name, s.value, s.doc)
	}
	return Syntax{
		Name:    "selector",
		Doc:     doc,
		Pattern: "^(" + Host + "|(" + strings.Join(schemeNames(), "|") + "):.+)$",
	}
}

// ParseSelector reads SCHEME:VALUE or host.
func ParseSelector(text string) (Selector, error) {
	if text == Host {
		return Selector{Scheme: Host}, nil
	}
	scheme, value, found := strings.Cut(text, ":")
	if !found {
		return Selector{}, fmt.Errorf("%q is not a selector: write one of %s, as in name:%s", text, strings.Join(schemeNames(), ":, ")+":", text)
	}
	if err := OneOf("selector", scheme, schemeNames()...); err != nil {
		return Selector{}, err
	}
	s := Selector{Scheme: scheme, Value: value}
	switch scheme {
	case "name":
		return s, CheckNSName(value)
	case "path":
		if !filepath.IsAbs(value) {
			return s, fmt.Errorf("path:%s is not absolute", value)
		}
		s.Value = filepath.Clean(value)
	case "pid":
		if pid, err := strconv.ParseUint(value, 10, 31); err != nil || pid == 0 {
			return s, fmt.Errorf("%q is not a process ID", value)
		}
	case "docker", "podman":
		// What the engines let a container be called (RestrictedNameChars in moby/daemon/names); an ID is one, too.
		if label, many := s.ManyByLabel(); many {
			if !labelText.MatchString(label) {
				return s, fmt.Errorf("%q is not a label: write label=KEY or label=KEY=VALUE", label)
			}
		} else if !containerName.MatchString(value) {
			return s, fmt.Errorf("%q is not a container's name or ID", value)
		}
	case "unit":
		// systemd.unit(5); only a service has a main process.
		if !serviceName.MatchString(value) {
			return s, fmt.Errorf("%q is not the name of a service: write NAME.service", value)
		}
	case "process":
		if s.Value = strings.TrimSpace(value); s.Value == "" {
			return s, fmt.Errorf("process: needs the command line of a process")
		}
	}
	return s, nil
}

// PlainName is a name to declare a namespace under that the selector finds, made of what the selector says.
func (s Selector) PlainName() string {
	text := s.Value
	if s.Scheme == "pid" {
		text = "pid-" + text
	}
	fit := func(r rune) rune {
		if badInName(r) {
			return '-'
		}
		return r
	}
	name := strings.Trim(strings.Map(fit, text), "-.")
	if len(name) > longestPlainName {
		name = strings.TrimRight(name[:longestPlainName], "-.")
	}
	if CheckNSName(name) != nil || name == Host {
		return s.Scheme
	}
	return name
}

// longestPlainName keeps a long command line from being a name of that length.
const longestPlainName = 40

// CheckReference checks what may stand for a namespace: a name, or a selector.
func CheckReference(text string) error {
	if isSelector(text) {
		_, err := ParseSelector(text)
		return err
	}
	return CheckNSName(text)
}
